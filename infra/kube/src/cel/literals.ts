// Literals that can be seen to be wrong: durations, timestamps and patterns written out.

import { Pattern } from '../regex/pattern.ts';
import type { Checked } from './check-expression.ts';
import { toDuration, toTimestamp } from './conversions.ts';
import { formatClause, noPrecision } from './format-text.ts';
import { ExpressionError, type Issue, type Node } from './syntax.ts';
import { type Type, type TypeKind, types, typeText } from './type.ts';
import { Failure } from './value.ts';

/** @throws ExpressionError */
export function validateLiterals(source: string, checked: Checked): void {
  const { root } = checked;
  const issues: Issue[] = [];
  for (const call of callsOf(root)) {
    const { name, target, args } = call;
    if (name === 'format') issues.push(...formatIssues(call, checked));
    const argument = name === 'matches' && target === undefined ? args[1] : args[0];
    if (argument?.kind !== 'literal') continue;
    const { at, value } = argument;
    if (name === 'duration' && target === undefined && toDuration(value) instanceof Failure)
      issues.push({ at, message: 'invalid duration argument' });
    else if (name === 'timestamp' && target === undefined && toTimestamp(value) instanceof Failure)
      issues.push({ at, message: 'invalid timestamp argument' });
    else if (name === 'matches' && typeof value === 'string' && !isPattern(value))
      issues.push({ at, message: 'invalid matches argument' });
  }
  issues.push(...mixtures(root, checked));
  if (issues.length > 0) throw new ExpressionError(source, issues);
}

const clauses: Readonly<Record<string, readonly [kinds: readonly TypeKind[], told: string]>> = {
  s: [
    [
      'list',
      'map',
      'int',
      'uint',
      'double',
      'bool',
      'string',
      'timestamp',
      'bytes',
      'duration',
      'type',
      'null',
    ],
    'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  ],
  d: [['int', 'uint'], 'decimal clause can only be used on integers'],
  f: [['double', 'string'], 'fixed-point clause can only be used on doubles'],
  e: [['double', 'string'], 'scientific clause can only be used on doubles'],
  b: [['int', 'uint', 'bool'], 'only integers and bools can be formatted as binary'],
  x: [
    ['int', 'uint', 'string', 'bytes'],
    'only integers, byte buffers, and strings can be formatted as hex',
  ],
  o: [['int', 'uint'], 'octal clause can only be used on integers'],
};

/** A text that is formatted with arguments written out can be looked at before it is ever used. */
function formatIssues({ at, target, args }: CallNode, checked: Checked): Issue[] {
  const [list] = args;
  if (target?.kind !== 'literal' || typeof target.value !== 'string') return [];
  if (list?.kind !== 'list' || args.length !== 1) return [];
  let next = 0;
  for (const [all, precision, verb] of target.value.matchAll(formatClause)) {
    if (all === '%%') continue;
    if (verb === undefined) return [{ at, message: 'unexpected end of string' }];
    if (precision === '.') return [{ at, message: noPrecision }];
    const item = list.items[next];
    if (!item) return [{ at, message: `index ${next} out of range` }];
    next++;
    if (verb === '.') {
      const told = 'error while parsing precision: could not find end of precision specifier';
      return [{ at, message: `could not parse formatting clause: ${told}` }];
    }
    const clause = clauses[verb === 'X' ? 'x' : verb];
    if (!clause)
      return [
        {
          at,
          message: `could not parse formatting clause: unrecognized formatting clause "${verb}"`,
        },
      ];
    const [kinds, told] = clause;
    const wrong = wrongPart(item, kinds, verb === 's', checked);
    if (wrong)
      return [
        {
          at: wrong.at,
          message: `error during formatting: ${told}, was given ${checked.typeOf(wrong).name}`,
        },
      ];
  }
  if (next === list.items.length) return [];
  const message = `too many arguments supplied to string.format (expected ${next}, got ${list.items.length})`;
  return [{ at, message }];
}

/** The part of an argument that has none of the types; lists and maps are looked into where they may stand. */
function wrongPart(
  node: Node,
  kinds: readonly TypeKind[],
  deep: boolean,
  checked: Checked,
): Node | undefined {
  const { kind } = checked.typeOf(node);
  if (kind !== 'dyn' && !kinds.includes(kind)) return node;
  const parts = deep && (node.kind === 'list' || node.kind === 'map') ? partsOf(node) : [];
  for (const part of parts) {
    const wrong = wrongPart(part, kinds, deep, checked);
    if (wrong) return wrong;
  }
  return undefined;
}

/** Lists and maps written out hold values of one type, but for those that are formatted. */
function mixtures(node: Node, checked: Checked): Issue[] {
  const issues: Issue[] = [];
  if (node.kind === 'list') issues.push(...mixture(node.items, node.optional, checked));
  if (node.kind === 'map') {
    const optional = new Set(
      [...node.entries.keys()].filter((index) => node.entries[index]?.optional),
    );
    const keys = mixture(
      node.entries.map(({ key }) => key),
      new Set(),
      checked,
    );
    const values = mixture(
      node.entries.map(({ value }) => value),
      optional,
      checked,
    );
    issues.push(...keys, ...values);
  }
  const parts =
    node.kind === 'call' && node.name === 'format' && node.target ? [node.target] : partsOf(node);
  return [...issues, ...parts.flatMap((part) => mixtures(part, checked))];
}

function mixture(items: readonly Node[], optional: ReadonlySet<number>, checked: Checked): Issue[] {
  const typeAt = (index: number, typeOf: (node: Node) => Type): Type | undefined => {
    const found = items[index] && typeOf(items[index]);
    return optional.has(index) ? (found?.params[0] ?? found) : found;
  };
  const first = typeAt(0, checked.rawTypeOf);
  for (const [index, item] of items.entries()) {
    const type = typeAt(index, checked.rawTypeOf);
    if (!first || !type || sameButForParameters(first, type)) continue;
    const [wanted, found] = [0, index].map((each) =>
      typeText(typeAt(each, checked.typeOf) ?? types.error),
    );
    return [{ at: item.at, message: `expected type '${wanted}' but found '${found}'` }];
  }
  return [];
}

function sameButForParameters(left: Type, right: Type): boolean {
  if (left.kind !== right.kind || left.params.length !== right.params.length) return false;
  if (left.kind !== 'param' && left.name !== right.name) return false;
  return left.params.every((param, index) =>
    sameButForParameters(param, right.params[index] ?? param),
  );
}

function isPattern(text: string): boolean {
  try {
    return new Pattern(text) !== undefined;
  } catch {
    return false;
  }
}

/** Every part of an expression, from the root. */
function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const part of partsOf(node)) yield* nodesOf(part);
}

function partsOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'select':
      return [node.operand];
    case 'call':
      return node.target ? [node.target, ...node.args] : node.args;
    case 'list':
      return node.items;
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'loop':
      return [node.range, node.initial, node.condition, node.step, node.result];
    case 'ident':
    case 'literal':
    case 'struct':
      return [];
  }
}

type CallNode = Extract<Node, { kind: 'call' }>;

function* callsOf(root: Node): Generator<CallNode> {
  for (const node of nodesOf(root)) if (node.kind === 'call') yield node;
}
