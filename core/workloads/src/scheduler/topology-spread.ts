// How evenly pods are to lie over zones, hosts and other domains. Rules and texts: the PodTopologySpread plugin of
// kube-scheduler.

import {
  type LabelMatcher,
  type LabelSelector,
  labelSelectorFromObject,
  type Node,
  type Pod,
  type TopologySpreadConstraint,
} from '@tweendeck/kube';
import { nodeMatches, untolerated } from './node-match.ts';
import type { CountsByNode } from './pod-counts.ts';
import { livingPods, type PodMatcher } from './pod-matcher.ts';

export interface SpreadView {
  nodes(): Iterable<Node>;
  countsOf(pods: PodMatcher): CountsByNode;
}

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: LabelMatcher;
  readonly counts: CountsByNode;
  /** Whether a node counts at all, by the policies. */
  readonly isCounted: (node: Node) => boolean;
}

const hostname = 'kubernetes.io/hostname';
const zone = 'topology.kubernetes.io/zone';
const problemText = "node(s) didn't match pod topology spread constraints";
const nobody: CountsByNode = new Map();

type Action = TopologySpreadConstraint['whenUnsatisfiable'];

function constraintsOf(
  given: readonly TopologySpreadConstraint[],
  { pod, view, action }: { readonly pod: Pod; readonly view: SpreadView; readonly action: Action },
): readonly Constraint[] {
  return given
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
    .map((each) => {
      const selector = labelSelectorFromObject(withLabelKeys(each, pod));
      const pods = livingPods(pod.metadata.namespace ?? '', selector);
      return {
        topologyKey: each.topologyKey,
        maxSkew: each.maxSkew,
        minDomains: each.minDomains ?? 1,
        selector,
        counts: pods ? view.countsOf(pods) : nobody,
        isCounted: (node) =>
          (each.nodeAffinityPolicy === 'Ignore' || nodeMatches(pod, node)) &&
          (each.nodeTaintsPolicy !== 'Honor' ||
            untolerated(pod, node, ['NoSchedule', 'NoExecute']).length === 0),
      };
    });
}

/** `matchLabelKeys`: pods that are like the new one in these labels too. */
function withLabelKeys(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  { metadata }: Pod,
): LabelSelector | undefined {
  if (!labelSelector) return undefined;
  const own = matchLabelKeys.flatMap((key) => {
    const value = metadata.labels?.[key];
    return value === undefined ? [] : [{ key, operator: 'In' as const, values: [value] }];
  });
  if (own.length === 0) return labelSelector;
  return {
    ...labelSelector,
    matchExpressions: [...(labelSelector.matchExpressions ?? []), ...own],
  };
}

function isInAll(node: Node, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ topologyKey }) => node.metadata.labels?.[topologyKey] !== undefined);
}

/** What must hold: answers why a node will not do. Undefined when the pod asks for nothing of the kind. */
export function checkSpread(
  pod: Pod,
  view: SpreadView,
): ((node: Node) => string | undefined) | undefined {
  const { topologySpreadConstraints: given = [] } = pod.spec;
  const constraints = constraintsOf(given, { pod, view, action: 'DoNotSchedule' });
  if (constraints.length === 0) return undefined;
  const sums = constraints.map(() => new Map<string, number>());
  for (const node of view.nodes()) {
    if (!isInAll(node, constraints)) continue;
    for (const [at, constraint] of constraints.entries()) {
      if (!constraint.isCounted(node)) continue;
      const value = node.metadata.labels?.[constraint.topologyKey] ?? '';
      const count = constraint.counts.get(node.metadata.name) ?? 0;
      sums[at]?.set(value, (sums[at].get(value) ?? 0) + count);
    }
  }
  const rows = constraints.map((constraint, at) => {
    const domains = sums[at] ?? new Map<string, number>();
    const least = domains.size < constraint.minDomains ? 0 : leastOf(domains);
    const self = constraint.selector.matches(pod.metadata.labels) ? 1 : 0;
    return { ...constraint, domains, countMax: constraint.maxSkew + least - self };
  });
  return (node) => {
    for (const { topologyKey, domains, countMax } of rows) {
      const value = node.metadata.labels?.[topologyKey];
      if (value === undefined) return `${problemText} (missing required label)`;
      if ((domains.get(value) ?? 0) > countMax) return problemText;
    }
    return undefined;
  };
}

function leastOf(domains: ReadonlyMap<string, number>): number {
  let least = Number.MAX_SAFE_INTEGER;
  for (const count of domains.values()) least = Math.min(least, count);
  return least;
}

/** The cluster's own constraints, for pods without any: their peers are told by services and owners. */
const systemDefaults = [
  { topologyKey: hostname, maxSkew: 3 },
  { topologyKey: zone, maxSkew: 5 },
] as const;

/**
 * What is preferred: 0 to 100 for each of the nodes that will do, in their order. Undefined when nothing is.
 *
 * @param peers who the pod's peers are where it says nothing itself
 */
export function scoreSpread(
  pod: Pod,
  nodes: readonly Node[],
  { view, peers }: { readonly view: SpreadView; readonly peers: () => LabelSelector | undefined },
): readonly number[] | undefined {
  const { topologySpreadConstraints: given = [] } = pod.spec;
  const own = given.length > 0;
  const usual = (): readonly TopologySpreadConstraint[] => {
    const labelSelector = peers();
    if (!labelSelector) return [];
    return systemDefaults.map((each) => ({
      ...each,
      labelSelector,
      whenUnsatisfiable: 'ScheduleAnyway',
    }));
  };
  const asked = { pod, view, action: 'ScheduleAnyway' } as const;
  const constraints = constraintsOf(own ? given : usual(), asked);
  if (constraints.length === 0) return undefined;
  // The defaults hold for nodes without a zone too.
  const counted = nodes.map((node) => !own || isInAll(node, constraints));
  const parts = constraints.map((constraint) =>
    partOf(constraint, { nodes, counted, constraints, own, view }),
  );
  const scores = nodes.map((node, at) => {
    if (!counted[at]) return undefined;
    return Math.round(parts.reduce((total, part) => total + part(node), 0));
  });
  return normalized(scores);
}

interface Scoring {
  readonly nodes: readonly Node[];
  readonly counted: readonly boolean[];
  readonly constraints: readonly Constraint[];
  readonly own: boolean;
  readonly view: SpreadView;
}

/** One constraint's share of a node's score: how many pods lie in its domain, weighed by how many domains there are. */
function partOf(
  { topologyKey, maxSkew, counts, isCounted }: Constraint,
  { nodes, counted, constraints, own, view }: Scoring,
): (node: Node) => number {
  const domainOf = (node: Node): string | undefined => node.metadata.labels?.[topologyKey];
  const isHost = topologyKey === hostname;
  const sums = new Map<string, number>();
  if (!isHost) {
    for (const [at, node] of nodes.entries()) if (counted[at]) sums.set(domainOf(node) ?? '', 0);
    for (const node of view.nodes()) {
      const value = domainOf(node) ?? '';
      const before = sums.get(value);
      if (before === undefined || (own && !isInAll(node, constraints)) || !isCounted(node))
        continue;
      sums.set(value, before + (counts.get(node.metadata.name) ?? 0));
    }
  }
  const size = isHost ? counted.filter(Boolean).length : sums.size;
  const weight = Math.log(size + 2);
  return (node) => {
    const value = domainOf(node);
    if (value === undefined) return 0;
    const count = isHost ? (counts.get(node.metadata.name) ?? 0) : (sums.get(value) ?? 0);
    return count * weight + (maxSkew - 1);
  };
}

/** The fewer the better; nodes without a score get none. */
function normalized(scores: readonly (number | undefined)[]): readonly number[] {
  const known = scores.filter((score) => score !== undefined);
  const least = known.reduce((low, score) => Math.min(low, score), Number.MAX_SAFE_INTEGER);
  const most = known.reduce((high, score) => Math.max(high, score), 0);
  return scores.map((score) => {
    if (score === undefined) return 0;
    return most === 0 ? 100 : Math.floor((100 * (most + least - score)) / most);
  });
}
