// A containerd of our own for a test: own state, own socket, own cgroups, and gone with everything it started.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Image, packLayout } from '@tweendeck/oci';
import { until } from './home.ts';
import { type Outcome, runProgram } from './kubectl.ts';

export interface RunOptions {
  /** As in a manifest: replaces the image's command, not its entry point. */
  readonly args?: readonly string[];
  /** Host directories by the path inside; writable. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** Paths inside that are memory. */
  readonly temporary?: readonly string[];
  /** A process whose process namespace the container joins. */
  readonly joinProcess?: number;
}

const prefix = 'tweendeck-containerd-';

/** Containers get the network of this machine and a read-only root file system. */
export class TestContainerd implements AsyncDisposable {
  readonly directory: string;
  #daemon: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #containers: string[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** What a test that was ended by force has left in this directory; dispose to remove it. */
  static abandoned(directory: string): TestContainerd {
    return new TestContainerd(directory);
  }

  static async open(): Promise<TestContainerd> {
    assert.equal(process.getuid?.(), 0, 'containers need root');
    for (const program of ['/usr/bin/containerd', '/usr/bin/ctr', '/usr/sbin/runc']) {
      assert.ok(
        existsSync(program),
        `${program} is missing: npm run kubernetes:build -- --install`,
      );
    }
    await removeAbandoned();
    const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
    const containerd = new TestContainerd(directory);
    try {
      await containerd.#start();
    } catch (error) {
      await containerd[Symbol.asyncDispose]();
      throw error;
    }
    return containerd;
  }

  async #start(): Promise<void> {
    const config = join(this.directory, 'config.toml');
    await writeFile(
      config,
      [
        'version = 2',
        `root = "${this.directory}/root"`,
        `state = "${this.directory}/state"`,
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
        '[grpc]',
        `  address = "${this.#socket}"`,
      ].join('\n'),
    );
    const daemon = spawn('/usr/bin/containerd', ['--config', config], { stdio: 'ignore' });
    this.#daemon = daemon;
    this.#ended = new Promise((resolve) => daemon.on('close', resolve));
    await until('containerd answers', async () => (await this.#try(['version'])).code === 0);
  }

  get #socket(): string {
    return join(this.directory, 'containerd.sock');
  }

  /** Namespace and cgroups; nobody else uses this name. */
  get #mark(): string {
    return basename(this.directory);
  }

  #try(args: readonly string[], timeoutMs = 60_000): Promise<Outcome> {
    const own = ['--address', this.#socket, '--namespace', this.#mark];
    return runProgram('/usr/bin/ctr', [...own, ...args], { timeoutMs });
  }

  /** Runs `ctr`; fails with what it said. */
  async ctr(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#try(args);
    assert.equal(code, 0, `ctr ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Loads the images of a layout. */
  async load(layout: string): Promise<void> {
    const file = join(this.directory, 'layout.tar');
    await packLayout({ directory: layout, file }, AbortSignal.timeout(60_000));
    await this.ctr('images', 'import', file);
    await rm(file);
  }

  /** Runs a container to its end. */
  run(image: Image, options: RunOptions = {}): Promise<Outcome> {
    return this.#try(['run', '--rm', ...this.#runArgs(image, options)]);
  }

  /** Starts a container; returns its name and the process on this machine. */
  async start(image: Image, options: RunOptions = {}): Promise<{ name: string; pid: number }> {
    const args = this.#runArgs(image, options);
    const name = this.#containers.at(-1) ?? '';
    await this.ctr('run', '--detach', '--log-uri', `file://${this.#logPath(name)}`, ...args);
    const tasks = await this.ctr('tasks', 'list');
    const pid = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(tasks)?.[1];
    assert.ok(pid, `${name} is not running: ${await this.log(name)}`);
    return { name, pid: Number(pid) };
  }

  #runArgs(image: Image, options: RunOptions): readonly string[] {
    const name = `c${this.#containers.length + 1}`;
    this.#containers.push(name);
    const mounts = Object.entries(options.mounts ?? {}).map(
      ([path, source]) => `type=bind,src=${source},dst=${path},options=rbind:rw`,
    );
    const temporary = (options.temporary ?? []).map(
      (path) => `type=tmpfs,src=tmpfs,dst=${path},options=rw:mode=1777`,
    );
    const joined = options.joinProcess;
    return [
      '--read-only',
      '--net-host',
      ...(joined === undefined ? [] : ['--with-ns', `pid:/proc/${joined}/ns/pid`]),
      ...['--cgroup', `/${this.#mark}/${name}`],
      ...[...mounts, ...temporary].flatMap((mount) => ['--mount', mount]),
      image.names[0] ?? '',
      name,
      // ctr replaces the entry point as well, so it is said again.
      ...(options.args ? [...entrypointOf(image), ...options.args] : []),
    ];
  }

  #logPath(name: string): string {
    return join(this.directory, `${name}.log`);
  }

  /** What a started container wrote. */
  log(name: string): Promise<string> {
    return readFile(this.#logPath(name), 'utf8').catch(() => ''); // nothing yet
  }

  /** Sends SIGTERM as a kubelet does, waits for the end, and returns the exit code. */
  async stop(name: string): Promise<number> {
    await this.ctr('tasks', 'kill', '--signal', 'SIGTERM', name);
    await until(`${name} ends`, async () =>
      /STOPPED/.test(
        (await this.ctr('tasks', 'list')).split('\n').find((line) => line.startsWith(`${name} `)) ??
          '',
      ),
    );
    const { code } = await this.#try(['tasks', 'delete', name]);
    await this.ctr('containers', 'delete', name);
    return code;
  }

  /** Processes, mounts, cgroups and directories on this machine that belong to this containerd. */
  async traces(): Promise<readonly string[]> {
    const mounts = (await readFile('/proc/self/mounts', 'utf8'))
      .split('\n')
      .filter((line) => line.includes(this.directory))
      .map((line) => `mount ${line.split(' ')[1]}`);
    const processes = (await this.#processes()).map((pid) => `process ${pid}`);
    const runtime = join('/run/containerd/runc', this.#mark);
    const places = [...(await this.#cgroups()), runtime, this.directory];
    const left = places.filter((path) => existsSync(path)).map((path) => `directory ${path}`);
    return [...processes, ...mounts, ...left];
  }

  /** The daemon and the shims: all are started with the path of the socket or the configuration. */
  async #processes(): Promise<readonly number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // ended meanwhile
        const ours = line.includes(`${this.directory}/`) && /containerd[^/]*\0/.test(line);
        return ours ? [Number(pid)] : [];
      }),
    );
    return found.flat();
  }

  async #cgroups(): Promise<readonly string[]> {
    const root = '/sys/fs/cgroup';
    const hierarchies = [root, ...(await readdir(root)).map((name) => join(root, name))];
    return hierarchies.map((place) => join(place, this.#mark)).filter((path) => existsSync(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon) {
      for (const name of this.#containers) {
        await this.#try(['tasks', 'delete', '--force', name]); // most have ended already
        await this.#try(['containers', 'delete', name]);
      }
      this.#daemon.kill('SIGTERM');
      await this.#ended;
    }
    for (const path of await this.#cgroups()) await endCgroup(path);
    for (const pid of await this.#processes()) endProcess(pid);
    await until('the shims are gone', async () => (await this.#processes()).length === 0);
    for (const trace of (await this.traces()).toReversed()) {
      if (trace.startsWith('mount '))
        await runProgram('umount', ['-l', trace.slice('mount '.length)]);
    }
    for (const path of await this.#cgroups()) await removeCgroup(path);
    await this.#removeSockets();
    await rm(join('/run/containerd/runc', this.#mark), { recursive: true, force: true });
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A shim that was ended by force leaves its socket outside the directory. */
  async #removeSockets(): Promise<void> {
    const state = join(this.directory, 'state');
    const found = await readdir(state, { recursive: true }).catch(() => []); // it never started
    for (const path of found.filter((name) => basename(name) === 'address')) {
      const address = await readFile(join(state, path), 'utf8');
      await rm(address.replace(/^unix:\/\//, ''), { force: true });
    }
  }
}

/** Removes what earlier tests left that were ended by force: their directories name processes that are no more. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length).split('-')[0] : undefined;
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await TestContainerd.abandoned(join(tmpdir(), name))[Symbol.asyncDispose]();
  }
}

/** The entry point that an image names. */
function entrypointOf(image: Image): readonly string[] {
  const config = image.config['config'] as { readonly Entrypoint?: readonly string[] }; // we wrote it
  return config.Entrypoint ?? [];
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends every process of a cgroup and of those below it. */
async function endCgroup(path: string): Promise<void> {
  for (const item of await readdir(path, { withFileTypes: true })) {
    if (item.isDirectory()) await endCgroup(join(path, item.name));
  }
  const pids = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => ''); // gone meanwhile
  for (const pid of pids.split('\n').filter(Boolean)) endProcess(Number(pid));
}

async function removeCgroup(path: string): Promise<void> {
  for (const item of await readdir(path, { withFileTypes: true })) {
    if (item.isDirectory()) await removeCgroup(join(path, item.name));
  }
  await until(`${path} can be removed`, () => rmdir(path).then(() => true));
}
