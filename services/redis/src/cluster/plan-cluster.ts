// What to do about the members of a Redis cluster, from what each of them says. Heals before it builds. Pure.
//
// A shard is the members of one label; whoever owns slots among them leads it, whatever its ordinal. Members are told apart by
// their node ids, never by name or address.

import type { Cluster, Member, Observed } from '@tweendeck/engine';
import { limitTrouble } from '../memory.ts';
import { isFailing } from './cluster-nodes.ts';
import type { PlannedDeed, RedisPlan } from './deeds.ts';
import type { RedisFacts } from './facts.ts';
import { holdings, moveTrouble, shrinkTrouble } from './memory.ts';
import { planFenced, strandedTroubles } from './plan-fence.ts';
import { firstLeaders, planSpread, type SpreadPlan } from './plan-leaders.ts';
import {
  handOver,
  handOverTo,
  planElections,
  planOrphans,
  planTakeovers,
  unheardChange,
} from './plan-leading.ts';
import { planLost } from './plan-lost.ts';
import { planClosing, planMoves } from './plan-moves.ts';
import { isSeen, type Seen } from './seen.ts';
import { heirsOf, leaderOf, missingSlots, shardsOf } from './shards.ts';
import { evenShares, slotsHeld } from './slots.ts';

export function planRedis(
  cluster: Pick<Cluster<unknown>, 'spec' | 'passwords' | 'calmMs'>,
  { members }: Observed<RedisFacts>,
): RedisPlan {
  const seen = members.filter(isSeen);
  const astray = planAstray(seen);
  if (astray.length > 0)
    return { deeds: [...planPasswords(cluster, seen), ...astray], troubles: [] };
  const { deeds, troubles } =
    missingSlots(seen) > 0 && isUnused(seen)
      ? planNew(cluster, members, seen)
      : planLiving(cluster, members, seen);
  const needed = [...planPasswords(cluster, seen), ...deeds];
  if (missingSlots(seen) > 0) return { deeds: needed, troubles };
  const { condition, deeds: spreading } = planLeaders(seen);
  const isCalm = needed.length === 0 && (cluster.calmMs ?? 0) >= calmMs;
  const noRoom = limitTrouble(cluster.spec, holdings(seen));
  const held = noRoom?.message ?? unheardChange(seen);
  return {
    deeds: isCalm ? spreading : needed,
    troubles: [...troubles, ...(noRoom ? [noRoom] : [])],
    conditions: [condition],
    ...(held === undefined ? {} : { holds: held }),
  };
}

/** Leaders change hosts only when everything has been well for so long. */
const calmMs = 60_000;

/** Leaders go where no host has too many of them. */
function planLeaders(
  seen: readonly Seen[],
): Pick<SpreadPlan, 'condition'> & Pick<RedisPlan, 'deeds'> {
  const shards = [...shardsOf(seen).values()].flatMap((all) => {
    const leader = leaderOf(all);
    return leader ? [{ leader, heirs: heirsOf(leader, all) }] : [];
  });
  const { change, condition } = planSpread(shards);
  if (change === undefined) return { deeds: [], condition };
  const { from, to } = change;
  return { deeds: [handOverTo(from, to, `${from.name} leads, ${condition.message}`)], condition };
}

/**
 * Slots that a follower was given, by hand or too late: nobody hears of them, and its process ends by an assertion when it is
 * to follow another one. First of all it is to have none.
 */
function planAstray(seen: readonly Seen[]): readonly PlannedDeed[] {
  return seen
    .filter(({ view: { facts } }) => facts.self.masterId !== undefined)
    .filter(({ view: { facts } }) => facts.self.slots.length > 0)
    .map((by) => ({
      ...{ id: `take slots away from ${by.name}`, on: by.name, risk: 'safe' },
      why: `${by.name} follows, and has slots that nobody hears of`,
      deed: { kind: 'drop slots', by, ranges: by.view.facts.self.slots },
    }));
}

/** Whoever does not take all passwords is told. */
function planPasswords(
  { passwords }: Pick<Cluster<unknown>, 'passwords'>,
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  if (passwords === undefined) return [];
  return seen
    .filter(({ view }) => view.takesPasswords === false)
    .map((to) => ({
      ...{ id: `tell passwords to ${to.name}`, on: to.name, risk: 'safe' },
      why: `${to.name} takes other passwords than it should`,
      deed: { kind: 'tell passwords', to, passwords },
    }));
}

/** Whether nobody holds a key or remembers an owner who is not there: what has no owner then never had one. */
function isUnused(seen: readonly Seen[]): boolean {
  const present = new Set(seen.map(({ view }) => view.facts.id));
  return seen.every(
    ({ view: { facts } }) =>
      facts.keys === 0 &&
      facts.nodes.every(({ id, slots }) => slots.length === 0 || present.has(id)),
  );
}

// A cluster that is being made: all members meet, then each shard takes its share, if it has not yet.

function planNew(
  cluster: Pick<Cluster<unknown>, 'spec'>,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): RedisPlan {
  const wanted = members.filter((member) => member.wanted);
  const fenced = planFenced(cluster, members, seen);
  if (wanted.some((member) => !isSeen(member))) return { deeds: fenced, troubles: [] };
  const meetings = [...fenced, ...planMeetings(seen)];
  if (meetings.length > 0) return { deeds: meetings, troubles: [] };
  const shares = evenShares(cluster.spec.groups['data']?.shards ?? 1);
  const owners = seen.filter(({ view }) => view.facts.self.slots.length > 0);
  const taken = new Set(owners.map(({ place }) => place.shard));
  const free = new Map(
    [...shardsOf(seen)]
      .filter(([shard]) => !taken.has(shard))
      .map(([shard, all]) => [shard, beginners(all)] as const),
  );
  const leaders = firstLeaders(free, owners);
  const deeds = shares.flatMap((range, shard): readonly PlannedDeed[] => {
    const leader = leaders.get(shard);
    if (leader === undefined) return [];
    return [
      {
        ...{ id: `take slots on ${leader.name}`, on: leader.name, risk: 'safe' },
        why: `${leader.name} begins shard ${shard}`,
        deed: { kind: 'take slots', by: leader, ranges: [range] },
      },
    ];
  });
  return { deeds, troubles: [] };
}

/** Those of a shard that may begin it: whom others follow already, or any of those that follow nobody. */
function beginners(shard: readonly Seen[]): readonly Seen[] {
  const masters = shard.filter(({ view }) => view.facts.self.masterId === undefined);
  const leader = masters.length < shard.length ? leaderOf(shard) : undefined;
  return leader ? [leader] : masters;
}

// A cluster that lives.

function planLiving(
  cluster: Pick<Cluster<unknown>, 'spec'>,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): RedisPlan {
  const takeovers = planTakeovers(cluster, members, seen);
  const elections = [...planElections(members, seen), ...planOrphans(members, seen)];
  const leading = takeovers.deeds.length > 0 ? takeovers.deeds : elections;
  const healing = [
    ...[...leading, ...planFenced(cluster, members, seen)],
    ...[...planMeetings(seen), ...planForgetting(members, seen)],
  ];
  const following = planFollowing(seen);
  const isWell = healing.length === 0 && following.length === 0;
  const lost = planLost(members, seen);
  const building = isWell ? buildingOf(cluster, members, seen) : nothing;
  return {
    deeds: [...healing, ...following, ...(isWell ? lost.deeds : []), ...building.deeds],
    troubles: [
      ...[...takeovers.troubles, ...strandedTroubles(seen)],
      ...[...lost.troubles, ...building.troubles],
    ],
  };
}

const nothing: RedisPlan = { deeds: [], troubles: [] };

/** Whoever does not know another under its present address meets it. */
function planMeetings(seen: readonly Seen[]): readonly PlannedDeed[] {
  const [first] = seen.toSorted(
    (a, b) => slotsHeld(b.view.facts.self.slots) - slotsHeld(a.view.facts.self.slots),
  );
  return seen.flatMap((to): readonly PlannedDeed[] => {
    // Gossip spreads what one of them learns; who has an old address of it is told by itself.
    const from = [first, ...seen].find((one) => one && one !== to && !knows(one, to));
    if (from === undefined) return [];
    return [
      {
        ...{ id: `meet ${to.name}`, on: to.name, risk: 'safe' },
        why: `${from.name} does not know ${to.name} at ${to.pod.ip ?? ''}`,
        deed: { kind: 'meet', from, to },
      },
    ];
  });
}

function knows(one: Seen, other: Seen): boolean {
  const node = one.view.facts.nodes.find(({ id }) => id === other.view.facts.id);
  return node !== undefined && node.host === other.pod.ip && !node.flags.has('handshake');
}

/** Ids that no member has any more, once nobody follows them: an election needs the votes for its dead master. */
function planForgetting(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  // Who does not answer may come back with its id: a ban of it would keep it out. Also of a shard that goes: whoever the others
  // do not know gets none of their votes, and may be the only one that can lead it.
  if (members.some((member) => !isSeen(member))) return [];
  const present = new Set(seen.map(({ view }) => view.facts.id));
  const known = new Map(
    seen.flatMap(({ view }) => view.facts.nodes.map((node) => [node.id, node] as const)),
  );
  return [...known.values()].flatMap((node): readonly PlannedDeed[] => {
    const { id } = node;
    if (present.has(id) || !isFailing(node)) return [];
    // Who joined lately knows of the node, and not of what it owns.
    const owned = seen.flatMap(({ view }) =>
      view.facts.nodes.filter((one) => one.id === id && one.slots.length > 0),
    );
    if (owned.length > 0) return [];
    if (seen.some(({ view }) => view.facts.self.masterId === id)) return [];
    const by = seen.filter(({ view }) => view.facts.nodes.some((one) => one.id === id));
    const [first] = by;
    if (first === undefined) return [];
    return [
      {
        ...{ id: `forget ${id.slice(0, 8)}`, on: first.name, risk: 'safe' },
        why: `node ${id.slice(0, 8)} is no member any more`,
        deed: { kind: 'forget', by, id },
      },
    ];
  });
}

/** Members of a shard follow its leader. */
function planFollowing(seen: readonly Seen[]): readonly PlannedDeed[] {
  return [...shardsOf(seen).values()].flatMap((shard) => {
    const leader = leaderOf(shard);
    if (leader === undefined) return [];
    return shard.flatMap((replica): readonly PlannedDeed[] => {
      const { self, keys } = replica.view.facts;
      if (replica === leader || copies(replica, leader)) return [];
      // Keys of a master, or of a replica whose master is away, are nobody's copy: they are not thrown away.
      const isCopy = seen.some(({ view }) => view.facts.id === self.masterId);
      if (!isCopy && (keys > 0 || self.slots.length > 0)) return [];
      if (!knows(replica, leader)) return [];
      return [
        {
          ...{ id: `follow ${leader.name} with ${replica.name}`, on: replica.name, risk: 'safe' },
          why: `${replica.name} belongs to the shard of ${leader.name}`,
          deed: { kind: 'follow', replica, leader },
        },
      ];
    });
  });
}

/** A replica that hears of its master's new address by gossip goes on to copy from the old one. */
function copies({ view: { facts } }: Seen, leader: Seen): boolean {
  if (facts.self.masterId !== leader.view.facts.id) return false;
  return facts.copiesFrom === undefined || facts.copiesFrom === leader.pod.ip;
}

/** Slots go where the spec has them, when all take part. */
function buildingOf(
  { spec }: Pick<Cluster<unknown>, 'spec'>,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): RedisPlan {
  if (members.some((member) => !isSeen(member)) || missingSlots(seen) > 0) return nothing;
  const shards = shardsOf(seen);
  const leaders = [...shards].flatMap(([shard, all]) => {
    const leader = leaderOf(all);
    if (leader === undefined) return [];
    // Who came back with some of the slots of before gives them to who leads now.
    const strays = all.filter((one) => one !== leader && one.view.facts.self.slots.length > 0);
    const own = all.filter((one) => !strays.includes(one));
    return [
      { shard, leader, ids: new Set(own.map(({ view }) => view.facts.id)) },
      ...strays.map((stray) => ({
        ...{ shard: Number.POSITIVE_INFINITY, leader: stray },
        ids: new Set([stray.view.facts.id]),
      })),
    ];
  });
  if (new Set(leaders.map(({ leader }) => leader.place.shard)).size < shards.size) return nothing; // an election is due
  const closing = planClosing(leaders).map(
    (one): PlannedDeed => ({
      ...{ id: `close slots on ${one.at.name}`, on: one.at.name, risk: 'safe' },
      why: `${one.slots.length} slots are on their way no more`,
      deed: { kind: 'close', closing: one },
    }),
  );
  if (closing.length > 0) return { deeds: closing, troubles: [] };
  // One of them was outvoted, and did not hear of it yet: what it has is not to go anywhere.
  if (missingSlots(seen) < 0) return nothing;
  // Shards that come give room to those that have too little; those that go leave none, and it is told already.
  const wanted = spec.groups['data']?.shards ?? 1;
  const isShrinking = leaders.some(({ leader }) => leader.place.shard >= wanted);
  if (isShrinking && limitTrouble(spec, holdings(seen))) return nothing;
  const trouble = shrinkTrouble(spec, leaders);
  if (trouble) return { deeds: [], troubles: [trouble] };
  const leaving = leaders.flatMap(({ leader }) => {
    const deed = leader.wanted ? undefined : handOver(leader, seen, 'leave');
    return deed ? [deed] : [];
  });
  if (leaving.length > 0) return { deeds: leaving, troubles: [] };
  const [move] = planMoves(leaders, wanted);
  if (move === undefined) return nothing;
  const full = moveTrouble(spec, move);
  if (full) return { deeds: [], troubles: [full] };
  const { from, to } = move;
  const deed: PlannedDeed = {
    ...{ id: `move slots from ${from.name} to ${to.name}`, on: from.name, risk: 'disruptive' },
    why: `${move.slots.length} slots are to go from ${from.name} to ${to.name}`,
    deed: { kind: 'move', move, all: seen },
  };
  return { deeds: [deed], troubles: [] };
}
