// Who a pod's peers are: what its services and its owner select. After kube-scheduler's DefaultSelector.

import {
  type LabelSelector,
  labelSelectorOf,
  type Pod,
  type ReplicaSet,
  type Service,
  type StatefulSet,
} from '@tweendeck/kube';

/** Who selects pods. */
export interface SelectorView {
  services(namespace: string): readonly Service[];
  replicaSet(namespace: string, name: string): ReplicaSet | undefined;
  statefulSet(namespace: string, name: string): StatefulSet | undefined;
}

/** Undefined: it has no peers that anybody knows of. */
export function peersOf({ metadata }: Pod, view: SelectorView): LabelSelector | undefined {
  const { namespace = '', labels } = metadata;
  const matchLabels: Record<string, string> = {};
  for (const { spec } of view.services(namespace)) {
    const { selector } = spec;
    if (selector && labelSelectorOf(selector).matches(labels)) Object.assign(matchLabels, selector);
  }
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const owned = owner && ownerSelector(owner, namespace, view);
  const matchExpressions = [
    ...(owned?.matchExpressions ?? []),
    ...Object.entries(owned?.matchLabels ?? {}).map(([key, value]) => ({
      key,
      operator: 'In' as const,
      values: [value],
    })),
  ];
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return undefined;
  return { matchLabels, matchExpressions };
}

function ownerSelector(
  {
    apiVersion,
    kind,
    name,
  }: { readonly apiVersion: string; readonly kind: string; readonly name: string },
  namespace: string,
  view: SelectorView,
): LabelSelector | undefined {
  if (apiVersion !== 'apps/v1') return undefined;
  if (kind === 'ReplicaSet') return view.replicaSet(namespace, name)?.spec.selector;
  return kind === 'StatefulSet' ? view.statefulSet(namespace, name)?.spec.selector : undefined;
}
