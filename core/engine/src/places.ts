// Which members a spec asks for.

import type { ClusterSpec } from './cluster-spec.ts';
import type { EngineTables } from './engine.ts';
import type { Place } from './member.ts';

/** In order; none of a cluster that is stopped goes: its members stay, without pods. */
export function placesOf(
  { groups }: Pick<EngineTables<never>, 'groups'>,
  spec: Pick<ClusterSpec<unknown>, 'groups'>,
): readonly Place[] {
  return Object.entries(groups)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([group, rule]) => {
      const { shards = 1, members = rule.members.default } = spec.groups[group] ?? {};
      return Array.from({ length: rule.shards ? shards : 1 }, (_, shard) =>
        Array.from({ length: members }, (_each, ordinal) => ({ group, shard, ordinal })),
      ).flat();
    });
}
