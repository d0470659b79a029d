// Fills ClusterRoles that gather the rules of others. After upstream's clusterrole-aggregation-controller.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import {
  type ClusterRole,
  clusterRoleResource,
  labelSelectorFromObject,
  refOf,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';

type Rule = NonNullable<ClusterRole['rules']>[number];

const manager = 'clusterrole-aggregation-controller';

/** Any role may be one that another gathers: who gathers looks again at each change. */
export function aggregationController(): Controller {
  return defineController<ClusterRole>({
    name: manager,
    resource: clusterRoleResource,
    watches: [
      watching(clusterRoleResource, (_role, cache) =>
        cache(clusterRoleResource)
          .list({})
          .filter(({ aggregationRule }) => aggregationRule)
          .map(refOf),
      ),
    ],
    async reconcile(role, { cache, client, signal }) {
      if (!role.aggregationRule) return;
      const rules = gathered(role, cache(clusterRoleResource).list({}));
      if (jsonEqual(role.rules ?? [], rules)) return;
      const wanted = { metadata: { name: role.metadata.name }, rules };
      await client.apply(
        clusterRoleResource,
        wanted,
        { fieldManager: manager, force: true },
        signal,
      );
    },
  });
}

/** The rules of every role that a selector takes, by name, each once. */
export function gathered(
  { metadata, aggregationRule }: Pick<ClusterRole, 'metadata' | 'aggregationRule'>,
  roles: readonly ClusterRole[],
): readonly Rule[] {
  const others = roles
    .filter((role) => role.metadata.name !== metadata.name)
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  const rules: Rule[] = [];
  for (const selector of aggregationRule?.clusterRoleSelectors ?? []) {
    const matcher = labelSelectorFromObject(selector);
    for (const role of others) {
      if (!matcher.matches(role.metadata.labels)) continue;
      for (const rule of role.rules ?? []) {
        if (!rules.some((known) => jsonEqual(known, rule))) rules.push(rule);
      }
    }
  }
  return rules;
}
