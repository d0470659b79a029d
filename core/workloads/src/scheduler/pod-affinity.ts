// Which pods want to be near or far from which others, and where that puts a new one.

import {
  everyLabel,
  type LabelMatcher,
  type Labels,
  labelSelectorFromObject,
  type Node,
  type Pod,
  type PodAffinityTerm,
} from '@tweendeck/kube';

/** The labels of a namespace, for terms that select namespaces. */
export type NamespaceLabels = (namespace: string) => Labels | undefined;

interface AffinityTerm {
  readonly topologyKey: string;
  readonly weight: number;
  readonly matches: (pod: Pod, namespaceLabels: NamespaceLabels) => boolean;
}

/** A pod's terms, ready to be matched. */
export interface Affinities {
  readonly near: readonly AffinityTerm[];
  readonly far: readonly AffinityTerm[];
  /** Preferences; those to be far have a negative weight. */
  readonly preferred: readonly AffinityTerm[];
}

const none: Affinities = { near: [], far: [], preferred: [] };

export function affinitiesOf(pod: Pod): Affinities {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return none;
  const required = (terms: readonly PodAffinityTerm[] = []): AffinityTerm[] =>
    terms.map((term) => termOf(term, pod, 0));
  return {
    near: required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    far: required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [
      ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) =>
        termOf(each.podAffinityTerm, pod, each.weight),
      ),
      ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) =>
        termOf(each.podAffinityTerm, pod, -each.weight),
      ),
    ],
  };
}

function termOf(term: PodAffinityTerm, owner: Pod, weight: number): AffinityTerm {
  const { topologyKey, namespaces = [], namespaceSelector } = term;
  const labels = labelSelectorFromObject(term.labelSelector);
  const selected = namespaceSelector && labelSelectorFromObject(namespaceSelector);
  const own = namespaces.length === 0 && !selected ? [owner.metadata.namespace] : namespaces;
  return {
    topologyKey,
    weight,
    matches: (pod, namespaceLabels) => {
      const namespace = pod.metadata.namespace ?? '';
      return (
        labels.matches(pod.metadata.labels) &&
        (own.includes(namespace) || inSelected(selected, namespace, namespaceLabels))
      );
    },
  };
}

function inSelected(
  selector: LabelMatcher | undefined,
  namespace: string,
  namespaceLabels: NamespaceLabels,
): boolean {
  if (!selector) return false;
  if (selector.requirements.length === everyLabel.requirements.length) return true;
  const labels = namespaceLabels(namespace);
  return labels !== undefined && selector.matches(labels);
}

export interface PlacedPod {
  readonly pod: Pod;
  readonly node: Node;
  readonly affinities: Affinities;
}

export interface AffinityCheck {
  /** Why the node will not do, in upstream's words; undefined when it will. */
  problem(node: Node): string | undefined;
  /** Larger is better; not bounded. */
  score(node: Node): number;
}

const nearProblem = "node(s) didn't match pod affinity rules";
const farProblem = "node(s) didn't match pod anti-affinity rules";
const existingProblem = "node(s) didn't satisfy existing pods anti-affinity rules";

/** Looks at all placed pods once; then every node is answered from the counts. */
export function checkAffinity(
  pod: Pod,
  placed: readonly PlacedPod[],
  namespaceLabels: NamespaceLabels,
): AffinityCheck {
  const { near, far, preferred } = affinitiesOf(pod);
  const nearBy = new Domains();
  const farFrom = new Domains();
  const forbidden = new Domains();
  const liked = new Domains();
  let nearSeen = false;
  for (const other of placed) {
    if (near.length > 0 && near.every((term) => term.matches(other.pod, namespaceLabels))) {
      for (const term of near) nearSeen = nearBy.add(term.topologyKey, other.node, 1) || nearSeen;
    }
    for (const term of far) {
      if (term.matches(other.pod, namespaceLabels)) farFrom.add(term.topologyKey, other.node, 1);
    }
    for (const term of other.affinities.far) {
      if (term.matches(pod, namespaceLabels)) forbidden.add(term.topologyKey, other.node, 1);
    }
    likings(preferred, other.pod);
    likings(other.affinities.preferred, pod);
    // Who must be near us is glad when we come.
    for (const term of other.affinities.near) {
      if (term.matches(pod, namespaceLabels)) liked.add(term.topologyKey, other.node, 1);
    }
    function likings(terms: readonly AffinityTerm[], target: Pod): void {
      for (const term of terms) {
        if (term.matches(target, namespaceLabels)) {
          liked.add(term.topologyKey, other.node, term.weight);
        }
      }
    }
  }
  // The first of a group that wants to be together has nobody to be near to.
  const isFirst = !nearSeen && near.every((term) => term.matches(pod, namespaceLabels));
  return {
    problem(node) {
      if (forbidden.sum(node) > 0) return existingProblem;
      if (far.some(({ topologyKey }) => farFrom.at(topologyKey, node) > 0)) return farProblem;
      const isNear = near.every(({ topologyKey }) =>
        isFirst
          ? node.metadata.labels?.[topologyKey] !== undefined
          : nearBy.at(topologyKey, node) > 0,
      );
      return isNear ? undefined : nearProblem;
    },
    score: (node) => liked.sum(node),
  };
}

/** Sums by topology domain: a label's key and a node's value for it. */
class Domains {
  readonly #sums = new Map<string, Map<string, number>>();

  /** False when the node is in no such domain. */
  add(topologyKey: string, node: Node, amount: number): boolean {
    const value = node.metadata.labels?.[topologyKey];
    if (value === undefined) return false;
    const sums = this.#sums.get(topologyKey) ?? new Map<string, number>();
    this.#sums.set(topologyKey, sums.set(value, (sums.get(value) ?? 0) + amount));
    return true;
  }

  at(topologyKey: string, node: Node): number {
    const value = node.metadata.labels?.[topologyKey];
    return value === undefined ? 0 : (this.#sums.get(topologyKey)?.get(value) ?? 0);
  }

  sum(node: Node): number {
    return [...this.#sums.keys()].reduce((total, key) => total + this.at(key, node), 0);
  }
}
