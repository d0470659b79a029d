// A client program at work, seen from the test: how many writes it has had acknowledged, and what became of them at last.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from '../support/home.ts';
import type { RedisClientOfTheField } from './programs.ts';

/** Where clients are led to. */
export interface RedisService {
  readonly host: string;
  readonly password: string;
}

/** A write that was acknowledged and is not there. */
interface LostWrite {
  readonly key: string;
  readonly wanted: number;
  /** What the key holds, or why it cannot be read. */
  readonly found: string | null;
  /** When it was acknowledged, by the wall clock. */
  readonly atMs: number;
}

export interface ClientOutcome {
  readonly writes: number;
  readonly failed: number;
  /** How many keys were read back: all that were acknowledged. */
  readonly read: number;
  readonly lost: readonly LostWrite[];
  /** How often what was said. */
  readonly failures: Readonly<Record<string, number>>;
}

const patienceMs = 120_000;

export class RedisClientProgram implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #said: Partial<ClientOutcome> = {};
  #complaint = '';

  constructor(
    { name, program: { program, args } }: RedisClientOfTheField,
    { host, password }: RedisService,
  ) {
    this.name = name;
    this.#child = spawn(program, [...args, host, '6379'], {
      env: { ...process.env, REDIS_PASSWORD: password },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#exited = once(this.#child, 'close');
    this.#exited.catch((error: unknown) => (this.#complaint += String(error)));
    this.#child.stdin?.on('error', () => undefined); // it ended, as its outcome says
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#complaint += chunk.toString()));
    if (this.#child.stdout)
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        this.#said = JSON.parse(line);
      });
  }

  get writes(): number {
    return this.#said.writes ?? 0;
  }

  get failed(): number {
    return this.#said.failed ?? 0;
  }

  /** Resolves once so many more writes were acknowledged. */
  async goesOn(more = 50): Promise<void> {
    const before = this.writes;
    await until(
      `${this.name} writes`,
      async () => {
        this.#mustRun();
        return this.writes >= before + more;
      },
      patienceMs,
    );
  }

  /** Lets it read back what was acknowledged. */
  finish(): Promise<ClientOutcome> {
    this.#child.stdin?.end('finish\n');
    return until(
      `${this.name} has read all back`,
      async () => {
        const { writes, failed, read, lost, failures } = this.#said;
        if (writes === undefined || failed === undefined) return undefined;
        if (read && lost && failures) return { writes, failed, read, lost, failures };
        this.#mustRun();
        return undefined;
      },
      patienceMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.pid !== undefined) this.#child.kill('SIGKILL');
    await this.#exited.catch(() => undefined); // it was told where it mattered
  }

  #mustRun(): void {
    if (this.#child.exitCode === null && this.#child.pid !== undefined) return;
    throw new Error(`${this.name} ended: ${this.#complaint}`);
  }
}
