// What to do about the members of a Sentinel set, from what each of them says. Pure.
//
// A server starts as a follower of nobody that Sentinels may not choose: it takes no writes, and gives nobody its data, until it
// is told what to be. Who leads is the choice of the Sentinels; it is made here only where they cannot make one.

import type { Cluster, EnginePlan, Member } from '@tweendeck/engine';
import type { SetFacts, Watch } from './facts.ts';
import { isSameMark, type Mark } from './mark.ts';
import {
  dataSettings,
  masterName,
  type SentinelOptions,
  sentinelId,
  type WatchSettings,
  watchSettings,
} from './settings.ts';
import type { SeenData, SeenSentinel, Standing } from './standing.ts';

/** What is done outside the API, as data: `do-sentinel.ts` does it. */
export type SentinelDeed =
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'lead';
      readonly by: SeenData;
      readonly settings: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'follow'; readonly by: SeenData; readonly leader: SeenData }
  | { readonly kind: 'set'; readonly on: SeenData; readonly settings: ReadonlyMap<string, string> }
  | { readonly kind: 'mark'; readonly on: SeenData; readonly mark: Mark }
  | {
      readonly kind: 'watch';
      readonly by: SeenSentinel;
      readonly leader: Pick<SeenData, 'address'>;
      readonly settings: WatchSettings;
    }
  | { readonly kind: 'adjust'; readonly by: SeenSentinel; readonly settings: WatchSettings }
  | { readonly kind: 'fail over'; readonly by: SeenSentinel; readonly masterName: string }
  | {
      readonly kind: 'hand over';
      readonly by: SeenSentinel;
      readonly masterName: string;
      readonly from: SeenData;
      readonly heirs: readonly SeenData[];
    };

export interface PlannedDeed {
  readonly id: string;
  readonly why: string;
  readonly on: string;
  readonly risk: 'safe' | 'disruptive' | 'dataLoss';
  readonly deed: SentinelDeed;
}

interface SentinelPlan extends Pick<EnginePlan, 'troubles'> {
  readonly deeds: readonly PlannedDeed[];
}

type Set = Pick<Cluster<SentinelOptions>, 'name' | 'namespace' | 'spec'>;

/** A member that ended is started again within this time, unless it ended often or its machine did. */
const returnMs = 30_000;
/** Sentinels spread what they know every 2 s. */
const spreadMs = 10_000;
/** Between two Sentinels that forget what is gone: meanwhile each of them learns anew who is there. */
const forgetApartMs = 30_000;

const nothing: SentinelPlan = { deeds: [], troubles: [] };
const only = (...deeds: readonly PlannedDeed[]): SentinelPlan => ({ deeds, troubles: [] });

export function planSentinel(set: Set, standing: Standing): SentinelPlan {
  const { hasMajority, isChanging, leader } = standing;
  if (!hasMajority) return withoutMajority(set, standing);
  if (isChanging) return only(waitFor(standing, 'Sentinels are making another one the leader'));
  return leader === undefined ? planLeaderless(set, standing) : planLed(set, standing, leader);
}

/** Sentinels that come back choose; where they do not, a person may. */
function withoutMajority(set: Set, standing: Standing): SentinelPlan {
  const { data, sentinels, leader } = standing;
  const counts = data.some(({ facts }) => facts.keys > 0);
  if (!counts && sentinels.every(({ facts }) => facts.watch === undefined)) return nothing;
  const message = `${sentinels.length} Sentinels answer, which is less than half: nobody is made the leader`;
  const heir = bestOf(data);
  const approved = leader === undefined && heir ? [lead(set, heir, message, 'dataLoss')] : [];
  return { deeds: approved, troubles: [{ reason: 'QuorumLost', message }] };
}

function waitFor({ data, sentinels }: Standing, why: string): PlannedDeed {
  const on = data[0]?.name ?? sentinels[0]?.name ?? '';
  return { id: 'wait for Sentinels', why, on, risk: 'disruptive', deed: { kind: 'wait' } };
}

function lead(
  set: Set,
  by: SeenData,
  why: string,
  risk: PlannedDeed['risk'] = 'disruptive',
): PlannedDeed {
  const settings = dataSettings(set.spec, { mayLead: true });
  return {
    id: `lead with ${by.name}`,
    why,
    on: by.name,
    risk,
    deed: { kind: 'lead', by, settings },
  };
}

// Without a leader.

function planLeaderless(set: Set, standing: Standing): SentinelPlan {
  const { data, sentinels, named } = standing;
  const masters = data.filter(({ facts }) => facts.isMaster);
  if (masters.length > 1) return planRivals(set, standing, masters);
  const [master] = masters;
  if (named === undefined) return planUnknown(set, standing);
  const known = data.find(({ address }) => address === named);
  if (master) {
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
function planRivals(set: Set, standing: Standing, masters: readonly SeenData[]): SentinelPlan {
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
function planUnknown(set: Set, standing: Standing): SentinelPlan {
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
function planReturned(set: Set, standing: Standing, known: SeenData): SentinelPlan {
  const { data, members } = standing;
  const why = `${known.name} led, and started anew`;
  const others = data.filter((one) => one !== known);
  const isNewest = others.every((one) => numberOf(one) <= numberOf(known));
  const isBest = bestOf([known, ...others]) === known;
  const isWhole = isNewest && (known.facts.isLogged || isBest);
  if (hasData(known) && isWhole) return only(lead(set, known, why));
  if (isBest && absentData(members).length === 0) return only(lead(set, known, why));
  if (isBest) return nothing; // empty, as all that are seen: who is missing may have data
  const by = electors(standing, others)[0];
  if (by) {
    const empty = `${known.name} led, and has less than others since it started anew`;
    return only({
      ...{ id: `fail over from ${known.name}`, why: empty, on: known.name, risk: 'disruptive' },
      deed: { kind: 'fail over', by, masterName: masterName(set) },
    });
  }
  const heir = bestOf(others);
  if (heir === undefined || absentData(members).length > 0) return nothing;
  return only(
    lead(set, heir, `${known.name} led, and lost its data; Sentinels have nobody to choose`),
  );
}

/** The leader does not answer: Sentinels choose, unless nobody is left whom they may. */
function planLost(set: Set, standing: Standing, named: string): SentinelPlan {
  const { data, members } = standing;
  const overdue = isDownFor(standing, 3);
  if (electors(standing, data).length > 0) {
    const message = `the leader ${named} does not answer, and Sentinels have not made another one yet`;
    return overdue ? { deeds: [], troubles: [{ reason: 'FailoverStuck', message }] } : nothing;
  }
  const isGone = !isSomebody(standing, named) && absentData(members).length === 0;
  const best = bestOf(data, named);
  if (best === undefined || !(isGone || isDownFor(standing))) return nothing;
  if (!hasData(best) && absentData(members).length > 0) return nothing;
  return only(lead(set, best, `the leader ${named} is gone, and Sentinels have nobody to choose`));
}

/** An empty one with a mark has what its leader had: nothing. */
function hasData({ facts }: SeenData): boolean {
  return facts.keys > 0 || facts.mark !== undefined;
}

function numberOf({ facts }: SeenData): number {
  return facts.mark?.number ?? 0;
}

/** The highest mark, who led then and logged it, data above all, then most of the stream; the first of equals. */
function bestOf(data: readonly SeenData[], named?: string): SeenData | undefined {
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

function absentData(members: readonly Member<SetFacts>[]): readonly Member<SetFacts>[] {
  return members.filter(({ place, view }) => place.group === 'data' && view === undefined);
}

function isSomebody({ members }: Standing, address: string): boolean {
  return members.some(
    ({ place, pod }) => place.group === 'data' && address.startsWith(`${pod?.ip}:`),
  );
}

/** For most Sentinels, so many times as long as a failover and the return of a member may take. */
function isDownFor({ sentinels }: Standing, times = 1): boolean {
  const watches = sentinels.flatMap(({ facts }) => (facts.watch ? [facts.watch] : []));
  const longest = watches.filter(
    ({ downMs = 0, failoverTimeoutMs }) => downMs > Math.max(returnMs, failoverTimeoutMs) * times,
  );
  return longest.length * 2 > watches.length;
}

/** Sentinels that may choose one of these. */
function electors({ sentinels }: Standing, heirs: readonly SeenData[]): readonly SeenSentinel[] {
  const count = (one: SeenSentinel): number => heirs.filter((heir) => mayElect(one, heir)).length;
  return sentinels.filter((one) => count(one) > 0).toSorted((a, b) => count(b) - count(a));
}

function mayElect({ facts: { watch } }: SeenSentinel, { address, facts }: SeenData): boolean {
  if (facts.settings.get('replica-priority') === '0') return false;
  return (watch?.replicas ?? []).some(
    (one) => one.address === address && one.priority > 0 && !one.flags.has('s_down'),
  );
}

// With a leader.

function planLed(set: Set, standing: Standing, leader: SeenData): SentinelPlan {
  const follows = standing.data.flatMap((one) => planFollowing(one, leader));
  const settings = standing.data.flatMap((one) => planSettings(set, one, leader));
  // Sentinels that begin to watch when all follow know at once whom they may choose.
  const isEarly = settings.length > 0 || follows.some(({ risk }) => risk === 'safe');
  if (isEarly) return only(...follows, ...settings);
  const rest = [...follows, ...planWatching(set, standing, leader)];
  const mark = rest.length > 0 ? undefined : planMark(standing, leader);
  if (mark) return only(mark);
  const stranger = strangerTo(standing, leader);
  if (stranger && rest.length === 0) {
    return only(waitFor(standing, `Sentinels do not know yet that ${stranger.name} may lead`));
  }
  const leave = rest.length > 0 || leader.wanted ? undefined : planHandOver(set, standing, leader);
  return only(...rest, ...(leave ? [leave] : []));
}

function planFollowing(by: SeenData, leader: SeenData): readonly PlannedDeed[] {
  if (by === leader || by.facts.follows === leader.address) return [];
  const isOlder = numberOf(leader) === 0 || numberOf(leader) < numberOf(by);
  const isOnly = by.facts.keys > 0 && leader.facts.keys === 0 && isOlder;
  const why = isOnly
    ? `${by.name} has keys, and its leader ${leader.name} has none: they would go`
    : `${by.name} is to follow ${leader.name}`;
  return [
    {
      ...{ id: `follow ${leader.name} with ${by.name}`, why, on: by.name },
      risk: isOnly ? 'dataLoss' : 'safe',
      deed: { kind: 'follow', by, leader },
    },
  ];
}

/** Who is in step is written down whenever that changes; where it cannot be, no writes are taken either. */
function planMark({ data }: Standing, leader: SeenData): PlannedDeed | undefined {
  const inStep = data.filter((one) => one === leader || isFollowing(one, leader));
  const mark: Mark = {
    number: Math.max(...data.map(numberOf)) + 1,
    leader: leader.place.ordinal,
    inStep: inStep.map(({ place, address }) => ({ ordinal: place.ordinal, address })),
  };
  const { mark: known, settings } = leader.facts;
  const needed = Number(settings.get('min-replicas-to-write') ?? 0);
  if ((known && isSameMark(known, mark)) || inStep.length - 1 < needed) return undefined;
  const names = inStep.map(({ name }) => name).join(', ');
  return {
    ...{ id: `mark ${leader.name}`, why: `${names} are in step`, on: leader.name, risk: 'safe' },
    deed: { kind: 'mark', on: leader, mark },
  };
}

function isFollowing({ facts }: SeenData, { address }: SeenData): boolean {
  return facts.isLinked && facts.follows === address;
}

/** Who is in step may lead; who is to leave may not. */
function planSettings(set: Set, on: SeenData, leader: SeenData): readonly PlannedDeed[] {
  const { settings } = on.facts;
  if (on !== leader && !isFollowing(on, leader)) return [];
  const wanted = dataSettings(set.spec, { mayLead: on.wanted });
  const other = [...wanted].filter(([name, value]) => settings.get(name) !== value);
  if (other.length === 0) return [];
  const list = other.map(([name, value]) => `${name} ${value}`).join(', ');
  return [
    {
      ...{ id: `set up ${on.name}`, why: `it is to have ${list}`, on: on.name, risk: 'safe' },
      deed: { kind: 'set', on, settings: new Map(other) },
    },
  ];
}

function watch(set: Set, by: SeenSentinel, leader: SeenData, why: string): PlannedDeed {
  const settings = watchSettings(set);
  return {
    ...{ id: `watch ${leader.name} with ${by.name}`, why, on: by.name, risk: 'safe' },
    deed: { kind: 'watch', by, leader, settings },
  };
}

function planWatching(set: Set, standing: Standing, leader: SeenData): readonly PlannedDeed[] {
  const deeds = standing.sentinels.flatMap((by): readonly PlannedDeed[] => {
    const known = by.facts.watch;
    if (!by.wanted) return [];
    if (known === undefined) return [watch(set, by, leader, `${by.name} watches nobody`)];
    if (known.address !== leader.address) {
      const isBehind = !isSomebody(standing, known.address) || (known.downMs ?? 0) > spreadMs;
      return isBehind ? [watch(set, by, leader, `${by.name} watches ${known.address}`)] : [];
    }
    const settings = watchSettings(set);
    const isAsWanted = isWatchAsWanted(known, settings) && by.facts.askMs === settings.askMs;
    return isAsWanted ? [] : [adjust(set, by)];
  });
  return deeds.length > 0 ? deeds : planForgetting(set, standing, leader);
}

function isWatchAsWanted(watch: Watch, settings: WatchSettings): boolean {
  return (
    watch.quorum === settings.quorum &&
    watch.downAfterMs === settings.downAfterMs &&
    watch.failoverTimeoutMs === settings.failoverTimeoutMs
  );
}

function adjust(set: Set, by: SeenSentinel): PlannedDeed {
  const why = `${by.name} watches by other settings than the spec has`;
  const deed = { kind: 'adjust', by, settings: watchSettings(set) } as const;
  return { id: `adjust ${by.name}`, why, on: by.name, risk: 'safe', deed };
}

/** Members that are gone count in votes until they are forgotten: one Sentinel at a time, and only while all is well. */
function planForgetting(set: Set, standing: Standing, leader: SeenData): readonly PlannedDeed[] {
  const { members, sentinels } = standing;
  const watches = sentinels.flatMap(({ facts }) => (facts.watch ? [facts.watch] : []));
  const isCalm = members.every(({ pod, view }) => pod !== undefined && view?.synced);
  const agree = watches.every(({ address, flags, sinceMs }) => {
    const isDown = flags.has('s_down') || flags.has('o_down');
    return address === leader.address && !isDown && sinceMs >= forgetApartMs;
  });
  if (!isCalm || !agree) return [];
  const ids = new Set(sentinels.map(({ name }) => sentinelId(set, name)));
  const behind = sentinels.find(
    ({ facts: { watch } }) =>
      watch?.others.some((id) => !ids.has(id)) ||
      watch?.replicas.some(({ address }) => !isSomebody(standing, address)),
  );
  if (behind === undefined) return [];
  return [watch(set, behind, leader, `${behind.name} still counts members that are gone`)];
}

/** Without a loss: the leader waits with writes until another has them all and leads. */
export function planHandOver(
  set: Pick<Set, 'name' | 'namespace'>,
  standing: Standing,
  from: SeenData,
): PlannedDeed | undefined {
  const heirs = standing.data.filter(
    (one) => one !== from && one.wanted && one.pod.ready && one.facts.follows === from.address,
  );
  const linked = heirs.filter(({ facts }) => facts.isLinked);
  if (linked.length === 0) return undefined;
  const [by] = electors(standing, linked);
  if (by === undefined || standing.isChanging) {
    return waitFor(standing, `Sentinels do not know yet who may follow ${from.name}`);
  }
  return {
    ...{ id: `hand over from ${from.name}`, on: from.name, risk: 'disruptive' },
    why: `${from.name} is to stop, and leads`,
    deed: { kind: 'hand over', by, from, heirs: linked, masterName: masterName(set) },
  };
}

/** Who is in step, and a Sentinel does not know that it may choose it. */
function strangerTo({ data, sentinels }: Standing, leader: SeenData): SeenData | undefined {
  const heirs = data.filter((one) => one.wanted && isFollowing(one, leader));
  const watching = sentinels.filter(({ wanted }) => wanted);
  return heirs.find((heir) => watching.some((one) => !mayElect(one, heir)));
}

/** Nobody but a leader is missed. */
export function mayLeaveSet(member: Member<SetFacts>, standing: Standing): true | string {
  if (member.place.group !== 'data') return true;
  const { leader } = standing;
  if (leader === undefined) return 'nobody leads at present';
  return leader.name === member.name ? 'it leads' : true;
}
