// Who of those that started without a log of writes may take part, and who takes over before one of them does. Pure.
//
// Replicas copy whatever their leader has. One whose process died comes back with its last snapshot or with nothing, and is found
// by the others as the leader that it was: so it starts fenced, where neither replicas nor clients look for it (`fence.ts`).

import type { Cluster, Member, Trouble } from '@tweendeck/engine';
import type { PlannedDeed } from './deeds.ts';
import type { RedisFacts } from './facts.ts';
import { openSettings } from './fence.ts';
import { isSeen, type Seen } from './seen.ts';
import { hasOutvoted } from './shards.ts';

type Fenced = Pick<Cluster<unknown>, 'spec'>;

export function planFenced(
  cluster: Fenced,
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  const each = seen
    .filter(({ view }) => view.facts.isFenced)
    .flatMap((one): readonly PlannedDeed[] => {
      const { self } = one.view.facts;
      if (self.masterId !== undefined) {
        const why = `${one.name} has all that its leader has`;
        return one.view.synced ? [letIn(cluster, one, why)] : [];
      }
      const takes = self.slots.length > 0 || self.importing.size > 0;
      if (!takes) return [letIn(cluster, one, `${one.name} owns nothing yet`)];
      return planOwner(cluster, one, { members, seen });
    });
  // What waits for a person in one shard keeps no other from healing.
  return [...each, ...planDeserted(members, seen)].toSorted(
    (a, b) => Number(a.risk === 'dataLoss') - Number(b.risk === 'dataLoss'),
  );
}

/** Whoever was about to own its first slots, came back with some of their keys, and was replaced: nobody empties it. */
export function strandedTroubles(seen: readonly Seen[]): readonly Trouble[] {
  return seen
    .filter(({ view: { facts } }) => facts.isFenced && facts.keys > 0)
    .filter(({ view: { facts } }) => facts.self.masterId === undefined)
    .filter(({ view: { facts } }) => facts.self.slots.length === 0 && facts.self.importing.size > 0)
    .flatMap((one) => {
      const heir = seen.find((other) => hasReplaced(other, one));
      if (heir === undefined) return [];
      const message = `${one.name} started without a log and with keys that ${heir.name} leads now: delete its pod, and its volume if it has one, and it follows anew`;
      return [{ reason: 'LeftBehind', message }];
    });
}

/** Who is fenced does not stand for election: where nobody else does, the best of those that follow an owner who is gone is told to. */
function planDeserted(
  members: readonly Member<RedisFacts>[],
  seen: readonly Seen[],
): readonly PlannedDeed[] {
  const present = new Set(seen.map(({ view }) => view.facts.id));
  const owners = new Set(
    seen.flatMap(({ view }) =>
      view.facts.nodes.filter(({ slots }) => slots.length > 0).map(({ id }) => id),
    ),
  );
  const followers = Map.groupBy(seen, ({ view }) => view.facts.self.masterId);
  const silent = members.filter((member) => !isSeen(member));
  return [...followers].flatMap(([id, all]): readonly PlannedDeed[] => {
    const [heir] = all.toSorted((a, b) => streamOf(b) - streamOf(a));
    const isDeserted = id !== undefined && owners.has(id) && !present.has(id);
    if (!isDeserted || heir === undefined || !all.every(({ view }) => view.facts.isFenced)) {
      return [];
    }
    const started = `the leader of ${heir.name} is gone, and it started without a log`;
    return [
      {
        ...{ id: `elect ${heir.name}`, on: heir.name },
        risk: silent.length === 0 ? 'disruptive' : 'dataLoss',
        why: silent.length === 0 ? started : `${started}; ${doubtOf(silent)}`,
        deed: { kind: 'lead', replica: heir, how: 'forced' },
      },
    ];
  });
}

function doubtOf(silent: readonly Member<RedisFacts>[]): string {
  const names = silent.map(({ name }) => name).join(', ');
  return `${names} ${silent.length === 1 ? 'does' : 'do'} not answer, and may have newer data`;
}

/**
 * Whoever has more than the owner leads in its place; the owner goes on where nobody can have more. The same for who was about
 * to own its first slots: their keys went there already. Nobody is elected in the place of one without slots.
 */
function planOwner(
  cluster: Fenced,
  owner: Seen,
  {
    members,
    seen,
  }: { readonly members: readonly Member<RedisFacts>[]; readonly seen: readonly Seen[] },
): readonly PlannedDeed[] {
  if (seen.some((other) => hasReplaced(other, owner))) return []; // it hears of that by itself
  const silent = members.filter(
    (member) =>
      !isSeen(member) && member.place.shard === owner.place.shard && mayReturn(cluster, member),
  );
  const [heir] = seen
    .filter(({ view: { facts } }) => facts.self.masterId === owner.view.facts.id)
    .filter((one) => hasMore(one, owner))
    .toSorted((a, b) => streamOf(b) - streamOf(a));
  const doubt = doubtOf(silent);
  const started = `${owner.name} leads its shard, and started without a log`;
  if (heir) {
    // One that was there all the time heard all that its leader acknowledged, as far as anybody did.
    const isSure = !heir.view.facts.isFenced || silent.length === 0;
    const owns = owner.view.facts.self.slots.length > 0;
    return [
      {
        ...{ id: `fail over to ${heir.name}`, on: heir.name },
        risk: isSure ? 'disruptive' : 'dataLoss',
        why: `${started}: ${heir.name} has more${isSure ? '' : `; ${doubt}`}`,
        deed: { kind: 'lead', replica: heir, how: owns ? 'forced' : 'without votes' },
      },
    ];
  }
  const emptied = seen.find((one) => hasLessAndNewer(one, owner));
  if (emptied) {
    const either = `${emptied.name} has nothing, and heard more: all was deleted, or it lost it`;
    return [letIn(cluster, owner, `${started}: ${either}`, 'dataLoss')];
  }
  if (silent.length === 0) return [letIn(cluster, owner, `${started}: nobody has more`)];
  return [letIn(cluster, owner, `${started}: ${doubt}`, 'dataLoss')];
}

/** Of the same stream, or where the owner has nothing. */
function hasMore(heir: Seen, owner: Seen): boolean {
  if (heir.view.facts.keys === 0) return false;
  return owner.view.facts.keys === 0 || streamOf(heir) > streamOf(owner);
}

/** What clients deleted is not to come back from a snapshot; a replica that failed to load what it was sent looks the same. */
function hasLessAndNewer(heir: Seen, owner: Seen): boolean {
  if (heir.view.facts.self.masterId !== owner.view.facts.id) return false;
  const { facts } = owner.view;
  return heir.view.facts.keys === 0 && facts.keys > 0 && streamOf(heir) > streamOf(owner);
}

/** Bytes of the stream that it has; a replica that lost its leader may tell them as those of its own only. */
function streamOf({ view: { facts } }: Seen): number {
  return Math.max(facts.offset, Number(facts.info.get('master_repl_offset') ?? 0));
}

function hasReplaced(one: Seen, owner: Seen): boolean {
  if (owner.view.facts.self.slots.length > 0) return hasOutvoted(one, owner);
  const { place, view } = one;
  const isMate = place.shard === owner.place.shard && !view.facts.isFenced;
  return isMate && view.facts.self.masterId === undefined && view.facts.keys > 0;
}

/** With data: of a process that goes on, or of a volume. */
export function mayReturn({ spec }: Fenced, { pod, place }: Member<RedisFacts>): boolean {
  return pod !== undefined || spec.groups[place.group]?.storage !== undefined;
}

function letIn(
  cluster: Fenced,
  on: Seen,
  why: string,
  risk: 'safe' | 'dataLoss' = 'safe',
): PlannedDeed {
  const deed = { kind: 'let in', on, settings: openSettings(cluster) } as const;
  return { id: `let in ${on.name}`, why, on: on.name, risk, deed };
}
