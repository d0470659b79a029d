// Whether members that stand in for one another are on hosts of their own. Pure.

import type { ConditionInput } from '@tweendeck/controller';
import type { EngineTables } from './engine.ts';
import type { Member } from './member.ts';

/** What is said of it; nothing where no member stands in for another. */
export function apartConditions(
  { groups }: Pick<EngineTables<never>, 'groups'>,
  members: readonly Member<unknown>[],
): readonly ConditionInput[] {
  const keeping = members.filter(
    ({ wanted, place: { group } }) => wanted && groups[group]?.keepsData,
  );
  const shards = Map.groupBy(keeping, ({ place: { group, shard } }) => `${group} ${shard}`);
  const several = [...shards.values()].filter(({ length }) => length > 1);
  if (several.length === 0) return [];
  const [together, ...others] = several.flatMap(sharing);
  if (together === undefined) {
    const message = 'each member of a shard has a host of its own';
    return [{ type: 'MembersApart', status: 'True', reason: 'Apart', message }];
  }
  const more = others.length > 0 ? `, and ${others.length} more like it` : '';
  const message = `${together}${more}: without that host what they keep is gone, or cannot be used; a member that restarts goes elsewhere where there is room, unless its volume keeps it`;
  return [{ type: 'MembersApart', status: 'False', reason: 'SharedHost', message }];
}

/** Hosts with more than one of them. */
function sharing(shard: readonly Member<unknown>[]): readonly string[] {
  const placed = shard.filter(({ pod }) => pod?.host !== undefined);
  const hosts = Map.groupBy(placed, ({ pod }) => pod?.host);
  return [...hosts]
    .filter(([, all]) => all.length > 1)
    .map(([host, all]) => `${all.map(({ name }) => name).join(' and ')} share ${host}`);
}
