// Which pods somebody asks for, in a form that can be remembered: two matchers with one key match the same pods.

import {
  type LabelMatcher,
  type Labels,
  labelSelectorFromObject,
  type Pod,
  type PodAffinityTerm,
} from '@tweendeck/kube';

/** The labels of a namespace, for terms that select namespaces. */
export type NamespaceLabels = (namespace: string) => Labels | undefined;

export interface PodMatcher {
  readonly key: string;
  readonly matches: (pod: Pod) => boolean;
}

/** Pods of one namespace that are not ending. A selector without requirements counts nobody, as upstream has it. */
export function livingPods(namespace: string, selector: LabelMatcher): PodMatcher | undefined {
  if (selector.requirements.length === 0) return undefined;
  return {
    key: `living ${namespace} ${selector.toString()}`,
    matches: ({ metadata }) =>
      metadata.namespace === namespace &&
      metadata.deletionTimestamp === undefined &&
      selector.matches(metadata.labels),
  };
}

/** The pods that a term of affinity is about. */
export function podsOfTerm(
  term: PodAffinityTerm,
  owner: Pod,
  namespaceLabels: NamespaceLabels,
): PodMatcher {
  const { namespaces = [], namespaceSelector, labelSelector } = term;
  const labels = labelSelectorFromObject(labelSelector);
  const selected = namespaceSelector && labelSelectorFromObject(namespaceSelector);
  const own = namespaces.length === 0 && !selected ? [owner.metadata.namespace ?? ''] : namespaces;
  const inNamespace = (namespace: string): boolean => {
    if (own.includes(namespace)) return true;
    if (!selected) return false;
    return selected.requirements.length === 0 || selected.matches(namespaceLabels(namespace) ?? {});
  };
  return {
    key: `${labelSelector ? labels.toString() : '-'} in ${own.toSorted().join()} ${selected?.toString() ?? '-'}`,
    matches: ({ metadata }) =>
      inNamespace(metadata.namespace ?? '') && labels.matches(metadata.labels),
  };
}

/** Pods that all of them match. */
export function everyOf(matchers: readonly PodMatcher[]): PodMatcher {
  return {
    key: `every ${matchers.map(({ key }) => key).join(' and ')}`,
    matches: (pod) => matchers.every((each) => each.matches(pod)),
  };
}
