// How long nobody can write after the leader of a Sentinel set is killed, and what one takes that was frozen and goes on: ours
// beside bare Redis, in turns.

import { askRedis } from '../../e2e/support/redis-caller.ts';
import { killRedisAt, signalRedisAt } from '../../e2e/support/redis-processes.ts';
import { SentinelWriter } from '../../e2e/support/redis-sentinel-writer.ts';
import { medianOf, tableOf } from '../support/readme.ts';
import { BareSentinel, bareMasterName } from './bare-sentinel.ts';
import { eventually } from './eventually.ts';
import { HomeCluster } from './home-cluster.ts';
import { StaleClients } from './stale-clients.ts';

const downAfterMs = 1_000;
const targetSeconds = 3;
const keys = 1_000;
const writesAfter = 20;
const staleClients = 20;

/** What is killed and frozen. */
interface SentinelSet {
  readonly title: string;
  readonly masterName: string;
  readonly sentinels: () => Promise<readonly string[]>;
  /** Brings back what does not come back by itself, and waits until all is whole. */
  readonly mend: (address: string) => Promise<void>;
}

interface Killed {
  readonly title: string;
  readonly set: SentinelSet;
  readonly target: boolean;
  /** After the process was killed: what else is lost. */
  readonly loseMore?: (address: string) => Promise<void>;
  readonly seconds: number[];
  lost: number;
}

interface Frozen {
  readonly set: SentinelSet;
  readonly target: boolean;
  readonly counts: { firstBreath: number; taken: number; refused: number };
}

/** Lines of two tables. */
export async function sentinel(
  {
    runs,
    directory,
    write,
  }: { readonly runs: number; readonly directory: string; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using bare = new BareSentinel({ directory, downAfterMs });
  await bare.create(signal);
  await using home = await HomeCluster.openSentinel(downAfterMs, signal);
  const bareSet: SentinelSet = {
    ...{ title: 'bare Redis', masterName: bareMasterName },
    sentinels: () => Promise.resolve(bare.sentinels),
    mend: async (address) => {
      if (!(await isAnswering(address))) await bare.start(address, signal);
      await bare.settled(signal);
    },
  };
  const homeSet: SentinelSet = {
    ...{ title: 'Tweendeck', masterName: 'default.shop' },
    sentinels: () => home.addressesOf('sentinels'),
    mend: () => home.settled(signal),
  };
  const killed: readonly Killed[] = [
    { title: 'process killed', set: bareSet, target: false, seconds: [], lost: 0 },
    { title: 'process killed', set: homeSet, target: true, seconds: [], lost: 0 },
    {
      ...{ title: 'pod lost with its data', set: homeSet, target: true, seconds: [], lost: 0 },
      loseMore: (address) => home.losePod(address),
    },
  ];
  const frozen: readonly Frozen[] = [bareSet, homeSet].map((set) => ({
    ...{ set, target: set === homeSet },
    counts: { firstBreath: 0, taken: 0, refused: 0 },
  }));
  for (let run = 1; run <= runs; run++) {
    for (const one of killed) await kill(one, signal);
    for (const one of frozen) await freeze(one, signal);
    const told = killed.map(({ seconds }) => `${(seconds.at(-1) ?? 0).toFixed(2)} s`);
    write(`run ${run} of ${runs}: ${told.join(', ')}; stale ${frozen.map(staleOf).join(', ')}`);
  }
  const bareSeconds = killed[0]?.seconds ?? [];
  return [
    ...tableOf(
      ['writable again after', 'median', 'worst', '× bare', 'writes lost', 'target', ''],
      killed.map((one) => rowOf(one, bareSeconds)),
    ),
    '',
    ...tableOf(
      [`a frozen leader goes on, ${runs} times`, 'first breath', 'later', 'refused', 'target', ''],
      frozen.map(frozenRow),
    ),
  ];
}

async function kill(one: Killed, signal: AbortSignal): Promise<void> {
  const { set } = one;
  const old = await leaderOf(set);
  await using writer = await writing(set, signal);
  writer.measure();
  const before = writer.writes;
  killRedisAt(old);
  const lost = one.loseMore?.(old);
  // Some of what was sent before may be counted late.
  await eventually(
    'somebody takes writes again',
    () => Promise.resolve(writer.failures.length > 0 && writer.writes > before + writesAfter),
    signal,
  );
  one.seconds.push(writer.longestGapMs / 1_000);
  await lost;
  await writer.stop();
  await set.mend(old);
  one.lost += (await writer.lost()).length;
}

async function freeze({ set, counts }: Frozen, signal: AbortSignal): Promise<void> {
  const old = await leaderOf(set);
  await using writer = await writing(set, signal);
  await using stale = new StaleClients(old, staleClients);
  signalRedisAt(old, 'SIGSTOP');
  try {
    await eventually('another one leads', async () => (await leaderOf(set)) !== old, signal);
    const before = writer.writes;
    const goesOn = (): Promise<boolean> => Promise.resolve(writer.writes > before + writesAfter);
    await eventually('writes go on', goesOn, signal);
  } finally {
    stale.resumed();
    signalRedisAt(old, 'SIGCONT');
  }
  const follows = async (): Promise<boolean> =>
    String([await askRedis(old, 6_379, 'ROLE')].flat()[0]) === 'slave';
  await eventually('it follows', follows, signal);
  counts.firstBreath += stale.firstBreath;
  counts.taken += stale.taken;
  counts.refused += stale.refused;
  await writer.stop();
  await set.mend(old);
}

/** Writes already. */
async function writing(
  { masterName, sentinels }: SentinelSet,
  signal: AbortSignal,
): Promise<SentinelWriter> {
  const known = await sentinels();
  const writer = new SentinelWriter({
    masterName,
    sentinels: () => Promise.resolve(known),
    password: () => Promise.resolve(''), // none is asked for
  });
  writer.start(keys);
  await eventually('it writes', () => Promise.resolve(writer.writes > writesAfter), signal);
  return writer;
}

/** Of whom the first Sentinel says so. */
async function leaderOf({ masterName, sentinels }: SentinelSet): Promise<string> {
  const [first = ''] = await sentinels();
  const named = await askRedis(first, 26_379, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName);
  return String([named].flat()[0]);
}

async function isAnswering(host: string): Promise<boolean> {
  return askRedis(host, 6_379, 'PING').then(
    () => true,
    () => false,
  );
}

function rowOf(one: Killed, bare: readonly number[]): readonly string[] {
  const { seconds, set, title, target, lost } = one;
  const [median, worst] = [medianOf(seconds), Math.max(...seconds)];
  return [
    `${set.title}, ${title}, ${seconds.length} runs`,
    ...[`${median.toFixed(2)} s`, `${worst.toFixed(2)} s`],
    ...[`${(median / medianOf(bare)).toFixed(2)}×`, String(lost)],
    target ? `< ${targetSeconds} s` : '',
    target ? (worst < targetSeconds ? 'met' : 'missed') : '',
  ];
}

function frozenRow({ set, target, counts }: Frozen): readonly string[] {
  const { firstBreath, taken, refused } = counts;
  const verdict = taken === 0 ? 'met' : 'missed';
  return [
    ...[set.title, String(firstBreath), String(taken), String(refused)],
    ...(target ? ['later: 0', verdict] : ['', '']),
  ];
}

function staleOf({ counts: { firstBreath, taken } }: Frozen): string {
  return `${firstBreath} + ${taken}`;
}
