// What leads to the members of a cluster, and what keeps them from leaving all at once. Pure.

import type { Applied } from '@tweendeck/client';
import type { Cluster, EngineTables, MemberRecipe } from './engine.ts';
import { clusterLabels, groupLabel, ownLabels, roleLabel, shardLabel } from './labels.ts';
import type { Place } from './member.ts';

/** The Service without an address of its own, under which members are found one by one. */
export function membersService(cluster: string): string {
  return `${cluster}-members`;
}

export function recipeOf<Options>(
  { kind, recipes }: EngineTables<Options>,
  group: string,
): MemberRecipe<Options> {
  const recipe = recipes[group];
  if (recipe === undefined) throw new Error(`${kind} has no recipe for its group ${group}`);
  return recipe;
}

export function renderServices<Options>(
  engine: EngineTables<Options>,
  { name, namespace, spec }: Cluster<Options>,
  places: readonly Place[],
): readonly Applied[] {
  const ports = (group: string) =>
    Object.entries(recipeOf(engine, group).ports).map(([port, number]) => ({
      ...{ name: port, port: number, targetPort: port, protocol: 'TCP' },
    }));
  const labels = ownLabels(engine, name);
  const all = clusterLabels(engine, name);
  const clients = { ...all, [groupLabel]: engine.clientGroup };
  const members = { ...labels, 'app.kubernetes.io/component': 'members' };
  const others = Object.keys(engine.groups).filter((group) => group !== engine.clientGroup);
  const some = (suffix: string, which: Readonly<Record<string, string>>): Applied => ({
    metadata: { name: `${name}-${suffix}`, namespace, labels },
    spec: {
      ...{ type: 'ClusterIP', selector: { ...clients, ...which } },
      ports: ports(engine.clientGroup),
    },
  });
  const { byRole = false, byShard = false } = engine.services ?? {};
  const shards =
    byShard && spec.services?.byShard ? shardsOf(places, engine.clientGroup) : new Set<number>();
  return [
    {
      metadata: { name, namespace, labels },
      spec: { type: 'ClusterIP', selector: clients, ports: ports(engine.clientGroup) },
    },
    {
      metadata: { name: membersService(name), namespace, labels: members },
      spec: {
        ...{ clusterIP: 'None', publishNotReadyAddresses: true, selector: all },
        ports: ports(engine.clientGroup),
      },
    },
    ...(byRole
      ? [some('rw', { [roleLabel]: 'leader' }), some('ro', { [roleLabel]: 'follower' })]
      : []),
    ...[...shards].map((shard) => some(`shard-${shard}`, { [shardLabel]: String(shard) })),
    ...others.map((group) => ({
      metadata: { name: `${name}-${group}`, namespace, labels },
      spec: { type: 'ClusterIP', selector: { ...all, [groupLabel]: group }, ports: ports(group) },
    })),
  ];
}

function shardsOf(places: readonly Place[], group: string): ReadonlySet<number> {
  return new Set(places.filter((place) => place.group === group).map(({ shard }) => shard));
}

/** Evictions take one member of a shard at a time. None for a single one: it would keep its node from being drained. */
export function renderBudgets<Options>(
  engine: EngineTables<Options>,
  { name, namespace }: Cluster<Options>,
  places: readonly Place[],
): readonly Applied[] {
  const shards = Map.groupBy(places, ({ group, shard }) =>
    engine.groups[group]?.shards ? `${name}-${group}-${shard}` : `${name}-${group}`,
  );
  return [...shards].flatMap(([budget, [place, ...others]]) => {
    if (place === undefined || others.length === 0) return [];
    const { group, shard } = place;
    return [
      {
        metadata: { name: budget, namespace, labels: ownLabels(engine, name) },
        spec: {
          maxUnavailable: 1,
          selector: {
            matchLabels: {
              ...clusterLabels(engine, name),
              ...{ [groupLabel]: group, [shardLabel]: String(shard) },
            },
          },
          // A member that does not take part anyway keeps nobody from draining its node.
          unhealthyPodEvictionPolicy: 'AlwaysAllow',
        },
      },
    ];
  });
}
