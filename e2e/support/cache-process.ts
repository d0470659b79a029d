// A data plane in a process of its own, started as an operator does, with what the kernel says of it.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';

const program = join(import.meta.dirname, '../../apps/tweendeck/bin/tweendeck.cjs');
const startMs = 20_000;

export interface CacheProcess extends AsyncDisposable {
  readonly pid: number;
  readonly directory: string;
  readonly ports: readonly number[];
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  stats(): Promise<CacheFigures>;
  /** Fails after 20 s. */
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  ask(path: string): Promise<Response>;
  /** Writes another document, which counts after a SIGHUP. */
  write(document: object): void;
  signal(name: NodeJS.Signals): void;
  /** What its descriptors lead to, one text each. */
  descriptors(): readonly string[];
  residentBytes(): number;
}

/** The part of `/stats` that tests ask. */
interface CacheFigures {
  readonly server: {
    readonly connectionsOpen: number;
    readonly connectionsOpened: number;
    readonly closings: Readonly<Record<string, number>>;
    readonly transactions: Readonly<Record<string, number>>;
  };
  readonly store: {
    readonly uploadBytes: number;
    readonly segments: number;
    readonly keys: number;
  };
}

/** Starts `cacheserver serve --config`; `documentOf` is given the directory that paths count from. */
export async function startCacheProcess(
  documentOf: (directory: string) => object,
  limits: { readonly descriptorsMax?: number } = {},
): Promise<CacheProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'cache-process-'));
  const config = join(directory, 'cache.yaml');
  writeFileSync(config, stringify(documentOf(directory)));
  const args = [program, 'cacheserver', 'serve', '--config', config, '--json'];
  const { descriptorsMax } = limits;
  const run = ['-c', `ulimit -n ${descriptorsMax ?? '"$(ulimit -Hn)"'}; exec "$@"`, 'sh'];
  const child = spawn('sh', [...run, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Readonly<Record<string, unknown>>[] = [];
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  gather(child, lines);
  const until = async (
    what: string,
    condition: () => Promise<boolean> | boolean,
  ): Promise<void> => {
    const deadlineMs = performance.now() + startMs;
    while (!(await condition())) {
      assert.ok(performance.now() < deadlineMs, `waited in vain for: ${what}`);
      assert.equal(child.exitCode, null, `it ended before: ${what}`);
      await sleep(5);
    }
  };
  const serving = () => lines.find(({ message }) => message === 'cache serving');
  try {
    await until('serving', () => serving() !== undefined);
  } catch (error) {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
    throw error;
  }
  const { addresses = [], status } = serving() ?? {};
  const { pid = 0 } = child;
  return {
    pid,
    directory,
    ports: Array.isArray(addresses)
      ? addresses.map((text) => Number(/\d+$/.exec(String(text))?.[0]))
      : [],
    lines,
    ended,
    stats: async () =>
      (await (await fetch(`http://${String(status)}/stats`)).json()) as CacheFigures, // its own
    until,
    ask: (path) => fetch(`http://${String(status)}${path}`),
    write: (document) => writeFileSync(config, stringify(document)),
    signal: (name) => void child.kill(name),
    descriptors: () =>
      readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
        try {
          return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
        } catch {
          return []; // closed meanwhile
        }
      }),
    residentBytes: () => {
      const [, kilobytes] =
        /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return Number(kilobytes) * 1_024;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

function gather(child: ChildProcess, lines: Readonly<Record<string, unknown>>[]): void {
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk.toString()}`.split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) lines.push(JSON.parse(line));
  });
}
