// One more node of a test's home: the program's agent as a process of its own, which may be killed with all its pods.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestHome, until } from './home.ts';

const program = join(import.meta.dirname, '..', '..', 'apps', 'tweendeck', 'bin', 'tweendeck.cjs');

export class TestNode implements AsyncDisposable {
  readonly name: string;
  readonly #home: TestHome;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #exited: Promise<void> | undefined;
  #ready = false;
  #stderr = '';

  private constructor(home: TestHome, name: string, args: readonly string[]) {
    this.#home = home;
    this.name = name;
    this.#args = args;
  }

  /** Starts the agent and waits until it says it is ready. */
  static async open(home: TestHome, name: string, args: readonly string[] = []): Promise<TestNode> {
    const node = new TestNode(home, name, args);
    await node.start();
    return node;
  }

  async start(): Promise<void> {
    const args = ['agent', '--json', `--data-dir=${this.#home.directory}`, `--name=${this.name}`];
    const child = spawn(process.execPath, [program, ...args, ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#ready = false;
    this.#stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#ready ||= JSON.parse(line).message === 'ready';
    });
    this.#exited = new Promise((resolve) =>
      child.on('close', () => {
        this.#child = undefined;
        resolve();
      }),
    );
    await until(`the agent of ${this.name} is ready`, async () => {
      if (!this.#child) throw new Error(`the agent ended: ${this.#stderr}`);
      return this.#ready;
    });
  }

  /** As when the machine loses its power: the agent and all processes of its pods at once. */
  async lose(): Promise<void> {
    assert.ok(this.#child, 'the agent is not running');
    this.#child.kill('SIGKILL');
    await this.#exited;
    await this.#killPods();
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.#exited;
  }

  /** Processes of this node's pods, by the marker in their environment. */
  async podProcesses(): Promise<readonly number[]> {
    const path = join(this.#home.directory, 'nodes', this.name, 'node.json');
    const identity: unknown = JSON.parse(await readFile(path, 'utf8'));
    assert.ok(typeof identity === 'object' && identity && 'instance' in identity);
    const marker = `TWEENDECK_INSTANCE=${String(identity.instance)}`;
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''); // ended meanwhile
        return text.split('\0').includes(marker) ? [Number(pid)] : [];
      }),
    );
    return found.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) await this.stop();
    await this.#killPods();
  }

  async #killPods(): Promise<void> {
    for (const pid of await this.podProcesses().catch(() => [])) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}
