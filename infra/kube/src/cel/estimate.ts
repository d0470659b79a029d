// How much evaluating an expression can cost, seen from its text and its schema alone. Algorithm: cel-go's cost
// estimate, with what Kubernetes counts otherwise. Numbers beyond 2^53 are not exact, and need not be.

import type { Checked } from './check-expression.ts';
import {
  type CallEstimate,
  type CostRange,
  type Estimated,
  estimateCall,
  type SizeRange,
} from './estimate-call.ts';
import { accumulatorName } from './macros.ts';
import type { Declared } from './schema-values.ts';
import type { LoopNode, Node } from './syntax.ts';
import type { Type } from './type.ts';
import { runeCount, Uint } from './value.ts';

/** The largest number that cel-go counts to. */
const unlimited: number = 2 ** 64;

function bounded(value: number): number {
  return Math.min(value, unlimited);
}

function plus(left: CostRange, right: CostRange): CostRange {
  return { min: bounded(left.min + right.min), max: bounded(left.max + right.max) };
}

function times(left: SizeRange, right: CostRange): CostRange {
  const product = (one: number, other: number): number =>
    one === 0 || other === 0 ? 0 : bounded(one * other);
  return { min: product(left.min, right.min), max: product(left.max, right.max) };
}

function union(left: SizeRange, right: SizeRange): SizeRange {
  return { min: Math.min(left.min, right.min), max: Math.max(left.max, right.max) };
}

const nothing: CostRange = { min: 0, max: 0 };
const one: CostRange = { min: 1, max: 1 };
const unknown: SizeRange = { min: 0, max: unlimited };

/** The sizes of what a list or a map holds. */
interface EntrySize {
  readonly kind: 'list' | 'map';
  readonly key: SizeRange;
  readonly value: SizeRange;
}

interface LocalVariable {
  readonly name: string;
  readonly path: readonly string[] | undefined;
  readonly size: SizeRange | undefined;
  readonly entry: EntrySize | undefined;
}

/** What evaluating can cost; `root` is what `self` and `oldSelf` are. */
export function estimateCost(checked: Checked, root: Declared): CostRange {
  return new Estimator(checked, root).cost(checked.root);
}

type Call = Extract<Node, { kind: 'call' }>;

class Estimator {
  readonly #checked: Checked;
  readonly #root: Declared;
  readonly #paths = new Map<number, readonly string[]>();
  readonly #sizes = new Map<number, SizeRange>();
  readonly #entries = new Map<number, EntrySize>();
  readonly #locals: LocalVariable[] = [];

  constructor(checked: Checked, root: Declared) {
    this.#checked = checked;
    this.#root = root;
  }

  cost(node: Node): CostRange {
    switch (node.kind) {
      case 'ident':
        return this.#ident(node, node.name);
      case 'select':
        return this.#select(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node);
      case 'loop':
        return node.variable === '#unused' ? this.#bind(node) : this.#loop(node);
      case 'literal':
      case 'struct':
        return nothing;
    }
  }

  #ident(node: Node, name: string): CostRange {
    this.#paths.set(node.id, this.#local(name)?.path ?? [name]);
    return one;
  }

  #local(name: string): LocalVariable | undefined {
    return this.#locals.findLast((each) => each.name === name);
  }

  #select(node: Extract<Node, { kind: 'select' }>): CostRange {
    const qualified = this.#checked.qualifiedOf(node);
    if (qualified !== undefined) return this.#ident(node, qualified);
    const { operand, field, testOnly } = node;
    const inner = this.cost(operand);
    if (testOnly) return inner;
    this.#paths.set(node.id, [...(this.#path(operand) ?? []), field]);
    const { kind } = this.#checked.typeOf(operand);
    return ['map', 'object', 'param'].includes(kind) ? plus(inner, one) : inner;
  }

  #path(node: Node): readonly string[] | undefined {
    if (node.kind === 'ident') {
      const local = this.#local(node.name);
      if (local) return local.path;
    }
    return this.#paths.get(node.id);
  }

  #call(node: Call): CostRange {
    const name = this.#checked.qualifiedOf(node) ?? node.name;
    const target = this.#checked.qualifiedOf(node) === undefined ? node.target : undefined;
    const [first] = node.args;
    if (name === 'dyn' && first) {
      const inner = this.cost(first);
      this.#copySizes(node, first);
      return plus(one, inner);
    }
    const argCosts = node.args.map((arg) => this.cost(arg));
    const args = node.args.map((arg) => this.#estimated(arg));
    const overloads = this.#checked.overloadsOf(node);
    if (overloads.length === 0) return nothing;
    const targetCost = target ? this.cost(target) : nothing;
    const receiver = target && this.#estimated(target);
    let cost: CostRange | undefined;
    let size: SizeRange | undefined;
    for (const overload of overloads) {
      const estimate = this.#overload(node, { name, overload, target: receiver, args, argCosts });
      cost = cost ? union(cost, estimate.cost) : estimate.cost;
      if (estimate.size) size = size ? union(size, estimate.size) : estimate.size;
      if ((overload === 'index_list' || overload === 'index_map') && first) {
        size = this.#entry(first)?.value;
        const step = overload === 'index_list' ? '@items' : '@values';
        this.#paths.set(node.id, [...(this.#path(first) ?? []), step]);
      }
      size ??= this.#size(node);
    }
    if (size) this.#sizes.set(node.id, size);
    return plus(targetCost, cost ?? nothing);
  }

  #overload(
    node: Call,
    {
      name,
      overload,
      target,
      args,
      argCosts,
    }: {
      readonly name: string;
      readonly overload: string;
      readonly target: Estimated | undefined;
      readonly args: readonly Estimated[];
      readonly argCosts: readonly CostRange[];
    },
  ): CallEstimate {
    const argCost = argCosts.reduce(plus, nothing);
    const [left = nothing, right = nothing, third = nothing] = argCosts;
    if (overload === 'logical_or' || overload === 'logical_and')
      return { cost: { min: left.min, max: plus(left, right).max } };
    const [first, second] = node.args;
    const other = node.args[2];
    if (overload === 'conditional' && second && other) {
      this.#setEntry(node, unionOfEntries(this.#entry(second), this.#entry(other)));
      const size = union(this.#sizeOrUnknown(second), this.#sizeOrUnknown(other));
      return { cost: plus(left, union(right, third)), size };
    }
    if (/^add_(?:string|bytes|list)$/.test(overload) && first && second)
      this.#setEntry(node, unionOfEntries(this.#entry(first), this.#entry(second)));
    const estimate = estimateCall({
      name,
      overload,
      target,
      args,
      sizeOf: (each) => this.#nodeSize(each),
    });
    return { ...estimate, cost: plus(estimate.cost, argCost) };
  }

  #estimated(node: Node): Estimated {
    const path = this.#path(node);
    const isLocal = path?.[0] === accumulatorName;
    return {
      node,
      path: isLocal ? undefined : path,
      type: this.#checked.typeOf(node),
      size: this.#size(node),
    };
  }

  /** Of what may be no node of the expression, such as the items of a list. */
  #nodeSize({ size, path }: Estimated): SizeRange {
    return size ?? this.#declaredSize(path) ?? unknown;
  }

  #list(node: Extract<Node, { kind: 'list' }>): CostRange {
    let cost: CostRange = { min: 10, max: 10 };
    let value: SizeRange = { min: node.items.length === 0 ? 0 : unlimited, max: 0 };
    for (const item of node.items) {
      cost = plus(cost, this.cost(item));
      value = union(value, this.#sizeOrUnknown(item));
    }
    this.#setEntry(node, { kind: 'list', key: one, value });
    return cost;
  }

  #map(node: Extract<Node, { kind: 'map' }>): CostRange {
    let cost: CostRange = { min: 30, max: 30 };
    const least = node.entries.length === 0 ? 0 : unlimited;
    let key: SizeRange = { min: least, max: 0 };
    let value: SizeRange = { min: least, max: 0 };
    for (const entry of node.entries) {
      cost = plus(plus(cost, this.cost(entry.key)), this.cost(entry.value));
      key = union(key, this.#sizeOrUnknown(entry.key));
      value = union(value, this.#sizeOrUnknown(entry.value));
    }
    this.#setEntry(node, { kind: 'map', key, value });
    return cost;
  }

  #loop(node: LoopNode): CostRange {
    let cost = plus(this.cost(node.range), this.cost(node.initial));
    this.#push(node.accumulator, {
      path: this.#path(node.initial),
      size: this.#size(node.initial),
      entry: this.#entry(node.initial),
    });
    this.#pushVariables(node);
    const condition = this.cost(node.condition);
    const step = this.cost(node.step);
    this.#locals.length -= node.second === undefined ? 1 : 2;
    cost = plus(cost, this.cost(node.result));
    this.#locals.pop();
    const count = this.#sizeOrUnknown(node.range);
    cost = plus(cost, times(count, plus(step, condition)));
    if (node.initial.kind === 'literal') {
      const size = this.#size(node.initial);
      if (size) this.#sizes.set(node.id, size);
    } else if (node.initial.kind === 'list' || node.initial.kind === 'map') {
      this.#sizes.set(node.id, count);
      this.#setEntry(node, this.#entry(node.step));
    }
    return cost;
  }

  #pushVariables({ range, variable, second }: LoopNode): void {
    const entry = this.#entry(range);
    const kind = entry?.kind ?? this.#checked.typeOf(range).kind;
    const path = this.#path(range) ?? [];
    const isList = kind === 'list';
    if (second === undefined) {
      const size = isList ? entry?.value : entry?.key;
      this.#push(variable, {
        path: [...path, isList ? '@items' : '@keys'],
        size,
        entry: undefined,
      });
      return;
    }
    this.#push(variable, {
      path: [...path, isList ? '@indices' : '@keys'],
      size: entry?.key,
      entry: undefined,
    });
    this.#push(second, {
      path: [...path, isList ? '@items' : '@values'],
      size: entry?.value,
      entry: undefined,
    });
  }

  #push(name: string, variable: Omit<LocalVariable, 'name'>): void {
    this.#locals.push({ name, ...variable });
  }

  #bind(node: LoopNode): CostRange {
    const cost = plus(this.cost(node.range), this.cost(node.initial));
    this.#push(node.accumulator, {
      path: this.#path(node.initial),
      size: this.#size(node.initial),
      entry: this.#entry(node.initial),
    });
    const result = this.cost(node.result);
    this.#locals.pop();
    this.#copySizes(node, node.result);
    return plus(cost, result);
  }

  #copySizes(to: Node, from: Node): void {
    const size = this.#size(from);
    if (size) this.#sizes.set(to.id, size);
    this.#setEntry(to, this.#entry(from));
  }

  #sizeOrUnknown(node: Node): SizeRange {
    return this.#size(node) ?? unknown;
  }

  #size(node: Node): SizeRange | undefined {
    const known = this.#sizes.get(node.id) ?? literalSize(node);
    if (known) return known;
    const declared = this.#declaredSize(this.#path(node));
    if (declared) {
      this.#sizes.set(node.id, declared);
      return declared;
    }
    if (isScalar(this.#checked.typeOf(node))) return one;
    return node.kind === 'ident' ? this.#local(node.name)?.size : undefined;
  }

  /** What the schema says about a path from `self`; whatever the variable, as upstream has it. */
  #declaredSize(path: readonly string[] | undefined): SizeRange | undefined {
    if (path === undefined || path.length === 0) return undefined;
    let place: Declared | undefined = this.#root;
    for (const step of path.slice(1)) {
      if (place === undefined) return undefined;
      if (step === '@keys') {
        if (!place.isMap) return undefined;
        place = keyOfMap;
      } else if (step === '@items' || step === '@values') place = place.element;
      else place = place.fields?.get(step);
    }
    return place && { min: 0, max: place.elementsMax };
  }

  #entry(node: Node): EntrySize | undefined {
    const known = this.#entries.get(node.id);
    if (known) return known;
    return node.kind === 'ident' ? this.#local(node.name)?.entry : undefined;
  }

  #setEntry(node: Node, entry: EntrySize | undefined): void {
    if (entry) this.#entries.set(node.id, entry);
  }
}

/** Upstream gives the keys of maps no size of their own. */
const keyOfMap: Declared = {
  type: { kind: 'string', name: 'string', params: [] },
  elementsMax: 0,
  bytesMin: 2,
  fields: undefined,
  element: undefined,
  isMap: false,
  convert: String,
};

function unionOfEntries(
  left: EntrySize | undefined,
  right: EntrySize | undefined,
): EntrySize | undefined {
  if (!left || !right) return undefined;
  return {
    kind: left.kind,
    key: union(left.key, right.key),
    value: union(left.value, right.value),
  };
}

function literalSize(node: Node): SizeRange | undefined {
  const exactly = (size: number): SizeRange => ({ min: size, max: size });
  if (node.kind === 'list') return exactly(node.items.length);
  if (node.kind === 'map') return exactly(node.entries.length);
  if (node.kind !== 'literal') return undefined;
  const { value } = node;
  if (typeof value === 'string') return exactly(runeCount(value));
  if (value instanceof Uint8Array) return exactly(value.length);
  return value === null || typeof value !== 'object' || value instanceof Uint ? one : undefined;
}

const scalars = ['bool', 'double', 'duration', 'int', 'timestamp', 'type', 'uint'];

function isScalar(type: Type): boolean {
  if (scalars.includes(type.kind)) return true;
  const [inner] = type.params;
  return (
    type.kind === 'opaque' &&
    type.name === 'optional_type' &&
    inner !== undefined &&
    isScalar(inner)
  );
}
