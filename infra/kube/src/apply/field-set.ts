// A set of fields of an object, as a tree: what a field manager owns.

import { comparePathElements, type FieldPathElements, type PathElement } from './path-element.ts';

/**
 * An immutable set of field paths. A path's parents are not in the set unless they were put there: `a.b` in the set
 * says nothing about `a`. No child of a set is empty.
 */
export class FieldSet {
  static readonly empty: FieldSet = new FieldSet(new Set(), new Map());

  /** Steps that lead to fields in the set. */
  readonly members: ReadonlySet<PathElement>;
  /** Steps behind which there are further fields in the set. */
  readonly children: ReadonlyMap<PathElement, FieldSet>;

  constructor(members: ReadonlySet<PathElement>, children: ReadonlyMap<PathElement, FieldSet>) {
    this.members = members;
    this.children = children;
  }

  /** The set of these paths; the empty path stands for the whole object and is not tracked. */
  static of(paths: Iterable<FieldPathElements>): FieldSet {
    const root: Draft = { members: new Set(), children: new Map() };
    for (const path of paths) {
      let node = root;
      path.forEach((element, depth) => {
        if (depth === path.length - 1) {
          node.members.add(element);
          return;
        }
        let child = node.children.get(element);
        if (child === undefined) {
          child = { members: new Set(), children: new Map() };
          node.children.set(element, child);
        }
        node = child;
      });
    }
    return finished(root);
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  has(path: FieldPathElements): boolean {
    const [first, ...rest] = path;
    if (first === undefined) return false;
    if (rest.length === 0) return this.members.has(first);
    return this.children.get(first)?.has(rest) ?? false;
  }

  /** What lies behind a step, without that step; empty when there is nothing. */
  behind(element: PathElement): FieldSet {
    return this.children.get(element) ?? FieldSet.empty;
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    if (this.members.size !== other.members.size || this.children.size !== other.children.size)
      return false;
    for (const element of this.members) if (!other.members.has(element)) return false;
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      if (counterpart === undefined || !child.equals(counterpart)) return false;
    }
    return true;
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const children = new Map(this.children);
    for (const [element, child] of other.children)
      children.set(element, children.get(element)?.union(child) ?? child);
    return new FieldSet(this.members.union(other.members), children);
  }

  intersection(other: FieldSet): FieldSet {
    return this.#select(this.members.intersection(other.members), (element, child) => {
      const counterpart = other.children.get(element);
      return counterpart && child.intersection(counterpart);
    });
  }

  /** Takes out exactly the paths of `other`; what lies behind them stays. */
  difference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    return this.#select(this.members.difference(other.members), (element, child) => {
      const counterpart = other.children.get(element);
      return counterpart ? child.difference(counterpart) : child;
    });
  }

  /** Takes out the paths of `other` and all that lies behind them. */
  recursiveDifference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    return this.#select(this.members.difference(other.members), (element, child) => {
      if (other.members.has(element)) return undefined;
      const counterpart = other.children.get(element);
      return counterpart ? child.recursiveDifference(counterpart) : child;
    });
  }

  /** Every path, in upstream's order: at each level the members first, then what lies behind the steps. */
  *paths(prefix: FieldPathElements = []): Generator<FieldPathElements, void, undefined> {
    for (const element of [...this.members].sort(comparePathElements)) yield [...prefix, element];
    for (const element of [...this.children.keys()].sort(comparePathElements))
      yield* this.behind(element).paths([...prefix, element]);
  }

  #select(
    members: ReadonlySet<PathElement>,
    childOf: (element: PathElement, child: FieldSet) => FieldSet | undefined,
  ): FieldSet {
    const children = new Map<PathElement, FieldSet>();
    for (const [element, child] of this.children) {
      const kept = childOf(element, child);
      if (kept !== undefined && !kept.isEmpty) children.set(element, kept);
    }
    return new FieldSet(members, children);
  }
}

interface Draft {
  readonly members: Set<PathElement>;
  readonly children: Map<PathElement, Draft>;
}

function finished(draft: Draft): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of draft.children) children.set(element, finished(child));
  return new FieldSet(draft.members, children);
}

/** The set of these fields of structs, such as `['metadata', 'name']`. */
export function fieldSetOf(...paths: readonly (readonly string[])[]): FieldSet {
  return FieldSet.of(paths.map((path) => path.map((name) => `f:${name}`)));
}
