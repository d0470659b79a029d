// What the scheduler knows: nodes, the room left on each, and pods it has placed but not yet seen placed. Kept up with
// every change, so that a decision costs what there are nodes, not pods.

import type { Node, Pod } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { isFinished } from '../pod/pod-state.ts';
import {
  type Affinities,
  type AffinityTerm,
  type AffinityView,
  affinitiesOf,
  type HeldTerm,
} from './pod-affinity.ts';
import { type CountsByNode, PodCounts } from './pod-counts.ts';
import type { NamespaceLabels, PodMatcher } from './pod-matcher.ts';
import {
  type Amounts,
  amountsOf,
  type HostPort,
  hostPortsOf,
  minus,
  plus,
  requestsOf,
  usualRequestsOf,
} from './requests.ts';
import { wantedClaims } from './volume-check.ts';

interface Placement {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly requests: Amounts;
  readonly usual: Amounts;
  readonly ports: readonly HostPort[];
  readonly affinities: Affinities;
  /** `namespace/name`. */
  readonly claims: readonly string[];
  /** Not yet seen on the server. */
  readonly isAssumed: boolean;
}

/** A node and what is taken of it. */
export interface NodeRoom {
  readonly node: Node;
  readonly allocatable: Amounts;
  readonly requested: Amounts;
  readonly usual: Amounts;
  readonly podCount: number;
  readonly ports: readonly HostPort[];
}

interface Occupancy {
  requested: Amounts;
  usual: Amounts;
  readonly placements: Map<string, Placement>;
  /** Uids of those that hold host ports: most hold none. */
  readonly portHolders: Set<string>;
}

const kinds = ['near', 'far', 'preferred'] as const;
type Held = Map<string, { readonly term: AffinityTerm; readonly byNode: Map<string, number> }>;

export class ClusterView implements AffinityView {
  readonly #namespaceLabels: NamespaceLabels;
  readonly #nodes = new Map<string, { readonly node: Node; readonly allocatable: Amounts }>();
  /** By node name; also for nodes that are not known (yet). */
  readonly #occupancies = new Map<string, Occupancy>();
  readonly #placements = new Map<string, Placement>();
  readonly #counts = new PodCounts();
  /** Like terms of many pods are one entry. */
  readonly #held: Readonly<Record<keyof Affinities, Held>> = {
    near: new Map(),
    far: new Map(),
    preferred: new Map(),
  };
  readonly #claimUsers = new Map<string, number>();
  /** Worked out again only for nodes where something changed. */
  readonly #rooms = new Map<string, NodeRoom>();

  constructor(namespaceLabels: NamespaceLabels) {
    this.#namespaceLabels = namespaceLabels;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  setNode(node: Node): void {
    const allocatable = amountsOf(node.status?.allocatable ?? node.status?.capacity);
    this.#nodes.set(node.metadata.name, { node, allocatable });
    this.#rooms.delete(node.metadata.name);
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#rooms.delete(name);
  }

  /** Takes in a pod as the server has it. One that the server does not show as bound keeps the place assumed for it. */
  setPod(pod: Pod): void {
    const { nodeName } = pod.spec;
    if (isFinished(pod)) this.removePod(pod.metadata.uid);
    else if (nodeName) this.#place(pod, nodeName, { isAssumed: false });
  }

  removePod(uid: string): void {
    const placement = this.#placements.get(uid);
    if (!placement) return;
    const { pod, nodeName, claims } = placement;
    this.#placements.delete(uid);
    this.#counts.add(pod, nodeName, -1);
    this.#hold(placement, -1);
    for (const claim of claims) countUp(this.#claimUsers, claim, -1);
    const occupancy = this.#occupancyOf(nodeName);
    occupancy.placements.delete(uid);
    occupancy.portHolders.delete(uid);
    this.#rooms.delete(nodeName);
    occupancy.requested = minus(occupancy.requested, placement.requests);
    occupancy.usual = minus(occupancy.usual, placement.usual);
    if (occupancy.placements.size === 0) this.#occupancies.delete(nodeName);
  }

  /** Counts a pod as placed before the server says so. */
  assume(pod: Pod, nodeName: string): void {
    this.#place(pod, nodeName, { isAssumed: true });
  }

  /** The assumption was wrong; what the server showed meanwhile stays. */
  dropAssumed(uid: string): void {
    if (this.#placements.get(uid)?.isAssumed) this.removePod(uid);
  }

  isPlaced(uid: string): boolean {
    return this.#placements.has(uid);
  }

  /** Labels of namespaces have changed. */
  namespacesChanged(): void {
    this.#counts.forget();
  }

  /** Whether a placed pod uses the claim, given as `namespace/name`. */
  isClaimUsed(claim: string): boolean {
    return this.#claimUsers.has(claim);
  }

  /** Whether a pod of lower priority is placed there. */
  hasLesserPod(nodeName: string, priority: number): boolean {
    const placements = this.#occupancies.get(nodeName)?.placements.values() ?? [];
    for (const { pod } of placements) if ((pod.spec.priority ?? 0) < priority) return true;
    return false;
  }

  node(name: string): Node | undefined {
    return this.#nodes.get(name)?.node;
  }

  *nodes(): Iterable<Node> {
    for (const { node } of this.#nodes.values()) yield node;
  }

  countsOf(pods: PodMatcher): CountsByNode {
    return this.#counts.of(pods, () => this.#placements.values());
  }

  heldTerms(kind: keyof Affinities): Iterable<HeldTerm> {
    return this.#held[kind].values();
  }

  *rooms(): Iterable<NodeRoom> {
    for (const name of this.#nodes.keys()) {
      const room = this.room(name);
      if (room) yield room;
    }
  }

  room(name: string): NodeRoom | undefined {
    const known = this.#rooms.get(name);
    const found = this.#nodes.get(name);
    if (known || !found) return known;
    const occupancy = this.#occupancies.get(name);
    const holders = [...(occupancy?.portHolders ?? [])];
    const room: NodeRoom = {
      ...found,
      requested: occupancy?.requested ?? {},
      usual: occupancy?.usual ?? {},
      podCount: occupancy?.placements.size ?? 0,
      ports: holders.flatMap((uid) => this.#placements.get(uid)?.ports ?? []),
    };
    this.#rooms.set(name, room);
    return room;
  }

  #place(pod: Pod, nodeName: string, { isAssumed }: { readonly isAssumed: boolean }): void {
    const { uid, namespace = '' } = pod.metadata;
    const known = this.#placements.get(uid);
    if (known && known.nodeName === nodeName && asksTheSame(known.pod, pod)) {
      // The common case, a report of how it is: nothing that is counted has changed.
      if (known.isAssumed && !isAssumed) this.#keep({ ...known, isAssumed });
      return;
    }
    this.removePod(uid);
    const placement: Placement = {
      pod,
      nodeName,
      requests: requestsOf(pod),
      usual: usualRequestsOf(pod),
      ports: hostPortsOf(pod),
      affinities: affinitiesOf(pod, this.#namespaceLabels),
      claims: wantedClaims(pod).map(({ name }) => `${namespace}/${name}`),
      isAssumed,
    };
    const occupancy = this.#keep(placement);
    this.#counts.add(pod, nodeName, 1);
    this.#hold(placement, 1);
    for (const claim of placement.claims) countUp(this.#claimUsers, claim, 1);
    if (placement.ports.length > 0) occupancy.portHolders.add(uid);
    this.#rooms.delete(nodeName);
    occupancy.requested = plus(occupancy.requested, placement.requests);
    occupancy.usual = plus(occupancy.usual, placement.usual);
  }

  #keep(placement: Placement): Occupancy {
    const { uid } = placement.pod.metadata;
    const occupancy = this.#occupancyOf(placement.nodeName);
    this.#placements.set(uid, placement);
    occupancy.placements.set(uid, placement);
    return occupancy;
  }

  #hold({ affinities, nodeName }: Placement, amount: 1 | -1): void {
    for (const kind of kinds) {
      const held = this.#held[kind];
      for (const term of affinities[kind]) {
        const key = `${term.topologyKey} ${term.weight} ${term.pods.key}`;
        const entry = held.get(key) ?? { term, byNode: new Map<string, number>() };
        countUp(entry.byNode, nodeName, amount);
        if (entry.byNode.size === 0) held.delete(key);
        else held.set(key, entry);
      }
    }
  }

  #occupancyOf(nodeName: string): Occupancy {
    const known = this.#occupancies.get(nodeName);
    if (known) return known;
    const made: Occupancy = {
      requested: {},
      usual: {},
      placements: new Map(),
      portHolders: new Set(),
    };
    this.#occupancies.set(nodeName, made);
    return made;
  }
}

function asksTheSame(left: Pod, right: Pod): boolean {
  const one = left.metadata;
  const other = right.metadata;
  if ((one.deletionTimestamp === undefined) !== (other.deletionTimestamp === undefined)) {
    return false;
  }
  const { nodeName: _, ...before } = left.spec;
  const { nodeName: __, ...after } = right.spec;
  return jsonEqual(one.labels, other.labels) && jsonEqual(before, after);
}

function countUp(counts: Map<string, number>, key: string, amount: number): void {
  const count = (counts.get(key) ?? 0) + amount;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
