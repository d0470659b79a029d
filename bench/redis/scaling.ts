// Shards added and taken away while clients use 1 GiB of data: ours beside `redis-cli --cluster rebalance`.

import { runProgram } from '../../e2e/support/kubectl.ts';
import { tableOf } from '../support/readme.ts';
import { BareCluster } from './bare-cluster.ts';
import { ClusterClient, type Reachable } from './cluster-client.ts';
import { HomeCluster } from './home-cluster.ts';
import { Load } from './load.ts';

const shareMin = 0.7;
const valueBytes = 1_024;
const fillLanes = 512;
const beforeSeconds = 8;

interface Scaled {
  readonly what: string;
  readonly seconds: number;
  readonly before: number;
  readonly while: number;
  readonly failed: number;
  readonly lost: number;
}

interface Scaling {
  readonly cluster: Reachable;
  readonly title: string;
  readonly grow: () => Promise<void>;
  readonly shrink: () => Promise<void>;
}

interface Options {
  readonly mebibytes: number;
  readonly peer: boolean;
  readonly directory: string;
  readonly write: (line: string) => void;
}

/** Table lines. */
export async function scaling(options: Options, signal: AbortSignal): Promise<readonly string[]> {
  const bare = options.peer ? await ofBare(options, signal) : [];
  const ours = await ofOurs(options, signal);
  const rows = [...bare, ...ours].map((one) => rowOf(one, ours.includes(one)));
  const data = `${options.mebibytes} MiB under load`;
  const head = [data, 'took', 'operations/s before', 'while', 'share', 'failed', 'lost'];
  return tableOf([...head, 'target', ''], rows);
}

async function ofBare(options: Options, signal: AbortSignal): Promise<readonly Scaled[]> {
  await using cluster = new BareCluster(options.directory);
  await cluster.create(3, signal);
  const bare = {
    ...{ cluster, title: 'redis-cli --cluster rebalance' },
    grow: () => cluster.grow(3, signal),
    shrink: () => cluster.drain(3, signal),
  };
  return await scaled(bare, options, signal);
}

async function ofOurs(options: Options, signal: AbortSignal): Promise<readonly Scaled[]> {
  // A shard holds a third of it, and some more for what Redis needs beside.
  const mebibytes = Math.max(256, Math.ceil(options.mebibytes * 1.2));
  const memory = `${mebibytes}Mi`;
  await using cluster = await HomeCluster.open({ memory, members: 12 }, signal);
  const toShards = async (shards: number): Promise<void> => {
    await cluster.patch({ groups: { data: { shards } } });
    await cluster.settled(signal, 1_800);
  };
  const home = { cluster, title: 'Tweendeck', grow: () => toShards(6), shrink: () => toShards(3) };
  return await scaled(home, options, signal);
}

async function scaled(
  { cluster, title, grow, shrink }: Scaling,
  { mebibytes, write }: Options,
  signal: AbortSignal,
): Promise<readonly Scaled[]> {
  using client = new ClusterClient(cluster);
  const keys = mebibytes * 1_024;
  const load = new Load({ client, keys, lanes: 8, valueBytes, readPercent: 50 });
  await load.fill(fillLanes);
  // What servers wrote of it is on the disk before anything is measured.
  await runProgram('sync', []);
  const steps: Scaled[] = [];
  for (const [name, run] of [
    ['3 → 6', grow],
    ['6 → 3', shrink],
  ] as const) {
    const failedBefore = load.failed;
    load.start();
    const before = await load.rateFor(beforeSeconds, signal);
    const [operations, begunMs] = [load.operations, performance.now()];
    await run();
    const seconds = (performance.now() - begunMs) / 1_000;
    const rate = (load.operations - operations) / seconds;
    await load.stop();
    const lost = await load.lost(fillLanes);
    const failed = load.failed - failedBefore;
    steps.push({ what: `${title}, ${name}`, seconds, before, while: rate, failed, lost });
    write(`${title}, ${name}: ${seconds.toFixed(0)} s, ${((100 * rate) / before).toFixed(0)} %`);
  }
  return steps;
}

function rowOf(
  { what, seconds, before, while: rate, failed, lost }: Scaled,
  isOurs: boolean,
): readonly string[] {
  const met = rate >= shareMin * before && lost === 0;
  return [
    what,
    `${seconds.toFixed(0)} s`,
    before.toFixed(0),
    rate.toFixed(0),
    `${((100 * rate) / before).toFixed(0)} %`,
    String(failed),
    String(lost),
    isOurs ? `≥ ${shareMin * 100} %, 0 lost` : '',
    isOurs ? (met ? 'met' : 'missed') : '',
  ];
}
