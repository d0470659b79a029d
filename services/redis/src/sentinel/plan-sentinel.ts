// What to do about the members of a Sentinel set, from what each of them says. Pure.
//
// A server starts as a follower of nobody that Sentinels may not choose: it takes no writes, and gives nobody its data, until it
// is told what to be. Who leads is the choice of the Sentinels; it is made here only where they cannot make one.

import type { Member } from '@tweendeck/engine';
import { limitTrouble } from '../memory.ts';
import { bestOf, electors, isSomebody, mayElect, numberOf } from './choice.ts';
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
import type { SetFacts, Watch } from './facts.ts';
import { isSameMark, type Mark } from './mark.ts';
import { planLeaderless } from './plan-leaderless.ts';
import {
  dataSettings,
  masterName,
  sentinelId,
  type WatchSettings,
  watchSettings,
} from './settings.ts';
import type { SeenData, SeenSentinel, Standing } from './standing.ts';

/** Sentinels spread what they know every 2 s. */
const spreadMs = 10_000;
/** Between two Sentinels that forget what is gone: meanwhile each of them learns anew who is there. */
const forgetApartMs = 30_000;

export function planSentinel(set: SentinelSet, standing: Standing): SentinelPlan {
  const plan = planStanding(set, standing);
  const servers = standing.data.map(({ name, wanted, facts: { memory } }) => ({
    ...{ name, wanted, memory },
  }));
  const noRoom = limitTrouble(set.spec, servers);
  if (noRoom === undefined) return plan;
  return { ...plan, troubles: [...plan.troubles, noRoom], holds: noRoom.message };
}

function planStanding(set: SentinelSet, standing: Standing): SentinelPlan {
  const { hasMajority, isChanging, leader } = standing;
  if (!hasMajority) return withoutMajority(set, standing);
  if (isChanging) return only(waitFor(standing, 'Sentinels are making another one the leader'));
  return leader === undefined ? planLeaderless(set, standing) : planLed(set, standing, leader);
}

/** Sentinels that come back choose; where they do not, a person may. */
function withoutMajority(set: SentinelSet, standing: Standing): SentinelPlan {
  const { data, sentinels, leader } = standing;
  const counts = data.some(({ facts }) => facts.keys > 0);
  if (!counts && sentinels.every(({ facts }) => facts.watch === undefined)) return nothing;
  const message = `${sentinels.length} Sentinels answer, which is less than half: nobody is made the leader`;
  const troubles = [{ reason: 'QuorumLost', message }];
  if (leader) return { deeds: [], troubles };
  const [chosen, ...others] = data.filter(({ facts }) => facts.isMaster);
  if (chosen && others.length === 0) return { deeds: withChosen(set, standing, chosen), troubles };
  const heir = bestOf(data);
  return { deeds: heir ? [lead(set, heir, message, 'dataLoss')] : [], troubles };
}

/** Whom a person chose takes writes once it is followed, and is found once those Sentinels that answer name it. */
function withChosen(
  set: SentinelSet,
  { data, sentinels }: Standing,
  chosen: SeenData,
): readonly PlannedDeed[] {
  const follows = data.flatMap((one) => planFollowing(one, chosen));
  const safe = follows.filter(({ risk }) => risk === 'safe');
  if (safe.length > 0) return safe;
  return sentinels
    .filter(({ wanted, facts }) => wanted && facts.watch?.address !== chosen.address)
    .map((by) => watch(set, by, chosen, `${by.name} does not name ${chosen.name}, who was chosen`));
}

function planLed(set: SentinelSet, standing: Standing, leader: SeenData): SentinelPlan {
  const follows = standing.data.flatMap((one) => planFollowing(one, leader));
  const settings = standing.data.flatMap((one) => planSettings(set, one, leader));
  // Sentinels that begin to watch when all follow know at once whom they may choose.
  const isEarly = settings.length > 0 || follows.some(({ risk }) => risk === 'safe');
  if (isEarly) return only(...follows, ...settings);
  const watches = planWatching(set, standing, leader);
  // Where a leader takes writes, what it has counts.
  const mark = watches.length > 0 ? undefined : planMark(standing, leader);
  if (mark) return only(mark);
  const rest = [...follows, ...watches];
  const stranger = strangerTo(standing, leader);
  if (stranger && rest.length === 0) {
    return only(waitFor(standing, `Sentinels do not know yet that ${stranger.name} may lead`));
  }
  const leave = rest.length > 0 || leader.wanted ? undefined : planHandOver(set, standing, leader);
  return only(...rest, ...(leave ? [leave] : []));
}

function planFollowing(by: SeenData, leader: SeenData): readonly PlannedDeed[] {
  if (by === leader || by.facts.follows === leader.address) return [];
  const isUnmarked = numberOf(leader) === 0;
  const isNewer = numberOf(by) > numberOf(leader);
  const isOnly = isNewer || (isUnmarked && by.facts.keys > 0 && leader.facts.keys === 0);
  const why = isOnly
    ? `${by.name} has what its leader ${leader.name} has not, and would lose it`
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
  // One that has no mark where others have has none of their data either.
  if (known === undefined && mark.number > 1) return undefined;
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
function planSettings(set: SentinelSet, on: SeenData, leader: SeenData): readonly PlannedDeed[] {
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

function planWatching(
  set: SentinelSet,
  standing: Standing,
  leader: SeenData,
): readonly PlannedDeed[] {
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

function adjust(set: SentinelSet, by: SeenSentinel): PlannedDeed {
  const why = `${by.name} watches by other settings than the spec has`;
  const deed = { kind: 'adjust', by, settings: watchSettings(set) } as const;
  return { id: `adjust ${by.name}`, why, on: by.name, risk: 'safe', deed };
}

/** Members that are gone count in votes until they are forgotten: one Sentinel at a time, and only while all is well. */
function planForgetting(
  set: SentinelSet,
  standing: Standing,
  leader: SeenData,
): readonly PlannedDeed[] {
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
  set: Pick<SentinelSet, 'name' | 'namespace'>,
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
