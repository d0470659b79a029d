// What to do while nobody leads a Sentinel set, or nobody of whom it is sure. Pure.
//
// Who leads is the choice of the Sentinels; it is made here only where they cannot make one.

import type { Member } from '@tweendeck/engine';
import { bestOf, electors, hasData, isSomebody, numberOf } from './choice.ts';
import {
  lead,
  nothing,
  only,
  type PlannedDeed,
  type SentinelPlan,
  type SentinelSet,
  waitFor,
  watch,
} from './deeds.ts';
import type { SetFacts } from './facts.ts';
import { masterName } from './settings.ts';
import type { SeenData, Standing } from './standing.ts';

/** A member that ended is started again within this time, unless it ended often or its machine did. */
const returnMs = 30_000;

export function planLeaderless(set: SentinelSet, standing: Standing): SentinelPlan {
  const { data, sentinels, named } = standing;
  const masters = data.filter(({ facts }) => facts.isMaster);
  if (masters.length > 1) return planRivals(set, standing, masters);
  const [master] = masters;
  if (named === undefined) return planUnknown(set, standing);
  const known = data.find(({ address }) => address === named);
  // One that was cut off may still take writes, and have less than others.
  const isOld = master && data.some((one) => numberOf(one) > numberOf(master));
  if (master && !isOld) {
    // Sentinels of the latest failover tell the others.
    const isNews = sentinels.some(({ facts }) => facts.watch?.address === master.address);
    if (isNews) return only(waitFor(standing, `Sentinels agree on ${master.name}`));
    const isSilent = known === undefined && isSomebody(standing, named);
    if (isSilent && !isDownFor(standing)) return nothing;
    return only(...sentinels.map((one) => watch(set, one, master, `${master.name} leads`)));
  }
  return known ? planReturned(set, standing, known) : planLost(set, standing, named);
}

/** More than one takes writes, and Sentinels name none of them. */
function planRivals(
  set: SentinelSet,
  standing: Standing,
  masters: readonly SeenData[],
): SentinelPlan {
  const full = masters.filter(({ facts }) => facts.keys > 0);
  const [best] = full.length > 0 ? full : masters;
  const names = masters.map(({ name }) => name).join(', ');
  if (best && full.length <= 1) {
    return only(...standing.sentinels.map((one) => watch(set, one, best, `${best.name} leads`)));
  }
  const message = `${names} take writes, and Sentinels name none of them; end all but one: REPLICAOF its address`;
  return { deeds: [], troubles: [{ reason: 'SeveralLeaders', message }] };
}

/** Nobody leads, and no Sentinel ever heard of one: where a set begins, or all lost what they knew. */
function planUnknown(set: SentinelSet, standing: Standing): SentinelPlan {
  const { data, members } = standing;
  const best = bestOf(data);
  const absent = absentData(members);
  if (best === undefined) return nothing;
  const why = `${best.name} begins: no Sentinel knows of a leader`;
  if (absent.length === 0) return only(lead(set, best, why));
  // Who is missing may have more.
  const [broken] = absent.filter(({ pod }) => pod?.trouble !== undefined);
  if (broken === undefined || best.facts.keys === 0) return nothing;
  return only(lead(set, best, `${broken.name} is missing, and may have newer data`, 'dataLoss'));
}

/** The leader started anew: it goes on where what it has is all that there is, else another takes over. */
function planReturned(set: SentinelSet, standing: Standing, known: SeenData): SentinelPlan {
  const { data, members } = standing;
  const why = `${known.name} led, and started anew`;
  const others = data.filter((one) => one !== known);
  const [by] = electors(standing, others);
  // Not against a choice that is being made.
  const isDoubted = standing.sentinels.some(({ facts }) => facts.watch?.downMs !== undefined);
  if (by && isDoubted)
    return only(waitFor(standing, `Sentinels see whether ${known.name} is back`));
  const isNewest = others.every((one) => numberOf(one) <= numberOf(known));
  const isBest = bestOf([known, ...others]) === known;
  const isWhole = isNewest && (known.facts.isLogged || isBest);
  if (hasData(known) && isWhole) return only(lead(set, known, why));
  if (isBest && absentData(members).length === 0) return only(lead(set, known, why));
  // Empty, as all that are seen.
  if (isBest) return only(leadInDoubt(set, known, standing));
  if (by) {
    const empty = `${known.name} led, and has less than others since it started anew`;
    return only({
      ...{ id: `fail over from ${known.name}`, why: empty, on: known.name, risk: 'disruptive' },
      deed: { kind: 'fail over', by, masterName: masterName(set), from: known },
    });
  }
  const heir = bestOf(others);
  if (heir === undefined) return nothing;
  if (absentData(members).length > 0) return only(leadInDoubt(set, heir, standing));
  return only(
    lead(set, heir, `${known.name} led, and lost its data; Sentinels have nobody to choose`),
  );
}

/** The leader does not answer: Sentinels choose, unless nobody is left whom they may. */
function planLost(set: SentinelSet, standing: Standing, named: string): SentinelPlan {
  const { data, members } = standing;
  const overdue = isDownFor(standing, 3);
  if (electors(standing, data).length > 0) {
    const message = `the leader ${named} does not answer, and Sentinels have not made another one yet`;
    return overdue ? { deeds: [], troubles: [{ reason: 'FailoverStuck', message }] } : nothing;
  }
  const isGone = !isSomebody(standing, named) && absentData(members).length === 0;
  const best = bestOf(data, named);
  if (best === undefined || !(isGone || isDownFor(standing))) return nothing;
  if (!hasData(best) && absentData(members).length > 0) {
    return only(leadInDoubt(set, best, standing));
  }
  return only(lead(set, best, `the leader ${named} is gone, and Sentinels have nobody to choose`));
}

/** Who is missing may have more: it is waited for, unless a person says that it is not to be. */
function leadInDoubt(set: SentinelSet, by: SeenData, { members }: Standing): PlannedDeed {
  const absent = absentData(members);
  const names = absent.map(({ name }) => name).join(', ');
  const verb = absent.length === 1 ? 'does' : 'do';
  return lead(
    set,
    by,
    `nobody leads; ${names} ${verb} not answer, and may have newer data`,
    'dataLoss',
  );
}

function absentData(members: readonly Member<SetFacts>[]): readonly Member<SetFacts>[] {
  return members.filter(({ place, view }) => place.group === 'data' && view === undefined);
}

/** For most Sentinels, so many times as long as a failover and the return of a member may take. */
function isDownFor({ sentinels }: Standing, times = 1): boolean {
  const watches = sentinels.flatMap(({ facts }) => (facts.watch ? [facts.watch] : []));
  const longest = watches.filter(
    ({ downMs = 0, failoverTimeoutMs }) => downMs > Math.max(returnMs, failoverTimeoutMs) * times,
  );
  return longest.length * 2 > watches.length;
}
