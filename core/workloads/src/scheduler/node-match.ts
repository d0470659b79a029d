// Whether a node is what a pod asks for: selectors, affinity to nodes, taints.

import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  Taint,
  Toleration,
} from '@tweendeck/kube';

/** `nodeSelector` and the required node affinity. */
export function nodeMatches(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || selectorMatches(required, node);
}

/**
 * The names that the required affinity cuts nodes down to; undefined when a term names none. Nodes of other names need not
 * be looked at.
 */
export function namedNodes({ spec }: Pod): ReadonlySet<string> | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const { nodeSelectorTerms: terms = [] } = required ?? {};
  if (terms.length === 0) return undefined;
  let all = new Set<string>();
  for (const { matchFields = [] } of terms) {
    let names: ReadonlySet<string> | undefined;
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      const own = new Set(values);
      names = names ? own.intersection(names) : own;
    }
    if (!names) return undefined;
    all = all.union(names);
  }
  return all;
}

function selectorMatches(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => termMatches(term, node));
}

/** All requirements hold; an empty term holds for nothing. */
export function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((each) => requirementHolds(each, labels[each.key])) &&
    matchFields.every(
      (each) => each.key === 'metadata.name' && requirementHolds(each, node.metadata.name),
    )
  );
}

function requirementHolds(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) > BigInt(values[0]);
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) < BigInt(values[0]);
  }
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^-?[0-9]{1,19}$/.test(text);
}

/** The taints with one of these effects that the pod does not tolerate. */
export function untolerated(
  pod: Pod,
  node: { readonly spec?: Pick<Node['spec'], 'taints'> },
  effects: readonly Taint['effect'][],
): readonly Taint[] {
  return (node.spec?.taints ?? []).filter(
    (taint) =>
      effects.includes(taint.effect) &&
      !(pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  );
}

/** An empty key with Exists tolerates everything, an empty effect every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.operator === 'Exists') return !toleration.key || toleration.key === taint.key;
  return toleration.key === taint.key && (toleration.value ?? '') === (taint.value ?? '');
}
