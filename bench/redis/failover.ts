// How long the keys of a master that is killed cannot be written: ours beside bare Redis, in turns.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { killRedisAt } from '../../e2e/support/redis-processes.ts';
import { medianOf, tableOf } from '../support/readme.ts';
import { BareCluster, leaderOf } from './bare-cluster.ts';
import { ClusterClient, type Reachable } from './cluster-client.ts';
import { HomeCluster } from './home-cluster.ts';
import { Load } from './load.ts';
import { untilWhole } from './whole.ts';

const retryMs = 10;
const targetSeconds = 5;

interface Way {
  readonly title: string;
  readonly target: boolean;
  readonly cluster: Reachable;
  /** After the process was killed: what else is lost. */
  readonly loseMore?: (address: string) => Promise<void>;
  /** Brings back what does not come back by itself, and waits until all is whole. */
  readonly mend: (address: string) => Promise<void>;
  readonly seconds: number[];
  lost: number;
}

/** Table lines. */
export async function failover(
  {
    runs,
    directory,
    write,
  }: { readonly runs: number; readonly directory: string; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using bare = new BareCluster(directory);
  await bare.create(3, signal);
  await using home = await HomeCluster.open({ memory: '256Mi', members: 6 }, signal);
  const settled = async (): Promise<void> => {
    await untilWhole(home, 6, signal);
    await home.settled(signal);
  };
  const ways: readonly Way[] = [
    {
      ...{ title: 'bare Redis, process killed', target: false, cluster: bare },
      mend: async (address) => {
        await bare.start(address, signal);
        await bare.settled(signal);
      },
      ...{ seconds: [], lost: 0 },
    },
    {
      ...{ title: 'Tweendeck, process killed', target: true, cluster: home, mend: settled },
      ...{ seconds: [], lost: 0 },
    },
    {
      ...{ title: 'Tweendeck, pod lost with its data', target: true, cluster: home, mend: settled },
      loseMore: (address) => home.losePod(address),
      ...{ seconds: [], lost: 0 },
    },
  ];
  for (let run = 1; run <= runs; run++) {
    for (const way of ways) await once(way, run, signal);
    const told = ways.map(({ seconds }) => `${(seconds.at(-1) ?? 0).toFixed(2)} s`);
    write(`run ${run} of ${runs}: ${told.join(', ')}`);
  }
  return tableOf(
    ['writable again after', 'median', 'worst', '× bare', 'writes lost', 'target', ''],
    ways.map((way) => rowOf(way, ways[0]?.seconds ?? [])),
  );
}

async function once(way: Way, run: number, signal: AbortSignal): Promise<void> {
  using client = new ClusterClient(way.cluster);
  const key = `probe-${run}`;
  const address = await leaderOf(client, key, signal);
  const load = new Load({ client, keys: 3_000, lanes: 8, valueBytes: 100, readPercent: 0 });
  load.start();
  await load.rateFor(0.5, signal);
  const begunMs = performance.now();
  const pid = killRedisAt(address);
  while (isAlive(pid)) await sleep(1);
  const lost = way.loseMore?.(address);
  while (!(await isTaken(client, key))) await sleep(retryMs, undefined, { signal });
  way.seconds.push((performance.now() - begunMs) / 1_000);
  await lost;
  await load.stop();
  await way.mend(address);
  way.lost += await load.lost(64);
}

async function isTaken(client: ClusterClient, key: string): Promise<boolean> {
  try {
    await client.ask(key, 'SET', key, '1');
    return true;
  } catch {
    return false; // not yet
  }
}

/** A process that ended and was not asked for its end is not alive. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

function rowOf({ title, target, seconds, lost }: Way, bare: readonly number[]): readonly string[] {
  const [median, worst] = [medianOf(seconds), Math.max(...seconds)];
  const verdict = worst < targetSeconds ? 'met' : 'missed';
  return [
    `${title}, ${seconds.length} runs`,
    `${median.toFixed(2)} s`,
    `${worst.toFixed(2)} s`,
    `${(median / medianOf(bare)).toFixed(2)}×`,
    String(lost),
    target ? `< ${targetSeconds} s` : '',
    target ? verdict : '',
  ];
}
