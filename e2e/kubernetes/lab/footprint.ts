// What a lab has on this machine at the moment: empty before it is opened, and again after it is disposed.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { locate } from '../../../tools/kubernetes/companions.ts';
import { cgroupHierarchies } from './cgroups.ts';
import { allProcessIds, processFile, processOf } from './processes.ts';
import { markerName, mountsBelow } from './undo.ts';

/** One line for each thing that belongs to the lab of this directory; labs beside it do not count. */
export function footprint(directory: string): readonly string[] {
  const name = basename(directory);
  const number = name.replace(/^.*-/, '');
  const processes = processesOf(directory);
  return [
    ...processes.map((pid) => `process ${pid} ${processFile(pid, 'comm').trim()}`),
    ...networkNamespaces(processes),
    ...mountsBelow(directory).map((path) => `mount ${path}`),
    ...cgroupsNamed(name).map((path) => `cgroup ${path}`),
    ...entries('/sys/class/net')
      .filter((link) => new RegExp(`^tdlab${number}(n\\d+)?$`).test(link))
      .map((link) => `link ${link}`),
    ...routesIn(Number(number)).map((route) => `route ${route}`),
    ...packetRules()
      .filter((rule) => rule.includes(`10.${number}.`) || rule.includes(name))
      .map((rule) => `packet rule ${rule}`),
    ...(existsSync(directory) ? [`directory ${directory}`] : []),
  ];
}

/** Settings of the kernel and names that a lab shares with all others and must leave as they were. */
export function machineState(): readonly string[] {
  return [
    ...kernelSettings.map((path) => `${path} = ${read(join('/proc/sys', path)).trim()}`),
    ...entries('/run/netns').map((name) => `/run/netns/${name}`),
    ...entries('/etc/cni/net.d').map((name) => `/etc/cni/net.d/${name}`),
    ...['/var/lib/kubelet', '/var/lib/cni', '/var/log/pods', '/opt/containerd', '/run/containerd']
      .filter((path) => existsSync(path))
      .map((path) => `${path}: ${entries(path).length}`),
    ...packetRules().filter((rule) => rule.includes('KUBE') || rule.includes('CNI')),
  ];
}

const kernelSettings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/route_localnet',
  'net/ipv4/conf/all/rp_filter',
  'net/netfilter/nf_conntrack_max',
];

/** By the marker in the environment, the directory in the command line, or the control group. */
function processesOf(directory: string): readonly number[] {
  const group = new RegExp(`/${basename(directory)}(/|$)`, 'm');
  return allProcessIds().filter(
    (pid) =>
      pid !== process.pid &&
      processOf(pid) !== undefined &&
      (processFile(pid, 'environ').split('\0').includes(`${markerName}=${directory}`) ||
        processFile(pid, 'cmdline').split('\0').includes(directory) ||
        group.test(processFile(pid, 'cgroup'))),
  );
}

function networkNamespaces(processes: readonly number[]): readonly string[] {
  const own = readlinkSync('/proc/self/ns/net');
  const found = processes.flatMap((pid) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/net`)];
    } catch {
      return []; // ended meanwhile
    }
  });
  return [...new Set(found)].filter((space) => space !== own).map((space) => `namespace ${space}`);
}

function cgroupsNamed(name: string): readonly string[] {
  return cgroupHierarchies()
    .map((hierarchy) => join(hierarchy, name))
    .filter((path) => existsSync(path));
}

/** Destinations below 10.NUMBER. */
function routesIn(number: number): readonly string[] {
  const lines = read('/proc/net/route').trim().split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, destination = ''] = line.split('\t');
    const [d = 0, c = 0, b = 0, a = 0] = Buffer.from(destination, 'hex');
    return a === 10 && b === number ? [`10.${number}.${c}.${d}`] : [];
  });
}

/** Of this machine's own packet filter; none when it has no such program. */
function packetRules(): readonly string[] {
  const program = locate('iptables-save');
  if (program === undefined || process.getuid?.() !== 0) return [];
  const text = execFileSync(program, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text.split('\n').filter((line) => line.startsWith('-A'));
}

function entries(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
