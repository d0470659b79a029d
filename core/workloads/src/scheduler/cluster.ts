// What the scheduler knows: nodes, the room left on each, and pods it has placed but not yet seen placed.

import type { Node, Pod } from '@tweendeck/kube';
import { isFinished } from '../pod/pod-state.ts';
import { type Affinities, affinitiesOf, type PlacedPod } from './pod-affinity.ts';
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

interface Placement {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly requests: Amounts;
  readonly usual: Amounts;
  readonly ports: readonly HostPort[];
  readonly affinities: Affinities;
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

export class ClusterView {
  readonly #nodes = new Map<string, { readonly node: Node; readonly allocatable: Amounts }>();
  /** By node name; also for nodes that are not known (yet). */
  readonly #occupancies = new Map<string, Occupancy>();
  readonly #placements = new Map<string, Placement>();
  /** Those that others have to be weighed against. */
  readonly #choosy = new Set<string>();
  /** Worked out again only for nodes where something changed. */
  readonly #rooms = new Map<string, NodeRoom>();

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
    const { uid } = pod.metadata;
    const { nodeName } = pod.spec;
    if (isFinished(pod)) this.removePod(uid);
    else if (nodeName) this.#place(pod, nodeName, { isAssumed: false });
  }

  removePod(uid: string): void {
    const placement = this.#placements.get(uid);
    if (!placement) return;
    this.#placements.delete(uid);
    this.#choosy.delete(uid);
    const occupancy = this.#occupancyOf(placement.nodeName);
    occupancy.placements.delete(uid);
    occupancy.portHolders.delete(uid);
    this.#rooms.delete(placement.nodeName);
    occupancy.requested = minus(occupancy.requested, placement.requests);
    occupancy.usual = minus(occupancy.usual, placement.usual);
    if (occupancy.placements.size === 0) this.#occupancies.delete(placement.nodeName);
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

  rooms(): readonly NodeRoom[] {
    return [...this.#nodes.keys()].flatMap((name) => this.#roomOf(name) ?? []);
  }

  #roomOf(name: string): NodeRoom | undefined {
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

  /** All placed pods, or only those with terms of their own when the asker has none. */
  placed(which: 'all' | 'choosy'): readonly PlacedPod[] {
    const uids = which === 'all' ? this.#placements.keys() : this.#choosy.values();
    return [...uids].flatMap((uid) => {
      const placement = this.#placements.get(uid);
      const node = placement && this.#nodes.get(placement.nodeName)?.node;
      return node ? [{ ...placement, node }] : [];
    });
  }

  #place(pod: Pod, nodeName: string, { isAssumed }: { readonly isAssumed: boolean }): void {
    const { uid } = pod.metadata;
    this.removePod(uid);
    const placement: Placement = {
      pod,
      nodeName,
      requests: requestsOf(pod),
      usual: usualRequestsOf(pod),
      ports: hostPortsOf(pod),
      affinities: affinitiesOf(pod),
      isAssumed,
    };
    this.#placements.set(uid, placement);
    const { near, far, preferred } = placement.affinities;
    if (near.length + far.length + preferred.length > 0) this.#choosy.add(uid);
    const occupancy = this.#occupancyOf(nodeName);
    occupancy.placements.set(uid, placement);
    if (placement.ports.length > 0) occupancy.portHolders.add(uid);
    this.#rooms.delete(nodeName);
    occupancy.requested = plus(occupancy.requested, placement.requests);
    occupancy.usual = plus(occupancy.usual, placement.usual);
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
