// What members of a Redis cluster would say were something done to them: for dry runs. Pure.

import type { Cluster, Member, MemberView, Observed } from '@tweendeck/engine';
import { type Memory, memoryFor } from '../memory.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import type { RedisDeed } from './deeds.ts';
import type { RedisFacts } from './facts.ts';
import { isLogged } from './fence.ts';
import { heldIn } from './memory.ts';
import { isSeen, redisPort, type Seen } from './seen.ts';
import { rangesOf, slotsHeld, slotsIn } from './slots.ts';

type Say = Partial<Pick<ClusterNode, 'slots' | 'masterId'>> & {
  readonly takesPasswords?: true;
  readonly isFenced?: false;
  readonly memory?: Memory;
};

/** Were all members there that are asked for: new ones empty, and known to nobody. Undefined: all are. */
export function seenOnceThere(
  { members }: Observed<RedisFacts>,
  cluster: Pick<Cluster<unknown>, 'spec' | 'passwords' | 'settings' | 'tls'>,
): Observed<RedisFacts> | undefined {
  const isMissing = (one: Member<RedisFacts>): boolean => one.wanted && one.pod === undefined;
  if (!members.some(isMissing)) return undefined;
  return { members: members.map((one) => (isMissing(one) ? newcomer(one, cluster) : one)) };
}

function newcomer(
  member: Member<RedisFacts>,
  cluster: Parameters<typeof seenOnceThere>[1],
): Member<RedisFacts> {
  const { spec, passwords, settings = {}, tls } = cluster;
  const { name, revision, place } = member;
  const self: ClusterNode = {
    ...{ id: name, host: name, port: redisPort, epoch: 0, masterId: undefined, slots: [] },
    ...{ flags: new Set(['myself', 'master']), migrating: new Map(), importing: new Map() },
  };
  const facts: RedisFacts = {
    ...{ id: name, self, nodes: [self], keys: 0, offset: 0, copiesFrom: undefined, clockMs: 0 },
    ...{ clusterOk: true, currentEpoch: 0, isFenced: !isLogged(cluster), info: new Map() },
    memory: { data: 0, used: 0, max: memoryFor(spec, place.group) },
  };
  const certificate = tls?.fingerprint;
  return {
    ...member,
    silence: undefined,
    pod: {
      ...{ name: `${name}-0`, uid: name, ip: name, host: undefined, ready: true, revision },
      ...{ terminating: false, trouble: undefined },
    },
    view: {
      ...{ role: 'unknown', synced: false, settings, facts },
      ...(passwords ? { takesPasswords: true } : {}),
      ...(certificate === undefined ? {} : { certificate }),
    },
  };
}

/** Were the deed done. Undefined where that cannot be told. */
export function seenAfterDeed(
  deed: RedisDeed,
  observed: Observed<RedisFacts>,
): Observed<RedisFacts> | undefined {
  switch (deed.kind) {
    case 'meet':
      return acquainted(observed, new Set([deed.from.view.facts.id, deed.to.view.facts.id]));
    case 'take slots':
      return saying(observed, [[deed.by, { slots: deed.ranges }]]);
    case 'drop slots':
      return saying(observed, [[deed.by, { slots: [] }]]);
    case 'follow':
      return saying(observed, [[deed.replica, { masterId: deed.leader.view.facts.id, slots: [] }]]);
    case 'tell passwords':
      return saying(observed, [[deed.to, { takesPasswords: true }]]);
    case 'let in':
      return saying(observed, [[deed.on, { isFenced: false }]]);
    case 'lead':
      return led(deed.replica, observed);
    case 'move': {
      const { from, to, slots } = deed.move;
      const going = new Set(slots);
      const kept = slotsOf(from).filter((slot) => !going.has(slot));
      const taken = [...slotsOf(to), ...slots].sort((a, b) => a - b);
      const held = heldIn(slots, from);
      return saying(observed, [
        [from, { slots: rangesOf(kept), memory: holding(from, -held) }],
        [to, { slots: rangesOf(taken), memory: holding(to, held) }],
      ]);
    }
    case 'forget':
      return forgotten(deed.id, observed);
    case 'close':
    case 'adopt':
      return undefined; // what was begun by somebody else, or lost
  }
}

function holding({ view }: Seen, more: number): Memory {
  const { data, used, max } = view.facts.memory;
  return { data: data + more, used: used + more, max };
}

const slotsOf = ({ view }: Seen): readonly number[] => slotsIn(view.facts.self.slots);

function forgotten(id: string, { members }: Observed<RedisFacts>): Observed<RedisFacts> {
  const without = (one: Seen): Seen => {
    const { facts } = one.view;
    const nodes = facts.nodes.filter((node) => node.id !== id);
    return { ...one, view: { ...one.view, facts: { ...facts, nodes } } };
  };
  return { members: members.map((one) => (isSeen(one) ? without(one) : one)) };
}

function led(replica: Seen, observed: Observed<RedisFacts>): Observed<RedisFacts> | undefined {
  const { id, self } = replica.view.facts;
  const master = observed.members
    .filter(isSeen)
    .find(({ view }) => view.facts.id === self.masterId);
  if (master === undefined) return undefined;
  const mates = observed.members
    .filter(isSeen)
    .filter(({ view }) => view.facts.self.masterId === self.masterId && view.facts.id !== id);
  return saying(observed, [
    [replica, { masterId: undefined, slots: master.view.facts.self.slots }],
    ...[master, ...mates].map((one): readonly [Seen, Say] => [one, { masterId: id, slots: [] }]),
  ]);
}

/** Some say something else, and all that know them hear of it. */
function saying(
  { members }: Observed<RedisFacts>,
  changes: readonly (readonly [Seen, Say])[],
): Observed<RedisFacts> {
  const by = new Map(changes.map(([{ name }, say]) => [name, say]));
  const changed = members.map((one) => {
    const say = by.get(one.name);
    return say && isSeen(one) ? { ...one, view: viewSaying(one.view, say) } : one;
  });
  const selves = new Map(
    changed.filter(isSeen).map(({ view }) => [view.facts.id, view.facts.self] as const),
  );
  return { members: changed.map((one) => (isSeen(one) ? hearing(one, selves) : one)) };
}

function viewSaying(
  view: MemberView<RedisFacts>,
  { takesPasswords, isFenced, memory, ...node }: Say,
): MemberView<RedisFacts> {
  const { facts } = view;
  const self: ClusterNode = { ...facts.self, ...node };
  const isReplica = self.masterId !== undefined;
  const leads = slotsHeld(self.slots) > 0;
  const isEmpty = isReplica || leads ? {} : { keys: 0 };
  return {
    ...view,
    role: isReplica ? 'follower' : leads ? 'leader' : 'unknown',
    synced: isReplica || leads,
    ...(takesPasswords ? { takesPasswords } : {}),
    facts: {
      ...{ ...facts, ...isEmpty, self, copiesFrom: undefined },
      ...(isFenced === undefined ? {} : { isFenced }),
      ...(memory ? { memory } : {}),
    },
  };
}

/** What it knows of others is what they say. */
function hearing(one: Seen, selves: ReadonlyMap<string, ClusterNode>): Seen {
  const { facts } = one.view;
  const nodes = facts.nodes.map((node) => {
    const now = selves.get(node.id);
    if (now === undefined) return node;
    if (node.id === facts.id) return facts.self;
    const { slots, masterId } = now;
    return { ...node, slots, masterId };
  });
  return { ...one, view: { ...one.view, facts: { ...facts, nodes } } };
}

/** By gossip, whoever knows one of them comes to know all that the others know. */
function acquainted(
  { members }: Observed<RedisFacts>,
  met: ReadonlySet<string>,
): Observed<RedisFacts> {
  const all = members.filter(isSeen);
  const circle = all.filter(({ view }) => view.facts.nodes.some(({ id }) => met.has(id)));
  const ids = new Set(circle.map(({ view }) => view.facts.id));
  const known = all.filter(({ view }) => ids.has(view.facts.id));
  const changed = members.map((one) => {
    if (!isSeen(one) || !ids.has(one.view.facts.id)) return one;
    const { facts } = one.view;
    const others = known
      .filter((other) => other.name !== one.name)
      .map(({ view, pod }): ClusterNode => {
        const flags = new Set([view.facts.self.masterId ? 'slave' : 'master']);
        return { ...view.facts.self, flags, host: pod.ip ?? '' };
      });
    const strangers = facts.nodes.filter(({ id }) => !ids.has(id));
    const nodes = [facts.self, ...others, ...strangers];
    return { ...one, view: { ...one.view, facts: { ...facts, nodes } } };
  });
  return { members: changed };
}
