// `tweendeck controllers` as a process of its own, with ports that it chose and a log that can be asked.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../../support/home.ts';

const program = join(
  import.meta.dirname,
  ...['..', '..', '..', 'apps', 'tweendeck', 'bin', 'tweendeck.cjs'],
);

export type LogLine = Readonly<Record<string, unknown>> & { readonly message: string };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ControllersOptions {
  readonly kubeconfig: string;
  readonly args?: readonly string[];
}

/** Disposing ends it. */
export class ControllersProcess implements AsyncDisposable {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #lines: LogLine[] = [];

  constructor({ kubeconfig, args = [] }: ControllersOptions) {
    const own = [
      'controllers',
      '--json',
      `--kubeconfig=${kubeconfig}`,
      '--metrics-bind-address=127.0.0.1:0',
      '--health-probe-bind-address=127.0.0.1:0',
    ];
    this.#child = spawn(process.execPath, [program, ...own, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const { stderr } = this.#child;
    assert.ok(stderr);
    createInterface({ input: stderr }).on('line', (line) => this.#lines.push(lineOf(line)));
    this.exited = new Promise((resolve) =>
      this.#child.on('close', (code, signal) => resolve({ code, signal })),
    );
  }

  get log(): readonly LogLine[] {
    return this.#lines;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first line of the log with this message that `matches`. */
  said(
    message: string,
    matches: (line: LogLine) => boolean = () => true,
    timeoutMs = 60_000,
  ): Promise<LogLine> {
    return until(
      `the controllers say "${message}"`,
      async () => {
        const found = this.#lines.find((line) => line.message === message && matches(line));
        if (!found && this.#child.exitCode !== null) {
          throw new Error(`they ended: ${JSON.stringify(this.#lines, undefined, 1)}`);
        }
        return found;
      },
      timeoutMs,
    ).catch((cause: unknown) => {
      throw new Error(`in ${JSON.stringify(this.#lines, undefined, 1)}`, { cause });
    });
  }

  /** Asks `/livez`, `/readyz` or `/metrics` at the port that the log names. */
  async ask(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const door = path.startsWith('/metrics') ? 'metrics' : 'health';
    const { port } = await this.said(`serving ${door}`);
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: Number(port), path, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      }).on('error', reject);
    });
  }

  /** Waits until `/readyz` answers with this status and every one of these words; gives all it says. */
  ready(
    status = 200,
    words: readonly RegExp[] = [/\[\+\]caches ok/, /\[\+\]leader-election ok/],
    timeoutMs = 60_000,
  ): Promise<string> {
    return until(
      `/readyz answers ${status} with ${words.join(' and ')}`,
      async () => {
        const { status: answered, body } = await this.ask('/readyz?verbose');
        if (answered === status && words.every((one) => one.test(body))) return body;
        throw new Error(`it answers ${answered}: ${body}`);
      },
      timeoutMs,
    );
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.kill(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

/** What is no JSON (a stack of a bug) is kept as a message. */
function lineOf(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine; // written by our logger
  } catch {
    return { message: text };
  }
}
