// `npm run kubernetes:build`: builds a real Kubernetes from Go modules into a cache outside the tree, to compare ours with.
// Does nothing for what is there already. With --install, as root on Debian, installs the programs it runs with.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDebianPackages } from '../debian.ts';
import { companions, isThere } from './companions.ts';
import {
  binaryDirectory,
  furtherPrograms,
  installCommand,
  isBuilt,
  knownReleases,
  moduleDirectory,
  pinnedRelease,
  versionOf,
} from './release.ts';

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
  // Debian's 3.4.23 cannot tell how far a watch is: the API server then refuses streamed lists and is late with others.
  { name: 'etcd', packagePath: 'go.etcd.io/etcd/server/v3' },
];

/** What can be built of a release: everything of the pinned one, of others what clients meet. */
function targetsOf(release: string): readonly Target[] {
  if (release === pinnedRelease) return targets;
  return targets.filter(({ name }) => furtherPrograms.includes(name));
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

function build(target: Target, release: string): Promise<void> {
  const output = join(binaryDirectory(release), target.name);
  const fresh = `${output}.new-${process.pid}`;
  const verb = target.test ? ['test', '-c'] : ['build'];
  const flags = ['-trimpath', '-mod=readonly', '-ldflags', linkerFlags(versionOf(release))];
  return new Promise((resolve, reject) => {
    const child = spawn('go', [...verb, ...flags, '-o', fresh, target.packagePath], {
      cwd: moduleDirectory(release),
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

/** Says what is missing beside the binaries; installs it when told to. True when all is there. */
function checkCompanions(install: boolean): boolean {
  const missing = companions.filter(({ command }) => !isThere(command));
  for (const { command, debianPackage, purpose } of missing) {
    process.stdout.write(`missing  ${command}: ${purpose} (apt-get install ${debianPackage})\n`);
  }
  if (missing.length === 0) return true;
  if (install) {
    return (
      installDebianPackages([...new Set(missing.map(({ debianPackage }) => debianPackage))]) &&
      missing.every(({ command }) => isThere(command))
    );
  }
  process.stdout.write(`Get all of it, as root on Debian: ${installCommand}\n`);
  return false;
}

async function buildMissing(release: string, wanted: readonly Target[]): Promise<void> {
  const version = versionOf(release);
  const directory = binaryDirectory(release);
  mkdirSync(directory, { recursive: true });
  const missing = wanted.filter(({ name }) => !isBuilt(release, name));
  const startedMs = performance.now();
  for (const [index, target] of missing.entries()) {
    process.stdout.write(
      `building ${target.name} ${version} (${index + 1} of ${missing.length}; minutes when cold)\n`,
    );
    const begunMs = performance.now();
    await build(target, release);
    const megabytes = Math.round(statSync(join(directory, target.name)).size / 1e6);
    const seconds = Math.round((performance.now() - begunMs) / 1_000);
    process.stdout.write(`built    ${target.name}: ${megabytes} MB in ${seconds} s\n`);
  }
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const did = missing.length === 0 ? 'all there' : `${missing.length} built in ${seconds} s`;
  process.stdout.write(`Kubernetes ${version}: ${did}, in ${directory}\n`);
}

function help(): string {
  return (
    'npm run kubernetes:build [-- --install] [-- --only=kube-apiserver,kubectl] [-- --release=1.36]\n\n' +
    `Builds ${targets.map(({ name }) => name).join(', ')} into ${binaryDirectory(pinnedRelease)}.\n` +
    '  --install  as root on Debian, install containerd and the rest that they run with\n' +
    '  --only     build only these\n' +
    `  --release  ${knownReleases().join(', ')}; ${pinnedRelease} unless told otherwise. Of the others only\n` +
    `             ${furtherPrograms.join(', ')} is built\n`
  );
}

/** What keeps Go from building: it is not there, or older than what fetches its successors by itself. */
function goComplaint(): string | undefined {
  // Where its own instructions put it, which need not be on the path.
  const folder = '/usr/local/go/bin';
  if (!isThere('go') && existsSync(folder)) {
    process.env['PATH'] = `${process.env['PATH']}:${folder}`;
  }
  const needed = 'Go 1.24 or newer is needed to build (from 1.21 on, Go fetches newer ones itself)';
  const hint = 'see https://go.dev/doc/install, or "npm run doctor".';
  if (!isThere('go')) return `${needed}, and there is none; ${hint}`;
  const { stdout } = spawnSync('go', ['version'], { encoding: 'utf8' });
  const minor = Number(/go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
  return minor < 21 ? `${needed}; this is ${stdout.trim()}; ${hint}` : undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      install: { type: 'boolean', default: false },
      only: { type: 'string' },
      release: { type: 'string', default: pinnedRelease },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help());
    return 0;
  }
  const { release } = values;
  const only = values.only?.split(',');
  const buildable = targetsOf(release);
  const unknown = only?.filter((name) => !buildable.some((target) => target.name === name)) ?? [];
  if (unknown.length > 0 || !knownReleases().includes(release)) {
    const what = unknown.length > 0 ? `${unknown.join(', ')} of ${release}` : `release ${release}`;
    process.stderr.write(`kubernetes: there is no ${what} to build\n\n${help()}`);
    return 2;
  }
  const wanted = buildable.filter(({ name }) => !only || only.includes(name));
  const companionsThere = checkCompanions(values.install);
  if (wanted.some(({ name }) => !isBuilt(release, name))) {
    const complaint = goComplaint();
    if (complaint !== undefined) {
      process.stderr.write(`kubernetes: ${complaint}\n`);
      return 1;
    }
  }
  await buildMissing(release, wanted);
  return companionsThere ? 0 : 1;
}

process.exitCode = await main();
