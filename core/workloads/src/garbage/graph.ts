// Who owns whom, among all objects that are known: the graph that garbage collection walks.

import type { KubeObject, ObjectRef, OwnerReference } from '@tweendeck/kube';
import { refOf } from '@tweendeck/kube';
import type { DiscoveredResource } from '../discovery.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** An object as far as ownership goes. */
export interface GraphNode {
  readonly uid: string;
  readonly resource: DiscoveredResource;
  readonly ref: ObjectRef;
  readonly owners: readonly OwnerReference[];
  readonly isDeleting: boolean;
  /** It waits for its dependents to go first. */
  readonly isForeground: boolean;
  /** It waits for its dependents to be let go. */
  readonly isOrphaning: boolean;
}

/** What a change asks to be looked at; each is a uid in the graph. */
export interface Attention {
  /** May have lost its last owner, or may be the last that an owner waits for. */
  readonly look: readonly string[];
  /** Its dependents are to be let go. */
  readonly orphan: readonly string[];
  /** Names an owner that can never be its owner: in another namespace. */
  readonly misplaced: readonly { readonly uid: string; readonly owner: OwnerReference }[];
}

const nothing: Attention = { look: [], orphan: [], misplaced: [] };

/** Holds what was seen, by uid. An owner that was never seen still has its dependents here. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get size(): number {
    return this.#nodes.size;
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Everything seen that names this uid as an owner. */
  dependentsOf(uid: string): readonly GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((each) => this.#nodes.get(each) ?? []);
  }

  /** Dependents that keep an owner in foreground deletion from going. */
  blockersOf(uid: string): readonly GraphNode[] {
    return this.dependentsOf(uid).filter((dependent) =>
      dependent.owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
    );
  }

  /** All its owners were seen, in their place and staying: when one goes, that will be told. */
  isSettled(node: GraphNode): boolean {
    if (node.isDeleting) return false;
    return node.owners.every(({ uid }) => {
      const owner = this.#nodes.get(uid);
      return owner !== undefined && !owner.isDeleting && !isMisplaced(node, owner);
    });
  }

  /** Takes in an object's present state. */
  observe(resource: DiscoveredResource, object: KubeObject): Attention {
    const node = nodeOf(resource, object);
    const before = this.#nodes.get(node.uid);
    this.#nodes.set(node.uid, node);
    const owners = new Set(node.owners.map(({ uid }) => uid));
    for (const { uid } of before?.owners ?? []) if (!owners.has(uid)) this.#unlink(uid, node.uid);
    for (const uid of owners) this.#link(uid, node.uid);
    const misplaced = [...this.#misplacedOf(node), ...(before ? [] : this.#misplacedBelow(node))];
    return {
      look: [...this.#lookAt(node, before), ...misplaced.map(({ uid }) => uid)],
      orphan: node.isOrphaning && !before?.isOrphaning ? [node.uid] : [],
      misplaced: before ? [] : misplaced,
    };
  }

  /** The object is gone. */
  forget(uid: string): Attention {
    const node = this.#nodes.get(uid);
    if (!node) return nothing;
    this.#nodes.delete(uid);
    for (const owner of node.owners) this.#unlink(owner.uid, uid);
    const dependents = this.dependentsOf(uid).map((dependent) => dependent.uid);
    return { ...nothing, look: [...dependents, ...this.#waitingOwners(node.owners)] };
  }

  /** All nodes of a resource, for when it is no longer served. */
  ofResource(groupResource: string, keyOf: (resource: DiscoveredResource) => string): string[] {
    return [...this.#nodes.values()]
      .filter((node) => keyOf(node.resource) === groupResource)
      .map(({ uid }) => uid);
  }

  #lookAt(node: GraphNode, before: GraphNode | undefined): readonly string[] {
    const look: string[] = [];
    const newOwners = node.owners.filter(
      ({ uid }) => !before?.owners.some((owner) => owner.uid === uid),
    );
    // An owner that is not known may be gone for long; one that is leaving takes the newcomer along.
    if (newOwners.some(({ uid }) => this.#nodes.get(uid)?.isDeleting !== false))
      look.push(node.uid);
    if (node.isForeground && !before?.isForeground) look.push(node.uid);
    // References that were dropped or no longer block may be what an owner waits for.
    return [...look, ...this.#waitingOwners([...(before?.owners ?? []), ...node.owners])];
  }

  #waitingOwners(owners: readonly OwnerReference[]): readonly string[] {
    return owners
      .map(({ uid }) => uid)
      .filter((uid) => this.#nodes.get(uid)?.isForeground === true);
  }

  #misplacedOf(node: GraphNode): Attention['misplaced'] {
    return node.owners
      .filter((owner) => {
        const known = this.#nodes.get(owner.uid);
        return known !== undefined && isMisplaced(node, known);
      })
      .map((owner) => ({ uid: node.uid, owner }));
  }

  #misplacedBelow(owner: GraphNode): Attention['misplaced'] {
    return this.dependentsOf(owner.uid)
      .filter((dependent) => isMisplaced(dependent, owner))
      .flatMap((dependent) =>
        dependent.owners
          .filter(({ uid }) => uid === owner.uid)
          .map((reference) => ({ uid: dependent.uid, owner: reference })),
      );
  }

  #link(owner: string, dependent: string): void {
    const known = this.#dependents.get(owner);
    if (known) known.add(dependent);
    else this.#dependents.set(owner, new Set([dependent]));
  }

  #unlink(owner: string, dependent: string): void {
    const known = this.#dependents.get(owner);
    known?.delete(dependent);
    if (known?.size === 0) this.#dependents.delete(owner);
  }
}

/** A namespaced owner owns within its namespace only. */
function isMisplaced(dependent: GraphNode, owner: GraphNode): boolean {
  return owner.resource.namespaced && owner.ref.namespace !== dependent.ref.namespace;
}

function nodeOf(resource: DiscoveredResource, object: KubeObject): GraphNode {
  const { uid, ownerReferences = [], deletionTimestamp, finalizers = [] } = object.metadata;
  const isDeleting = deletionTimestamp !== undefined;
  return {
    uid,
    resource,
    ref: refOf(object),
    owners: ownerReferences,
    isDeleting,
    isForeground: isDeleting && finalizers.includes(foregroundFinalizer),
    isOrphaning: isDeleting && finalizers.includes(orphanFinalizer),
  };
}
