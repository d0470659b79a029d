// `npm run kubernetes:build`: builds a real Kubernetes from Go modules into a cache outside the tree, to compare ours with.
// Does nothing for what is there already. With --install, as root on Debian, installs the programs it runs with.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDebianPackages } from '../debian.ts';

const module = import.meta.dirname;

interface Target {
  readonly name: string;
  readonly packagePath: string;
  /** `go test -c` instead of `go build`. */
  readonly test?: boolean;
}

const targets: readonly Target[] = [
  { name: 'kube-apiserver', packagePath: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  {
    name: 'kube-controller-manager',
    packagePath: 'k8s.io/kubernetes/cmd/kube-controller-manager',
  },
  { name: 'kube-scheduler', packagePath: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  { name: 'kubelet', packagePath: 'k8s.io/kubernetes/cmd/kubelet' },
  { name: 'kube-proxy', packagePath: 'k8s.io/kubernetes/cmd/kube-proxy' },
  { name: 'kubectl', packagePath: 'k8s.io/kubernetes/cmd/kubectl' },
  { name: 'e2e.test', packagePath: 'k8s.io/kubernetes/test/e2e', test: true },
];

/** What a built Kubernetes runs with: command, Debian package, purpose. */
const companions: readonly (readonly [string, string, string])[] = [
  ['etcd', 'etcd-server', "keeps the API server's state"],
  ['containerd', 'containerd', 'runs the containers of a node'],
  ['runc', 'runc', 'starts one container'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins', 'connects pods'],
  ['iptables', 'iptables', 'carries service addresses'],
];

/** The pinned release, of go.mod: `v1.34.4`. */
function pinnedVersion(): string {
  const text = readFileSync(join(module, 'go.mod'), 'utf8');
  const found = /^(?:require|\t)\s*k8s\.io\/kubernetes (v\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error('go.mod requires no k8s.io/kubernetes');
  return found;
}

/** Where the programs of a release lie: `$XDG_CACHE_HOME/tweendeck/kubernetes/v1.34.4-linux-x64`. */
function binaryDirectory(version: string): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const platform = `${process.platform}-${process.arch}`;
  return join(cache, 'tweendeck', 'kubernetes', `${version}-${platform}`);
}

/** A server without these flags calls itself v0.0.0, and clients misbehave. */
function linkerFlags(version: string): string {
  const [major = '', minor = ''] = version.slice(1).split('.');
  const flags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap(
    (place) => [
      `-X ${place}.gitVersion=${version}`,
      `-X ${place}.gitMajor=${major}`,
      `-X ${place}.gitMinor=${minor}`,
      `-X ${place}.gitTreeState=clean`,
    ],
  );
  return ['-s', '-w', ...flags].join(' ');
}

function build(target: Target, version: string, output: string): Promise<void> {
  const fresh = `${output}.new-${process.pid}`;
  const verb = target.test ? ['test', '-c'] : ['build'];
  const args = [
    ...verb,
    '-trimpath',
    '-mod=readonly',
    '-ldflags',
    linkerFlags(version),
    '-o',
    fresh,
    target.packagePath,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, {
      cwd: module,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) {
        renameSync(fresh, output);
        resolve();
      } else {
        rmSync(fresh, { force: true });
        reject(new Error(`go ended with ${code}`));
      }
    });
  });
}

function isThere(command: string): boolean {
  if (command.startsWith('/')) return existsSync(command);
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

/** Says what is missing beside the binaries; installs it when told to. True when all is there. */
function checkCompanions(install: boolean): boolean {
  const missing = companions.filter(([command]) => !isThere(command));
  for (const [command, debianPackage, purpose] of missing) {
    process.stdout.write(`missing  ${command}: ${purpose} (apt-get install ${debianPackage})\n`);
  }
  if (missing.length === 0 || !install) return missing.length === 0;
  return installDebianPackages(missing.map(([, debianPackage]) => debianPackage));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      install: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(
      'npm run kubernetes:build [-- --install] [-- --only=kube-apiserver,kubectl]\n\n' +
        `Builds ${targets.map(({ name }) => name).join(', ')} into ${binaryDirectory(pinnedVersion())}.\n` +
        '  --install  as root on Debian, install etcd, containerd and the rest that they run with\n' +
        '  --only     build only these\n',
    );
    return 0;
  }
  const only = values.only?.split(',');
  const unknown = only?.filter((name) => !targets.some((target) => target.name === name)) ?? [];
  if (unknown.length > 0) {
    process.stderr.write(`kubernetes: there is no ${unknown.join(', ')} to build\n`);
    return 2;
  }
  const version = pinnedVersion();
  const directory = binaryDirectory(version);
  mkdirSync(directory, { recursive: true });
  const wanted = targets.filter(({ name }) => !only || only.includes(name));
  const missing = wanted.filter(({ name }) => !existsSync(join(directory, name)));
  if (missing.length > 0 && !isThere('go')) {
    process.stderr.write(
      'kubernetes: Go 1.24 or newer is needed to build; "npm run doctor" says how to get it.\n',
    );
    return 1;
  }
  const startedMs = performance.now();
  for (const [index, target] of missing.entries()) {
    process.stdout.write(
      `building ${target.name} ${version} (${index + 1} of ${missing.length}; minutes when cold)\n`,
    );
    const begunMs = performance.now();
    await build(target, version, join(directory, target.name));
    const megabytes = Math.round(statSync(join(directory, target.name)).size / 1e6);
    const seconds = Math.round((performance.now() - begunMs) / 1_000);
    process.stdout.write(`built    ${target.name}: ${megabytes} MB in ${seconds} s\n`);
  }
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const did = missing.length === 0 ? 'all there' : `${missing.length} built in ${seconds} s`;
  process.stdout.write(`Kubernetes ${version}: ${did}, in ${directory}\n`);
  return checkCompanions(values.install) ? 0 : 1;
}

process.exitCode = await main();
