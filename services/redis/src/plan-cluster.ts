// What to do about the members of a Redis cluster, from what each of them says. Heals before it builds. Pure.
//
// A shard is the members of one label; whoever owns slots among them leads it, whatever its ordinal. Members are told apart by
// their node ids, never by name or address.

import type { Cluster, EnginePlan, Member, Observed, Passwords, Trouble } from '@tweendeck/engine';
import type { ClusterNode } from './cluster-nodes.ts';
import type { RedisFacts } from './facts.ts';
import { limitTrouble, shrinkTrouble } from './memory.ts';
import { firstLeaders, planSpread, type SpreadPlan } from './plan-leaders.ts';
import { planClosing, planMoves, type SlotClosing, type SlotMove } from './plan-moves.ts';
import { isSeen, type Seen } from './seen.ts';
import { evenShares, slotCount, slotsHeld } from './slots.ts';

/** What is done outside the API, as data: `steps.ts` does it. */
export type RedisDeed =
  | { readonly kind: 'meet'; readonly from: Seen; readonly to: Seen }
  | { readonly kind: 'take slots'; readonly by: Seen; readonly ranges: RedisFacts['self']['slots'] }
  | { readonly kind: 'follow'; readonly replica: Seen; readonly leader: Seen }
  | { readonly kind: 'forget'; readonly by: readonly Seen[]; readonly id: string }
  | { readonly kind: 'move'; readonly move: SlotMove; readonly all: readonly Seen[] }
  | { readonly kind: 'close'; readonly closing: SlotClosing }
  | { readonly kind: 'tell passwords'; readonly to: Seen; readonly passwords: Passwords }
  | { readonly kind: 'lead'; readonly replica: Seen; readonly how: LeadBy };

/** `forced`: by the votes of most masters, though they do not find that its master fails. */
type LeadBy = 'in order' | 'forced' | 'without votes';

export interface PlannedDeed {
  readonly id: string;
  readonly why: string;
  readonly on: string;
  readonly risk: 'safe' | 'disruptive' | 'dataLoss';
  readonly deed: RedisDeed;
}

export interface RedisPlan extends Pick<EnginePlan, 'troubles' | 'conditions' | 'holds'> {
  readonly deeds: readonly PlannedDeed[];
}

export function planRedis(
  cluster: Pick<Cluster<unknown>, 'spec' | 'passwords' | 'calmMs'>,
  { members }: Observed<RedisFacts>,
): RedisPlan {
  const seen = members.filter(isSeen);
  const { deeds, troubles } =
    missingSlots(seen) > 0 && isUnused(seen)
      ? planNew(cluster, members, seen)
      : planLiving(cluster, members, seen);
  const needed = [...planPasswords(cluster, seen), ...deeds];
  if (missingSlots(seen) > 0) return { deeds: needed, troubles };
  const { condition, deeds: spreading } = planLeaders(seen);
  const isCalm = needed.length === 0 && (cluster.calmMs ?? 0) >= calmMs;
  const noRoom = limitTrouble(cluster.spec, seen);
  return {
    deeds: isCalm ? spreading : needed,
    troubles: [...troubles, ...(noRoom ? [noRoom] : [])],
    conditions: [condition],
    ...(noRoom ? { holds: noRoom.message } : {}),
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
  { spec }: Pick<Cluster<unknown>, 'spec'>,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): RedisPlan {
  const wanted = members.filter((member) => member.wanted);
  if (wanted.some((member) => !isSeen(member))) return { deeds: [], troubles: [] };
  const meetings = planMeetings(seen);
  if (meetings.length > 0) return { deeds: meetings, troubles: [] };
  const shares = evenShares(spec.groups['data']?.shards ?? 1);
  const owners = seen.filter(({ view }) => view.facts.self.slots.length > 0);
  const taken = new Set(owners.map(({ place }) => place.shard));
  const free = new Map([...shardsOf(seen)].filter(([shard]) => !taken.has(shard)));
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

// A cluster that lives.

function planLiving(
  cluster: Pick<Cluster<unknown>, 'spec'>,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): RedisPlan {
  const takeovers = planTakeovers(members, seen);
  const leading = takeovers.deeds.length > 0 ? takeovers.deeds : planElections(members, seen);
  const healing = [...leading, ...planMeetings(seen), ...planForgetting(members, seen)];
  const following = planFollowing(seen);
  const building =
    healing.length > 0 || following.length > 0 ? nothing : buildingOf(cluster, members, seen);
  return {
    deeds: [...healing, ...following, ...building.deeds],
    troubles: [...takeovers.troubles, ...uncovered(members, seen), ...building.troubles],
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
  // Who does not answer may come back with its id: a ban of it would keep it out.
  if (members.some((member) => member.wanted && !isSeen(member))) return [];
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

function isFailing({ flags }: ClusterNode): boolean {
  return flags.has('fail') || flags.has('noaddr') || flags.has('fail?');
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

function shardsOf(seen: readonly Seen[]): ReadonlyMap<number, readonly Seen[]> {
  return Map.groupBy(
    seen.toSorted((a, b) => a.place.ordinal - b.place.ordinal),
    ({ place }) => place.shard,
  );
}

/** Who owns slots; where a shard begins, whom the others follow, or the first. Undefined while an election is due. */
function leaderOf(shard: readonly Seen[]): Seen | undefined {
  const [owner] = shard
    .filter(({ view }) => view.facts.self.slots.length > 0)
    .toSorted((a, b) => b.view.facts.self.epoch - a.view.facts.self.epoch);
  if (owner) return owner;
  const masters = shard.filter(({ view }) => view.facts.self.masterId === undefined);
  const isFollowed = ({ view: { facts } }: Seen): boolean =>
    shard.some(({ view }) => view.facts.self.masterId === facts.id);
  const isTaking = ({ view }: Seen): boolean => view.facts.self.importing.size > 0;
  const isAlone = shard.length === 1;
  const begins =
    masters.every(isEmpty) && shard.every((one) => isEmpty(one) && !isHeir(one, shard));
  return (
    masters.find(isFollowed) ??
    masters.find(isTaking) ??
    (begins || isAlone ? masters[0] : undefined)
  );
}

/** Whether it follows a leader that owns slots, as far as it knows: it may be elected. */
function isHeir({ view: { facts } }: Seen, shard: readonly Seen[]): boolean {
  const master = facts.nodes.find(({ id }) => id === facts.self.masterId);
  const isPresent = shard.some(({ view }) => view.facts.id === master?.id);
  return master !== undefined && (isPresent || master.slots.length > 0);
}

function isEmpty({ view: { facts } }: Seen): boolean {
  return facts.keys === 0 && facts.self.slots.length === 0;
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
  const trouble = shrinkTrouble(spec, leaders);
  if (trouble) return { deeds: [], troubles: [trouble] };
  const leaving = leaders.flatMap(({ leader }) => {
    const deed = leader.wanted ? undefined : handOver(leader, seen, 'leave');
    return deed ? [deed] : [];
  });
  if (leaving.length > 0) return { deeds: leaving, troubles: [] };
  const [move] = planMoves(leaders, spec.groups['data']?.shards ?? 1);
  if (move === undefined) return nothing;
  const { from, to } = move;
  const deed: PlannedDeed = {
    ...{ id: `move slots from ${from.name} to ${to.name}`, on: from.name, risk: 'disruptive' },
    why: `${move.slots.length} slots are to go from ${from.name} to ${to.name}`,
    deed: { kind: 'move', move, all: seen },
  };
  return { deeds: [deed], troubles: [] };
}

/** To the replica that has most of what its leader wrote. */
export function handOver(
  from: Seen,
  seen: readonly Seen[],
  to: 'leave' | 'be restarted',
): PlannedDeed | undefined {
  const heir = bestHeir(heirsOf(from, seen));
  return heir && handOverTo(from, heir, `${from.name} is to ${to}, and leads its shard`);
}

/** Those that could take over without losing anything. */
function heirsOf(leader: Seen, seen: readonly Seen[]): readonly Seen[] {
  return seen.filter(
    ({ wanted, view, pod }) =>
      wanted && view.synced && pod.ready && view.facts.self.masterId === leader.view.facts.id,
  );
}

function handOverTo(from: Seen, heir: Seen, why: string): PlannedDeed {
  return {
    ...{ id: `hand over from ${from.name} to ${heir.name}`, on: heir.name, risk: 'disruptive' },
    why,
    deed: { kind: 'lead', replica: heir, how: 'in order' },
  };
}

/** Without most of the masters nobody is elected: replicas of those that are gone take over, as few as it needs. */
function planTakeovers(members: readonly Member<RedisFacts>[], seen: readonly Seen[]): RedisPlan {
  const masters = mastersOf(seen);
  const alive = new Set(seen.map(({ view }) => view.facts.id));
  const dead = [...masters.values()].filter(({ id }) => !alive.has(id));
  if (dead.length * 2 < masters.size || dead.length === 0) return { deeds: [], troubles: [] };
  // A master is proven dead when every member that does not answer has no pod that could be it.
  const silent = members.filter((member) => !isSeen(member));
  const proven = silent.every(({ pod }) => pod === undefined);
  const needed = Math.floor(masters.size / 2) + 1 - (masters.size - dead.length);
  const heirs = dead
    .map(({ id }) => seen.filter(({ view }) => view.facts.self.masterId === id))
    .map((replicas) => bestHeir(withoutStrangers(replicas, seen)))
    .filter((heir) => heir !== undefined)
    .toSorted((a, b) => b.view.facts.offset - a.view.facts.offset)
    .slice(0, needed);
  const deeds = heirs.map(
    (replica): PlannedDeed => ({
      ...{ id: `take over with ${replica.name}`, on: replica.name },
      risk: proven ? 'disruptive' : 'dataLoss',
      why: `${dead.length} of ${masters.size} masters are gone: nobody can be elected`,
      deed: { kind: 'lead', replica, how: 'without votes' },
    }),
  );
  const message = `${dead.length} of ${masters.size} masters do not answer: no other can be elected`;
  return { deeds, troubles: [{ reason: 'MajorityLost', message }] };
}

/** Owners of slots, also those that are away, as the member knows them that has heard most. */
function mastersOf(seen: readonly Seen[]): ReadonlyMap<string, ClusterNode> {
  // Who joined lately heard of the epoch, and not of owners that are gone.
  const assigned = ({ view }: Seen): number =>
    view.facts.nodes.reduce((sum, { slots }) => sum + slotsHeld(slots), 0);
  const [wisest] = seen.toSorted(
    (a, b) => b.view.facts.currentEpoch - a.view.facts.currentEpoch || assigned(b) - assigned(a),
  );
  const owners = (wisest?.view.facts.nodes ?? []).filter(
    ({ slots, masterId }) => slots.length > 0 && masterId === undefined,
  );
  return new Map(owners.map((node) => [node.id, node]));
}

/** A master at whose address somebody else answers is not found to fail, and nobody stands for election by itself. */
function planElections(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  // Who does not answer may be that master, at another address.
  if (members.some((member) => !isSeen(member))) return [];
  const present = new Set(seen.map(({ view }) => view.facts.id));
  const gone = [...mastersOf(seen).keys()].filter((id) => !present.has(id));
  return gone.flatMap((id): readonly PlannedDeed[] => {
    const replicas = seen.filter(({ view }) => view.facts.self.masterId === id);
    const heir = bestHeir(withoutStrangers(replicas, seen));
    // Whoever found somebody else there does not confirm that it fails; the heir may have found nobody.
    const isUnfound = seen.some(({ view }) =>
      view.facts.nodes.some((node) => node.id === id && node.flags.has('noaddr')),
    );
    if (heir === undefined || !isUnfound) return [];
    return [
      {
        ...{ id: `elect ${heir.name}`, on: heir.name, risk: 'disruptive' },
        why: `somebody else is where the leader of ${heir.name} was`,
        deed: { kind: 'lead', replica: heir, how: 'forced' },
      },
    ];
  });
}

function bestHeir(replicas: readonly Seen[]): Seen | undefined {
  return replicas.toSorted((a, b) => b.view.facts.offset - a.view.facts.offset)[0];
}

/** Whoever copied from another member at the address of its master has not the data of its shard any more. */
function withoutStrangers(replicas: readonly Seen[], seen: readonly Seen[]): readonly Seen[] {
  const own = replicas.filter(
    ({ view: { facts } }) => !seen.some(({ pod }) => pod.ip === facts.copiesFrom),
  );
  return own.length > 0 ? own : replicas;
}

/** Slots that nobody who answers owns. */
function uncovered(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly Trouble[] {
  if (members.some((member) => member.wanted && !isSeen(member))) return [];
  const missing = missingSlots(seen);
  if (missing <= 0) return [];
  const message = `${missing} slots belong to nobody: their master is gone without a replica; restore its data, or let shards take them by "redis-cli --cluster fix"`;
  return [{ reason: 'SlotsUncovered', message }];
}

export function missingSlots(seen: readonly Seen[]): number {
  return seen.reduce((left, { view }) => left - slotsHeld(view.facts.self.slots), slotCount);
}
