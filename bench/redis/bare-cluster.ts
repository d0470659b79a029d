// A Redis cluster of redis-servers and redis-cli alone: what Redis does by itself, on the same settings.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../e2e/support/kubectl.ts';
import type { ClusterClient, Reachable } from './cluster-client.ts';
import { eventually } from './eventually.ts';
import { untilWhole } from './whole.ts';

const port = 6_379;
const settings: Readonly<Record<string, string | number>> = {
  'cluster-enabled': 'yes',
  'cluster-node-timeout': 2_000,
  'cluster-replica-validity-factor': 0,
  'cluster-allow-replica-migration': 'no',
  'cluster-require-full-coverage': 'no',
  'protected-mode': 'no',
  appendonly: 'yes',
};

export class BareCluster implements Reachable, AsyncDisposable {
  readonly #directory: string;
  readonly #children = new Map<string, ChildProcess>();
  /** Those that take part; others run, or ran. */
  #hosts: readonly string[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  readonly members = (): Promise<readonly string[]> => Promise.resolve(this.#hosts);

  /** Makes a cluster of so many shards, each a leader with a replica. */
  async create(shards: number, signal: AbortSignal): Promise<void> {
    this.#hosts = await this.startMore(shards * 2, signal);
    const servers = this.#hosts.map((host) => `${host}:${port}`);
    await this.cli('--cluster', 'create', ...servers, '--cluster-replicas', '1', '--cluster-yes');
    await this.settled(signal);
  }

  /** Servers that belong to no cluster yet. */
  async startMore(count: number, signal: AbortSignal): Promise<readonly string[]> {
    const block = 64 + (process.pid % 64);
    const first = this.#children.size + 1;
    const hosts = Array.from({ length: count }, (_, at) => `127.${block}.77.${first + at}`);
    for (const host of hosts) await this.start(host, signal);
    return hosts;
  }

  async start(host: string, signal: AbortSignal): Promise<void> {
    const directory = join(this.#directory, host);
    mkdirSync(directory, { recursive: true });
    // Without the announcement others take it for 127.0.0.1, where its connections come from.
    const where = { bind: host, 'cluster-announce-ip': host, port, dir: directory };
    const all = { ...settings, ...where };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#children.set(host, spawn('redis-server', args, { stdio: 'ignore' }));
    const answers = async (): Promise<boolean> =>
      (await runProgram('redis-cli', ['-h', host, 'PING'])).stdout.startsWith('PONG');
    await eventually(`${host} answers`, answers, signal);
  }

  async stop(host: string, how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#children.get(host);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(how);
    await exited;
  }

  /** What redis-cli prints. Throws when it complains. */
  async cli(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runProgram('redis-cli', args, { timeoutMs: 900_000 });
    if (code !== 0) throw new Error(`redis-cli ${args.slice(0, 2).join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  async settled(signal: AbortSignal): Promise<void> {
    await untilWhole(this, this.#hosts.length, signal);
  }

  /** Adds shards, and gives each its share of the slots. */
  async grow(shards: number, signal: AbortSignal): Promise<void> {
    const [known] = this.#hosts;
    const fresh = await this.startMore(shards * 2, signal);
    for (const [at, host] of fresh.entries()) {
      await this.cli('-h', host, 'CLUSTER', 'MEET', known ?? '', String(port));
      if (at % 2 === 0) continue;
      const leader = await this.idOf(fresh[at - 1] ?? '', signal);
      // It is heard of by gossip.
      const follows = async (): Promise<boolean> =>
        (await this.cli('-h', host, 'CLUSTER', 'REPLICATE', leader)).startsWith('OK');
      await eventually(`${host} follows`, follows, signal);
    }
    this.#hosts = [...this.#hosts, ...fresh];
    await this.settled(signal);
    await this.#rebalance(['--cluster-use-empty-masters'], signal);
  }

  /** Takes all slots away from the shards that were added last. */
  async drain(shards: number, signal: AbortSignal): Promise<void> {
    const leaders = this.#hosts.slice(-shards * 2).filter((_, at) => at % 2 === 0);
    const weights: string[] = [];
    for (const host of leaders) weights.push(`${await this.idOf(host, signal)}=0`);
    await this.#rebalance(['--cluster-weight', ...weights], signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#children.keys()) await this.stop(host, 'SIGKILL');
  }

  async idOf(host: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return (await this.cli('-h', host, 'CLUSTER', 'MYID')).trim();
  }

  async #rebalance(how: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.cli('--cluster', 'rebalance', `${this.#hosts[0]}:${port}`, ...how);
  }
}

/** Whoever leads the shard of a key, as its cluster says. */
export async function leaderOf(
  client: ClusterClient,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const isTold = (): Promise<boolean> =>
    client.ask(key, 'GET', key).then(
      () => true,
      () => false, // the first that was asked has just begun
    );
  await eventually(`somebody answers for ${key}`, isTold, signal);
  const owner = client.ownerOf(key);
  if (owner === undefined) throw new Error(`nobody is known to own ${key}`);
  return owner;
}
