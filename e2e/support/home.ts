// Starts the built program as a person would, in a folder of its own, and leaves nothing behind.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type KubectlVersion, kubectlProgram, type Outcome, runProgram } from './kubectl.ts';

const program = join(import.meta.dirname, '..', '..', 'apps', 'tweendeck', 'bin', 'tweendeck.cjs');

/** A free TCP port of 127.0.0.1 at the time of asking. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(),
      );
    });
  });
}

/** Polls a real condition of the outside world; fails with what was last seen. */
export async function until<Value>(
  what: string,
  probe: () => Promise<Value | undefined | false>,
  timeoutMs = 30_000,
): Promise<Value> {
  const endsMs = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < endsMs) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
}

export interface HomeOptions {
  readonly quickstart?: 'none' | 'cacheserver';
  readonly cachePort?: number;
  readonly port?: number;
  /** Where its data directory is made; the folder for temporary files when omitted. */
  readonly parent?: string;
  readonly args?: readonly string[];
}

/** A data directory and the program that runs on it; the program may be stopped, killed and started again. */
export class TestHome implements AsyncDisposable {
  readonly directory: string;
  readonly cachePort: number;
  #child: ChildProcess | undefined;
  #exited: Promise<{ code: number | null; signal: string | null }> | undefined;
  #messages: Record<string, unknown>[] = [];
  #stderr = '';

  private constructor(directory: string, cachePort: number) {
    this.directory = directory;
    this.cachePort = cachePort;
  }

  /** Makes the folder and starts the program. */
  static async open(options: HomeOptions = {}): Promise<TestHome> {
    const directory = await mkdtemp(join(options.parent ?? tmpdir(), 'tweendeck-e2e-'));
    const home = new TestHome(directory, options.cachePort ?? (await freePort()));
    try {
      await home.start(options);
    } catch (error) {
      await home[Symbol.asyncDispose]();
      throw error;
    }
    return home;
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig');
  }

  get pid(): number {
    assert.ok(this.#child?.pid, 'the home is not running');
    return this.#child.pid;
  }

  /** Everything the program wrote on standard error since its start. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Starts the program and waits until it says it is ready. */
  async start(options: HomeOptions = {}): Promise<void> {
    this.spawn(options);
    await this.message('ready');
  }

  /** Starts the program without waiting. */
  spawn(options: HomeOptions = {}): void {
    const args = [
      'up',
      '--json',
      `--data-dir=${this.directory}`,
      `--port=${options.port ?? 0}`,
      `--quickstart=${options.quickstart ?? 'none'}`,
      `--cache-port=${this.cachePort}`,
      ...(options.args ?? []),
    ];
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#messages = [];
    this.#stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    createInterface({ input: child.stdout }).on('line', (line) =>
      this.#messages.push(JSON.parse(line)),
    );
    this.#exited = new Promise((resolve) =>
      child.on('close', (code, signal) => {
        this.#child = undefined;
        resolve({ code, signal });
      }),
    );
  }

  /** The first message of this kind on standard output. */
  async message(kind: string, timeoutMs = 60_000): Promise<Record<string, unknown>> {
    return until(
      `the home says "${kind}"`,
      async () => {
        const found = this.#messages.find(({ message }) => message === kind);
        if (!found && !this.#child) throw new Error(`the home ended: ${this.#stderr}`);
        return found;
      },
      timeoutMs,
    );
  }

  /** Closes the reading ends of the program's output, as a closed terminal or an ended pager does. */
  closeOutput(): void {
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
  }

  /** Waits for the program's end. */
  async exited(): Promise<{ code: number | null; signal: string | null }> {
    assert.ok(this.#exited, 'the home was never started');
    return this.#exited;
  }

  /** Sends a signal and waits for the end. */
  async stop(
    signal: NodeJS.Signals = 'SIGINT',
  ): Promise<{ code: number | null; signal: string | null }> {
    this.#child?.kill(signal);
    return this.exited();
  }

  kubectl(version: KubectlVersion, args: readonly string[], input?: string): Promise<Outcome> {
    const environment = { KUBECONFIG: this.kubeconfig, HOME: this.directory };
    return runProgram(kubectlProgram(version), args, {
      environment,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Runs the program's own commands against this home. */
  tweendeck(args: readonly string[], input?: string): Promise<Outcome> {
    const environment = { KUBECONFIG: this.kubeconfig };
    return runProgram(process.execPath, [program, ...args], {
      environment,
      timeoutMs: 180_000,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Processes that belong to this home's pods, by the marker in their environment. */
  async podProcesses(): Promise<readonly number[]> {
    const identity: unknown = JSON.parse(await readFile(join(this.directory, 'home.json'), 'utf8'));
    assert.ok(typeof identity === 'object' && identity && 'id' in identity);
    const marker = `TWEENDECK_INSTANCE=${String(identity.id)}`;
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''); // ended meanwhile
        return text.split('\0').includes(marker) ? [Number(pid)] : [];
      }),
    );
    return found.flat();
  }

  /** Ends the program, its pods if it could not, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) {
      this.#child.kill('SIGTERM');
      const hard = setTimeout(() => this.#child?.kill('SIGKILL'), 30_000);
      await this.exited();
      clearTimeout(hard);
    }
    for (const pid of await this.podProcesses().catch(() => [])) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
