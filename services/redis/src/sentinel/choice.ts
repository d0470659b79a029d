// Whose data are the best, and who may be chosen. Pure.

import { redisPort } from './facts.ts';
import type { Mark } from './mark.ts';
import type { SeenData, SeenSentinel, Standing } from './standing.ts';

/** An empty one with a mark has what its leader had: nothing. */
export function hasData({ facts }: SeenData): boolean {
  return facts.keys > 0 || facts.mark !== undefined;
}

export function numberOf({ facts }: SeenData): number {
  return facts.mark?.number ?? 0;
}

/** The highest mark, who led then and logged it, data above all, then most of the stream; the first of equals. */
export function bestOf(data: readonly SeenData[], named?: string): SeenData | undefined {
  const [newest] = data.toSorted((a, b) => numberOf(b) - numberOf(a));
  const led = newest?.facts.mark && leaderIn(newest.facts.mark, named);
  const [best] = data.toSorted(
    (a, b) =>
      numberOf(b) - numberOf(a) ||
      Number(isLogOf(led, b)) - Number(isLogOf(led, a)) ||
      Number(hasData(b)) - Number(hasData(a)) ||
      b.facts.offset - a.facts.offset ||
      b.facts.keys - a.facts.keys,
  );
  return best;
}

function isLogOf(led: number | undefined, { place, facts }: SeenData): boolean {
  return facts.isLogged && place.ordinal === led;
}

/** Who was where Sentinels say that the leader is; else who led when the mark was written. */
function leaderIn({ inStep, leader }: Mark, named: string | undefined): number {
  return inStep.find(({ address }) => address === named)?.ordinal ?? leader;
}

export function isSomebody({ members }: Standing, address: string): boolean {
  return members.some(
    ({ place, pod }) => place.group === 'data' && address === `${pod?.ip}:${redisPort}`,
  );
}

/** Sentinels that may choose one of these. */
export function electors(
  { sentinels }: Standing,
  heirs: readonly SeenData[],
): readonly SeenSentinel[] {
  const count = (one: SeenSentinel): number => heirs.filter((heir) => mayElect(one, heir)).length;
  return sentinels.filter((one) => count(one) > 0).toSorted((a, b) => count(b) - count(a));
}

export function mayElect(
  { facts: { watch } }: SeenSentinel,
  { address, facts }: SeenData,
): boolean {
  if (facts.settings.get('replica-priority') === '0') return false;
  return (watch?.replicas ?? []).some(
    (one) => one.address === address && one.priority > 0 && !one.flags.has('s_down'),
  );
}
