// Which pods want to be near or far from which others, and where that puts a new one. Rules and texts: the InterPodAffinity
// plugin of kube-scheduler.

import type { Node, Pod, PodAffinityTerm } from '@tweendeck/kube';
import { Domains } from './domains.ts';
import type { CountsByNode } from './pod-counts.ts';
import { everyOf, type NamespaceLabels, type PodMatcher, podsOfTerm } from './pod-matcher.ts';

/** One term of a pod, ready to be matched. */
export interface AffinityTerm {
  readonly topologyKey: string;
  /** Of a preference; those to be far have a negative one. 1 for what is required. */
  readonly weight: number;
  readonly pods: PodMatcher;
}

export interface Affinities {
  readonly near: readonly AffinityTerm[];
  readonly far: readonly AffinityTerm[];
  readonly preferred: readonly AffinityTerm[];
}

const none: Affinities = { near: [], far: [], preferred: [] };

export function affinitiesOf(pod: Pod, namespaceLabels: NamespaceLabels): Affinities {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return none;
  const ready = (term: PodAffinityTerm, weight: number): AffinityTerm => ({
    topologyKey: term.topologyKey,
    weight,
    pods: podsOfTerm(term, pod, namespaceLabels),
  });
  const required = (terms: readonly PodAffinityTerm[] = []): AffinityTerm[] =>
    terms.map((term) => ready(term, 1));
  const { preferredDuringSchedulingIgnoredDuringExecution: liked = [] } = podAffinity ?? {};
  const { preferredDuringSchedulingIgnoredDuringExecution: shunned = [] } = podAntiAffinity ?? {};
  return {
    near: required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    far: required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [
      ...liked.map(({ podAffinityTerm, weight }) => ready(podAffinityTerm, weight)),
      ...shunned.map(({ podAffinityTerm, weight }) => ready(podAffinityTerm, -weight)),
    ],
  };
}

/** A term that placed pods have, and how many of them have it on each node. */
export interface HeldTerm {
  readonly term: AffinityTerm;
  readonly byNode: CountsByNode;
}

/** What is placed, as far as affinity goes. */
export interface AffinityView {
  node(name: string): Node | undefined;
  countsOf(pods: PodMatcher): CountsByNode;
  heldTerms(kind: keyof Affinities): Iterable<HeldTerm>;
}

export interface AffinityCheck {
  /** Why the node will not do; undefined when it will. */
  problem(node: Node): string | undefined;
  /** Larger is better; not bounded. Undefined: nobody has a preference. */
  readonly score: ((node: Node) => number) | undefined;
}

const nearProblem = "node(s) didn't match pod affinity rules";
const farProblem = "node(s) didn't match pod anti-affinity rules";
const existingProblem = "node(s) didn't satisfy existing pods anti-affinity rules";

/** Sums up what is placed once; then every node is answered from the sums. */
export function checkAffinity(
  pod: Pod,
  view: AffinityView,
  namespaceLabels: NamespaceLabels,
): AffinityCheck {
  const own = affinitiesOf(pod, namespaceLabels);
  const group = everyOf(own.near.map(({ pods }) => pods));
  const nearBy = new Domains();
  if (own.near.length > 0) {
    const counts = view.countsOf(group);
    for (const { topologyKey } of own.near) addAll(nearBy, view, { topologyKey, counts });
  }
  const farFrom = new Domains();
  for (const { topologyKey, pods } of own.far) {
    addAll(farFrom, view, { topologyKey, counts: view.countsOf(pods) });
  }
  const forbidden = new Domains();
  addHeld(forbidden, view, { kind: 'far', pod });
  // The first of a group that wants to be together has nobody to be near to.
  const isFirst = nearBy.isEmpty && group.matches(pod);
  return {
    problem(node) {
      if (!isNear(node)) return nearProblem;
      if (own.far.some(({ topologyKey }) => farFrom.at(topologyKey, node) > 0)) return farProblem;
      return forbidden.isEmpty || forbidden.sum(node) <= 0 ? undefined : existingProblem;
    },
    score: scoreOf(pod, own, view),
  };
  function isNear(node: Node): boolean {
    return own.near.every(({ topologyKey }) =>
      isFirst
        ? node.metadata.labels?.[topologyKey] !== undefined
        : nearBy.at(topologyKey, node) > 0,
    );
  }
}

function scoreOf(pod: Pod, own: Affinities, view: AffinityView): AffinityCheck['score'] {
  const liked = new Domains();
  for (const { topologyKey, weight, pods } of own.preferred) {
    addAll(liked, view, { topologyKey, counts: view.countsOf(pods), weight });
  }
  addHeld(liked, view, { kind: 'preferred', pod });
  // Who must be near us is glad when we come.
  addHeld(liked, view, { kind: 'near', pod });
  return liked.isEmpty ? undefined : (node) => liked.sum(node);
}

/** The terms of placed pods that are about this one. */
function addHeld(
  domains: Domains,
  view: AffinityView,
  { kind, pod }: { readonly kind: keyof Affinities; readonly pod: Pod },
): void {
  for (const { term, byNode } of view.heldTerms(kind)) {
    if (!term.pods.matches(pod)) continue;
    const { topologyKey, weight } = term;
    addAll(domains, view, { topologyKey, counts: byNode, weight });
  }
}

function addAll(
  domains: Domains,
  view: AffinityView,
  {
    topologyKey,
    counts,
    weight = 1,
  }: {
    readonly topologyKey: string;
    readonly counts: CountsByNode;
    readonly weight?: number;
  },
): void {
  for (const [name, count] of counts) {
    const node = view.node(name);
    if (node) domains.add(topologyKey, node, count * weight);
  }
}
