// Bounds the work that expressions may do: every step of an evaluation, and the size of what functions read, is charged.

import type { ASTNode } from '@marcbachmann/cel-js';

/** Thrown when an evaluation has used up its share. */
export class CostExceeded extends Error {
  override name = 'CostExceeded';

  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** What one object may cost; shared by all its rules. One unit is about one evaluated node of an expression. */
export class CostMeter {
  #left = 0;

  /** Starts anew with this many units. */
  refill(units: number): void {
    this.#left = units;
  }

  get exhausted(): boolean {
    return this.#left < 0;
  }

  /** @throws CostExceeded */
  charge(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new CostExceeded();
  }
}

/** Deep sizes of values made from objects under validation, for those operations that read them whole. */
export type Sizes = WeakMap<object, number>;

type Evaluate = (evaluator: unknown, node: unknown, context: unknown) => unknown;

/** The parts of the library's syntax tree that its types do not show; the exact version is pinned, and a test guards this. */
interface InnerNode {
  readonly op: string;
  readonly args: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  evaluate: Evaluate;
}

/** Operations that read their operands whole. */
const readers: ReadonlySet<string> = new Set(['==', '!=', 'in', '+', 'call', 'rcall']);

/** Makes every node of a checked expression charge the meter when it is evaluated. */
export function meterExpression(root: ASTNode, meter: CostMeter, sizes: Sizes): void {
  const seen = new Set<object>();
  const visit = (value: unknown, isRead: boolean): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value)) for (const each of value) visit(each, isRead);
    else if (isNode(value, root)) {
      const reads = readers.has(value.op);
      visit(value.args, reads);
      visit(value.meta['alternate'], false);
      visit(value.meta['macro'], false);
      meterNode(value, { meter, sizes, isRead });
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      for (const each of Object.values(value)) visit(each, false);
    }
  };
  visit(root, false);
}

function isNode(value: object, root: object): value is InnerNode {
  return value.constructor === root.constructor;
}

/** The library stores the evaluation of a node in the node at its first run: that store lands in `inner`. */
function meterNode(
  node: InnerNode,
  {
    meter,
    sizes,
    isRead,
  }: { readonly meter: CostMeter; readonly sizes: Sizes; readonly isRead: boolean },
): void {
  let inner = node.evaluate;
  const evaluate: Evaluate = (evaluator, self, context) => {
    meter.charge(1);
    const result = inner.call(node, evaluator, self, context);
    if (isRead) meter.charge(sizeOf(result, sizes));
    return result;
  };
  Object.defineProperty(node, 'evaluate', {
    get: () => evaluate,
    set: (own: Evaluate) => {
      inner = own;
    },
  });
}

function sizeOf(value: unknown, sizes: Sizes): number {
  if (typeof value === 'string') return value.length / 16;
  if (typeof value !== 'object' || value === null) return 0;
  return sizes.get(value) ?? (Array.isArray(value) ? value.length : 1);
}
