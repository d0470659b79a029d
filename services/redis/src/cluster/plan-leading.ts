// Who is to lead in whose place: in order, by an election that members do not begin themselves, or where most leaders are gone.
// Pure.

import type { Cluster, Member } from '@tweendeck/engine';
import type { ClusterNode } from './cluster-nodes.ts';
import type { PlannedDeed, RedisPlan } from './deeds.ts';
import type { RedisFacts } from './facts.ts';
import { mayReturn } from './plan-fence.ts';
import { isSeen, type Seen } from './seen.ts';
import { bestHeir, hasOutvoted, heirsOf, leaderOf, shardsOf } from './shards.ts';
import { slotsHeld } from './slots.ts';

/** To the replica that has most of what its leader wrote. */
export function handOver(
  from: Seen,
  seen: readonly Seen[],
  to: 'leave' | 'be restarted',
): PlannedDeed | undefined {
  const heir = bestHeir(heirsOf(from, seen));
  return heir && handOverTo(from, heir, `${from.name} is to ${to}, and leads its shard`);
}

export function handOverTo(from: Seen, heir: Seen, why: string): PlannedDeed {
  return {
    ...{ id: `hand over from ${from.name} to ${heir.name}`, on: heir.name, risk: 'disruptive' },
    why,
    deed: { kind: 'lead', replica: heir, how: 'in order' },
  };
}

/**
 * Who was replaced and has not heard of it holds writes back, or goes on with them: only its own word sends clients to the
 * one that leads now, so that it is not to be restarted before.
 */
export function unheardChange(seen: readonly Seen[]): string | undefined {
  for (const one of seen) {
    const other = seen.find((by) => hasOutvoted(by, one));
    if (other) return `${one.name} has not heard yet that ${other.name} leads in its place`;
  }
  return undefined;
}

/** Without most of the masters nobody is elected: replicas of those that are gone take over, as few as it needs. */
export function planTakeovers(
  cluster: Pick<Cluster<unknown>, 'spec'>,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): RedisPlan {
  const masters = mastersOf(seen);
  const alive = new Set(seen.map(({ view }) => view.facts.id));
  const dead = [...masters.values()].filter(({ id }) => !alive.has(id));
  if (dead.length * 2 < masters.size || dead.length === 0) return { deeds: [], troubles: [] };
  // A master is proven dead when every member that does not answer has no pod that could be it.
  const silent = members.filter((member) => !isSeen(member));
  const proven = silent.every(({ pod }) => pod === undefined);
  // Whoever started without a log has an old snapshot, and volumes of those that are gone may have a newer one.
  const mayHaveMore = silent.some((member) => mayReturn(cluster, member));
  const needed = Math.floor(masters.size / 2) + 1 - (masters.size - dead.length);
  const heirs = dead
    .map(({ id }) => heirOf(id, seen))
    .filter((heir) => heir !== undefined)
    .toSorted((a, b) => b.view.facts.offset - a.view.facts.offset)
    .slice(0, needed);
  const deeds = heirs.map(
    (replica): PlannedDeed => ({
      ...{ id: `take over with ${replica.name}`, on: replica.name },
      risk: proven && !(replica.view.facts.isFenced && mayHaveMore) ? 'disruptive' : 'dataLoss',
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

/**
 * A master that is not found to fail by all is never voted out: somebody else answers at its address, or those who know
 * that it fails do not tell of a node that owns nothing in their eyes.
 */
export function planElections(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  // Who does not answer may be that master, at another address.
  if (members.some((member) => !isSeen(member))) return [];
  const present = new Set(seen.map(({ view }) => view.facts.id));
  const gone = [...mastersOf(seen).keys()].filter((id) => !present.has(id));
  return gone.flatMap((id): readonly PlannedDeed[] => {
    const heir = heirOf(id, seen);
    // Whoever is fenced is seen to by itself (`plan-fence.ts`).
    if (heir === undefined || heir.view.facts.isFenced || areAgreed(id, seen)) return [];
    return [
      {
        ...{ id: `elect ${heir.name}`, on: heir.name, risk: 'disruptive' },
        why: `the leader of ${heir.name} is gone, and not all find that it fails`,
        deed: { kind: 'lead', replica: heir, how: 'forced' },
      },
    ];
  });
}

/** Whoever follows one that is gone and owned nothing, in a shard where nobody else leads: nobody would ever vote. */
export function planOrphans(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  if (members.some((member) => !isSeen(member))) return [];
  const present = new Set(seen.map(({ view }) => view.facts.id));
  const owners = new Set(
    seen.flatMap(({ view }) =>
      view.facts.nodes.filter(({ slots }) => slots.length > 0).map(({ id }) => id),
    ),
  );
  return [...shardsOf(seen).values()].flatMap((shard): readonly PlannedDeed[] => {
    const leads = leaderOf(shard) !== undefined;
    const masters = shard.map(({ view }) => view.facts.self.masterId ?? '');
    const isOrphaned = masters.every((id) => id !== '' && !present.has(id) && !owners.has(id));
    const heir = bestHeir(shard);
    if (leads || !isOrphaned || heir === undefined) return [];
    return [
      {
        ...{ id: `lead with ${heir.name}`, on: heir.name, risk: 'disruptive' },
        why: `the leader of ${heir.name} is gone, and owned no slots`,
        deed: { kind: 'lead', replica: heir, how: 'without votes' },
      },
    ];
  });
}

/** Whether all know that it fails, so that replicas stand for election by themselves. */
function areAgreed(id: string, seen: readonly Seen[]): boolean {
  return seen.every(({ view }) =>
    view.facts.nodes.every((node) => node.id !== id || node.flags.has('fail')),
  );
}

/**
 * Who is to lead what one that is gone led. Servers never elect who did not hear that its master owns slots. Whoever copied
 * from another member at the address of its master has not the data of its shard any more: it is the last resort.
 */
function heirOf(id: string, seen: readonly Seen[]): Seen | undefined {
  const replicas = seen.filter(({ view }) => view.facts.self.masterId === id);
  const own = replicas.filter(
    ({ view: { facts } }) => !seen.some(({ pod }) => pod.ip === facts.copiesFrom),
  );
  const knowsSlots = ({ view: { facts } }: Seen): boolean =>
    facts.nodes.some((node) => node.id === id && node.slots.length > 0);
  const heir = bestHeir(own.filter(knowsSlots));
  if (heir || own.some(({ view }) => view.facts.keys > 0)) return heir;
  return bestHeir(replicas.filter(knowsSlots));
}
