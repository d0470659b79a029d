// Talks to the oracle's program: one JSON line out, one back, in order.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ensureOracle } from './oracle-program.ts';

/** A request; `op` names what is asked. */
export interface OracleRequest {
  readonly op: string;
  readonly [field: string]: unknown;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** More than cases that are asked together can need. */
const knownMax = 256;

/** A running oracle. Answers come in the order of the questions. */
export class Oracle implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: Waiting[] = [];
  /** In the order in which they were last asked for. */
  readonly #known = new Set<string>();

  private constructor(program: string) {
    this.#child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#waiting.shift()?.resolve(JSON.parse(line));
    });
    this.#child.stdin.on('error', () => {}); // its end is told by 'close'
    this.#child.on('close', (code) => {
      const error = new Error(`the oracle ended with ${code}`);
      for (const each of this.#waiting.splice(0)) each.reject(error);
    });
  }

  /** Builds the program if need be, and starts it. */
  static start(): Oracle {
    return new Oracle(ensureOracle());
  }

  ask(request: OracleRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** Asks what has to be asked once only: to register a definition under its name. What nobody asked for lately is forgotten. */
  async teach(name: string, request: () => OracleRequest): Promise<void> {
    const isKnown = this.#known.delete(name);
    this.#known.add(name);
    if (isKnown) return;
    const [oldest] = this.#known;
    if (this.#known.size > knownMax && oldest !== undefined) {
      this.#known.delete(oldest);
      void this.ask({ op: 'forget', id: oldest }).catch(() => undefined); // its end is told to whoever waits
    }
    await this.ask(request());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }
}
