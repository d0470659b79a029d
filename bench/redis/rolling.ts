// What a client meets while all members of a cluster are restarted: ours beside restarts in order without a hand-over.

import { tableOf } from '../support/readme.ts';
import { BareCluster } from './bare-cluster.ts';
import { ClusterClient, type Reachable } from './cluster-client.ts';
import { eventually } from './eventually.ts';
import { HomeCluster } from './home-cluster.ts';
import { Load } from './load.ts';

const failedMax = 10;
const longestMaxMs = 200;

interface Rolled {
  readonly seconds: number;
  readonly failed: number;
  readonly longestMs: number;
  readonly lost: number;
  readonly writes: number;
}

/** Table lines. */
export async function rolling(
  {
    rounds,
    directory,
    write,
  }: {
    readonly rounds: number;
    readonly directory: string;
    readonly write: (line: string) => void;
  },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ours: Rolled[] = [];
  await using bare = new BareCluster(directory);
  await bare.create(3, signal);
  const inOrder = await rolled(bare, () => restartInOrder(bare, signal), signal);
  const handedOver = await rolled(bare, () => handOverInOrder(bare, signal), signal);
  await bare[Symbol.asyncDispose]();
  await using home = await HomeCluster.open({ memory: '256Mi', members: 6 }, signal);
  for (let round = 1; round <= rounds; round++) {
    const restart = async (): Promise<void> => {
      await home.patch({ restart: `round ${round}` });
      await home.settled(signal);
    };
    const one = await rolled(home, restart, signal);
    ours.push(one);
    write(`round ${round} of ${rounds}: ${one.failed} failed, ${one.longestMs.toFixed(0)} ms`);
  }
  const rows = [
    rowOf('bare Redis, in order, no hand-over', inOrder),
    rowOf('bare Redis, a hand-over in each shard, no restart', handedOver),
    ...ours.map((one, at) => rowOf(`Tweendeck, round ${at + 1}`, one, true)),
  ];
  const head = [
    'rolling restart of 3 × 2',
    'took',
    'writes',
    'failed',
    'longest for a key',
    'lost',
  ];
  return tableOf([...head, 'target', ''], rows);
}

async function rolled(
  cluster: Reachable,
  restart: () => Promise<void>,
  signal: AbortSignal,
): Promise<Rolled> {
  using client = new ClusterClient(cluster);
  const load = new Load({ client, keys: 300, lanes: 4, valueBytes: 100, readPercent: 0 });
  await load.fill(4); // a client that knows where each key is
  load.start();
  await load.rateFor(1, signal);
  const begunMs = performance.now();
  await restart();
  const seconds = (performance.now() - begunMs) / 1_000;
  await load.stop();
  const lost = await load.lost(16);
  const { failed, longestMs, operations: writes } = load;
  return { seconds, failed, longestMs, lost, writes };
}

async function restartInOrder(bare: BareCluster, signal: AbortSignal): Promise<void> {
  for (const host of await bare.members()) {
    await bare.stop(host, 'SIGTERM');
    await bare.start(host, signal);
    await bare.settled(signal);
  }
}

/** The least that a rolling restart takes from clients. */
async function handOverInOrder(bare: BareCluster, signal: AbortSignal): Promise<void> {
  const role = async (host: string): Promise<string> => bare.cli('-h', host, 'ROLE');
  for (const host of await bare.members()) {
    if (!(await role(host)).startsWith('slave')) continue;
    await bare.cli('-h', host, 'CLUSTER', 'FAILOVER');
    const leads = async (): Promise<boolean> => (await role(host)).startsWith('master');
    await eventually(`${host} leads`, leads, signal);
    await bare.settled(signal);
  }
}

function rowOf(
  title: string,
  { seconds, failed, longestMs, lost, writes }: Rolled,
  isOurs = false,
): readonly string[] {
  const met = failed <= failedMax && longestMs < longestMaxMs && lost === 0;
  return [
    title,
    `${seconds.toFixed(0)} s`,
    String(writes),
    String(failed),
    `${longestMs.toFixed(0)} ms`,
    String(lost),
    isOurs ? `≤ ${failedMax}, < ${longestMaxMs} ms` : '',
    isOurs ? (met ? 'met' : 'missed') : '',
  ];
}
