// `tweendeck cache replay`: sends recordings of clients to a cache again, as a load or as a comparison.

import { readFile, writeFile } from 'node:fs/promises';
import { type ReplayResult, replayRecordings } from '@tweendeck/cacheserver/data-plane';
import { isJsonObject, jsonEqual, messageOf, PlatformError } from '@tweendeck/std';
import { cacheAddress } from '../cache-address.ts';
import type { Invocation } from '../command-line.ts';

const differencesShown = 50;

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const result = await replayRecordings(
    {
      paths: operands,
      ...cacheAddress(options.text('server')),
      connections: options.integer('connections', { min: 1, max: 10_000 }) ?? 1,
      rounds: options.integer('rounds', { min: 1, max: 1_000_000 }) ?? 1,
      clock: world.clock,
    },
    world.signal,
  );
  world.write(summaryOf(result));
  const complaints = result.failures.map(
    ({ recording, reason }) => `failed ${recording}: ${reason}`,
  );
  const save = options.text('save');
  if (save !== undefined)
    await writeFile(save, `${JSON.stringify(result.outcomes, undefined, 1)}\n`);
  const compare = options.text('compare');
  if (compare !== undefined) complaints.push(...differences(await outcomesIn(compare), result));
  for (const complaint of complaints.slice(0, differencesShown)) world.writeError(complaint);
  if (complaints.length > differencesShown) {
    world.writeError(`... and ${complaints.length - differencesShown} more`);
  }
  return complaints.length === 0 ? 0 : 1;
}

function summaryOf(result: ReplayResult): string {
  const { sessions, failures, gets, hits, misses, transactions, tookMs } = result;
  const seconds = Math.max(tookMs, 1) / 1_000;
  const perSecond = (count: number): string => (count / seconds).toFixed(count < seconds ? 2 : 0);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return [
    `${sessions - failures.length} of ${sessions} sessions in ${seconds.toFixed(1)} s`,
    `${gets} gets (${perSecond(gets)}/s), ${hits} hits, ${misses} misses`,
    `${transactions} transactions (${perSecond(transactions)}/s)`,
    `${megabytes(result.sentBytes)} MB sent, ${megabytes(result.receivedBytes)} MB received`,
  ].join('\n');
}

async function outcomesIn(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const saved: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isJsonObject(saved)) return saved;
    throw new Error('it holds no outcomes');
  } catch (cause) {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${path}: ${messageOf(cause)}`, {
      hint: 'Name a file that --save wrote.',
    });
  }
}

/** What came back otherwise than when `before` was saved. */
function differences(
  before: Readonly<Record<string, unknown>>,
  { outcomes }: ReplayResult,
): readonly string[] {
  return Object.entries(outcomes)
    .filter(([recording, outcome]) => !jsonEqual(before[recording], outcome))
    .map(([recording, outcome]) => {
      const was = before[recording] === undefined ? 'nothing' : JSON.stringify(before[recording]);
      return `differs ${recording}: ${was} before, ${JSON.stringify(outcome)} now`;
    });
}
