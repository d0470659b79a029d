// One node: a machine in namespaces of its own, whose end is the end of every process on it.

import { existsSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupHierarchies, makeCgroup } from './cgroups.ts';
import { runFor } from './commands.ts';
import type { Command } from './control-plane-commands.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { type NodeFacts, type NodeFiles, writeNodeFiles } from './node-files.ts';
import { endProcesses, processOf } from './processes.ts';
import type { Site } from './site.ts';
import { together } from './together.ts';
import { removeCgroup } from './undo.ts';

/** Everything of a machine that does not change when it is switched off. */
export interface MachineFacts extends NodeFacts {
  /** This machine's end of the cable: a network link. */
  readonly link: string;
  readonly hardwareAddress: string;
  /** Where the cable leads. */
  readonly bridge: string;
  readonly gateway: string;
  /** Pod ranges of the other nodes, and their addresses. */
  readonly neighbours: readonly (readonly [range: string, address: string])[];
  /** The range of all pods of the cluster. */
  readonly podRangeOfAll: string;
}

/** A node that can be switched on and off. */
export class Machine {
  readonly facts: MachineFacts;
  readonly #site: Site;
  #files: NodeFiles | undefined;
  #boot: Daemon | undefined;
  /** Process 1 of the node, as this machine numbers it. */
  #first: number | undefined;

  constructor(site: Site, facts: MachineFacts) {
    this.#site = site;
    this.facts = facts;
  }

  /** Boots it up to a containerd that answers. Needs no API server. */
  async switchOn(): Promise<void> {
    const { facts } = this;
    this.#files ??= await this.#prepare();
    makeCgroup(facts.cgroup);
    const boot = await startDaemon(this.#site.claim, `${facts.name}-boot`, this.#bootCommand());
    this.#boot = boot;
    await this.#plugIn(boot);
    await boot.ready(async () => {
      this.#first ??= onlyChild(boot.pid);
      return this.#first !== undefined && existsSync(`/proc/${this.#first}/root/run/booted`);
    });
    const { programs } = this.#site;
    const containerd = [programs.system('containerd'), '--config', this.#files.containerd] as const;
    const daemon = await this.#start('containerd', containerd);
    await daemon.ready(async () => (await this.containers(['version'])) !== '');
  }

  /** Starts kubelet and kube-proxy; resolves when both are healthy. */
  async join(): Promise<void> {
    this.#files ??= await this.#prepare();
    const files = this.#files;
    const { facts } = this;
    const { programs } = this.#site;
    const [kubelet, proxy] = await Promise.all([
      this.#start('kubelet', [
        programs.built('kubelet'),
        ...[`--config=${files.kubelet}`, `--kubeconfig=${files.kubeletKubeconfig}`],
        ...[`--node-ip=${facts.address}`, `--hostname-override=${facts.name}`],
      ]),
      this.#start('kube-proxy', [programs.built('kube-proxy'), `--config=${files.kubeProxy}`]),
    ]);
    await together([
      kubelet.ready(() => this.#listens(10250)),
      proxy.ready(() => this.#listens(10256)),
    ]);
  }

  /** Ends every process on it without goodbye, and its network with them. What was in memory is gone. */
  async switchOff(): Promise<void> {
    const first = this.#first === undefined ? undefined : processOf(this.#first);
    const boot = this.#boot;
    this.#first = undefined;
    this.#boot = undefined;
    if (first) await endProcesses([first]);
    await boot?.ended;
    await this.#unplug();
    for (const hierarchy of cgroupHierarchies()) {
      await removeCgroup(join(hierarchy, this.facts.cgroup));
    }
  }

  /** Runs containerd's client in the namespace of Kubernetes; its output. */
  async containers(args: readonly string[]): Promise<string> {
    const [program, ...rest] = this.#inside(['ctr', '--namespace=k8s.io', ...args]);
    return runFor(this.#site.claim, program, rest);
  }

  async #prepare(): Promise<NodeFiles> {
    mkdirSync(this.facts.disk, { recursive: true });
    return writeNodeFiles(this.#site, this.facts, { podRange: this.facts.podRangeOfAll });
  }

  #bootCommand(): Command {
    const { name, disk, address, gateway, neighbours } = this.facts;
    const script = join(import.meta.dirname, 'node-boot.sh');
    return [
      this.#site.programs.system('unshare'),
      ...['--mount', '--propagation=private', '--net', '--pid', '--uts', '--ipc', '--fork'],
      ...['--kill-child=SIGKILL', '--mount-proc', 'sh', script],
      ...[name, disk, address, gateway, ...neighbours.flat()],
    ];
  }

  /** A cable from this machine's bridge into the node. */
  async #plugIn(boot: Daemon): Promise<void> {
    const { link, bridge, hardwareAddress } = this.facts;
    const { claim } = this.#site;
    await boot.ready(async () => hasOwnNetwork(boot.pid));
    claim.journal.add({ kind: 'link', name: link });
    const peer = ['peer', 'name', 'eth0', 'address', hardwareAddress, 'netns', String(boot.pid)];
    await runFor(claim, 'ip', ['link', 'add', link, 'type', 'veth', ...peer]);
    await runFor(claim, 'ip', ['link', 'set', link, 'master', bridge, 'up']);
  }

  /** Removes this machine's end of the cable, if the end of the node did not. */
  async #unplug(): Promise<void> {
    const { link } = this.facts;
    await runFor(this.#site.claim, 'ip', ['link', 'delete', link]).catch((error: unknown) => {
      if (existsSync(`/sys/class/net/${link}`)) throw error;
    });
  }

  #start(name: string, command: Command): Promise<Daemon> {
    return startDaemon(this.#site.claim, `${this.facts.name}-${name}`, this.#inside(command));
  }

  /** A command as a process of the node. */
  #inside(command: Command): Command {
    if (this.#first === undefined) throw new Error(`${this.facts.name} is switched off`);
    const target = `--target=${this.#first}`;
    const spaces = ['--mount', '--net', '--pid', '--uts', '--ipc'];
    return [this.#site.programs.system('nsenter'), target, ...spaces, '--', ...command];
  }

  /** Whether the node listens at a port, as its own kernel tells. */
  async #listens(port: number): Promise<boolean> {
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    return ['tcp', 'tcp6'].some((name) =>
      readFileSync(`/proc/${this.#first}/net/${name}`, 'latin1')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .some((fields) => fields[1]?.endsWith(suffix) && fields[3] === '0A'),
    );
  }
}

function onlyChild(pid: number): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return children === '' ? undefined : Number(children.split(' ')[0]);
}

/** Whether a process has left the network of this machine for one of its own. */
function hasOwnNetwork(pid: number): boolean {
  return readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net');
}
