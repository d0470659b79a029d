// Redis with Sentinels alone: three servers, of which the first leads, and three Sentinels with the times of ours.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../e2e/support/kubectl.ts';
import { eventually } from './eventually.ts';

const serverPort = 6_379;
const sentinelPort = 26_379;
const members = 3;
export const bareMasterName = 'shop';

export class BareSentinel implements AsyncDisposable {
  readonly #directory: string;
  readonly #downAfterMs: number;
  readonly #children = new Map<string, ChildProcess>();
  /** Those of one network of the loopback interface. */
  readonly servers: readonly string[];
  readonly sentinels: readonly string[];

  constructor({
    directory,
    downAfterMs,
  }: { readonly directory: string; readonly downAfterMs: number }) {
    this.#directory = directory;
    this.#downAfterMs = downAfterMs;
    const network = `127.${64 + (process.pid % 64)}`;
    const hostsIn = (part: number): readonly string[] =>
      Array.from({ length: members }, (_, at) => `${network}.${part}.${at + 1}`);
    this.servers = hostsIn(78);
    this.sentinels = hostsIn(79);
  }

  async create(signal: AbortSignal): Promise<void> {
    const [first = ''] = this.servers;
    for (const host of this.servers) {
      await this.start(host, signal, host === first ? {} : { replicaof: `${first} ${serverPort}` });
    }
    for (const host of this.sentinels) await this.#startSentinel(host, first, signal);
    await this.settled(signal);
  }

  /** As whoever starts it again does: as its own, with its data. */
  async start(
    host: string,
    signal: AbortSignal,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const where = { bind: host, 'replica-announce-ip': host, port: serverPort };
    const settings = { ...where, dir: this.#pathOf(host), appendonly: 'yes', ...more };
    const args = Object.entries(settings).flatMap(([name, value]) => [
      `--${name}`,
      ...String(value).split(' '),
    ]);
    await this.#spawn(host, [...args, '--protected-mode', 'no'], signal);
  }

  /** Waits until the Sentinels agree who leads, and all others copy from it. */
  async settled(signal: AbortSignal): Promise<void> {
    const isSettled = async (): Promise<boolean> => {
      const leaders = await Promise.all(this.sentinels.map((sentinel) => leaderAt(sentinel)));
      const [leader] = leaders;
      if (leader === undefined || new Set(leaders).size > 1) return false;
      const master = await ask(leader, serverPort, 'INFO', 'replication');
      if (!/role:master/.test(master)) return false;
      if ([...master.matchAll(/state=online/g)].length !== members - 1) return false;
      const [first = ''] = this.sentinels;
      const known = await ask(first, sentinelPort, 'SENTINEL', 'REPLICAS', bareMasterName);
      return !/[so]_down/.test(known);
    };
    await eventually('the bare set is settled', isSettled, signal);
  }

  async leader(): Promise<string> {
    const [first = ''] = this.sentinels;
    return (await leaderAt(first)) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  }

  async #startSentinel(host: string, first: string, signal: AbortSignal): Promise<void> {
    const file = join(this.#pathOf(host), 'sentinel.conf');
    const lines = [
      ...[`port ${sentinelPort}`, `bind ${host}`, `sentinel announce-ip ${host}`],
      `sentinel monitor ${bareMasterName} ${first} ${serverPort} 2`,
      `sentinel down-after-milliseconds ${bareMasterName} ${this.#downAfterMs}`,
      `sentinel failover-timeout ${bareMasterName} ${4 * this.#downAfterMs}`,
      ...['protected-mode no', ''],
    ];
    writeFileSync(file, lines.join('\n'));
    await this.#spawn(host, [file, '--sentinel'], signal);
  }

  async #spawn(host: string, args: readonly string[], signal: AbortSignal): Promise<void> {
    const child = spawn('redis-server', args, { stdio: 'ignore', cwd: this.#pathOf(host) });
    this.#children.set(host, child);
    const port = args.includes('--sentinel') ? sentinelPort : serverPort;
    await eventually(
      `${host} answers`,
      async () => (await ask(host, port, 'PING')).startsWith('PONG'),
      signal,
    );
  }

  #pathOf(host: string): string {
    const path = join(this.#directory, host);
    mkdirSync(path, { recursive: true });
    return path;
  }
}

/** Of whom a Sentinel says so. */
async function leaderAt(sentinel: string): Promise<string | undefined> {
  const question = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', bareMasterName];
  const [host] = (await ask(sentinel, sentinelPort, ...question)).split('\n');
  return host || undefined;
}

async function ask(host: string, port: number, ...words: readonly string[]): Promise<string> {
  return (await runProgram('redis-cli', ['-h', host, '-p', String(port), ...words])).stdout;
}
