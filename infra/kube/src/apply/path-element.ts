// One step of a field path, in the form `FieldsV1` spells it: `f:name`, `k:{"name":"a"}`, `v:"a"`, `i:0`.

import { isJsonObject } from '@tweendeck/std';
import { goJson, goNumber, goQuote } from '../go-format.ts';

/** A step in its canonical spelling, so that equal steps are equal strings. */
export type PathElement = string;
/** Steps from the root of the object; empty is the object itself. */
export type FieldPathElements = readonly PathElement[];

/** A field of a map or struct. */
export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** The item of an associative list that has these values in its key fields. */
export function keyElement(keys: Readonly<Record<string, unknown>>): PathElement {
  return `k:${goJson(keys)}`;
}

/** The item of a set that is this scalar. */
export function valueElement(value: unknown): PathElement {
  return `v:${goJson(value)}`;
}

/** The field's name; undefined for steps into lists. */
export function fieldNameOf(element: PathElement): string | undefined {
  return element.startsWith('f:') ? element.slice(2) : undefined;
}

/** Whether this step is into a list by key fields. */
export function isKeyElement(element: PathElement): boolean {
  return element.startsWith('k:');
}

/** The canonical spelling of a step read from outside; undefined for kinds of step not known here. Throws SyntaxError for a malformed one. */
export function parsePathElement(text: string): PathElement | undefined {
  if (text.length < 2 || text[1] !== ':') throw new SyntaxError(`no path element: ${text}`);
  const rest = text.slice(2);
  switch (text.charAt(0)) {
    case 'f':
      return text;
    case 'k':
      return keyElement(JSON.parse(rest));
    case 'v':
      return valueElement(JSON.parse(rest));
    case 'i':
      if (!/^-?\d+$/.test(rest)) throw new SyntaxError(`no list index: ${text}`);
      return `i:${Number(rest)}`;
    default:
      return undefined;
  }
}

/** The path as Kubernetes prints it: `.spec.containers[name="app"].image`. */
export function showPath(path: FieldPathElements): string {
  return path.map(showPathElement).join('');
}

/** One step as Kubernetes prints it. */
export function showPathElement(element: PathElement): string {
  const rest = element.slice(2);
  switch (element.charAt(0)) {
    case 'f':
      return `.${rest}`;
    case 'k': {
      const pairs = Object.entries(JSON.parse(rest) as object); // keyElement writes objects only
      return `[${pairs.map(([name, value]) => `${name}=${showScalar(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${showScalar(JSON.parse(rest))}]`;
    default:
      return `[${rest}]`;
  }
}

function showScalar(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[${value.map(showScalar).join(',')}]`;
  if (isJsonObject(value))
    return Object.entries(value)
      .map(([name, member]) => `${name}=${showScalar(member)}`)
      .join('');
  return typeof value === 'number' ? goNumber(value) : goJson(value);
}

const kindRanks = 'fkvi';

/** Upstream's order: fields, keys, values, indexes; within a kind by their content. */
export function comparePathElements(left: PathElement, right: PathElement): number {
  if (left === right) return 0;
  const kinds = kindRanks.indexOf(left[0] ?? '') - kindRanks.indexOf(right[0] ?? '');
  if (kinds !== 0) return kinds;
  if (left[0] === 'f') return left < right ? -1 : 1;
  const [leftValue, rightValue] = [JSON.parse(left.slice(2)), JSON.parse(right.slice(2))];
  return left[0] === 'k'
    ? compareKeys(leftValue, rightValue)
    : compareScalars(leftValue, rightValue);
}

function compareKeys(left: object, right: object): number {
  const [leftPairs, rightPairs] = [Object.entries(left), Object.entries(right)];
  for (const [index, [name, value]] of leftPairs.entries()) {
    const other = rightPairs[index];
    if (other === undefined) return 1;
    if (name !== other[0]) return name < other[0] ? -1 : 1;
    const values = compareScalars(value, other[1]);
    if (values !== 0) return values;
  }
  return leftPairs.length - rightPairs.length;
}

const typeRanks = ['number', 'string', 'boolean', 'object'];

function compareScalars(left: unknown, right: unknown): number {
  const types = typeRanks.indexOf(typeof left) - typeRanks.indexOf(typeof right);
  if (types !== 0) return types;
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  const [leftText, rightText] =
    typeof left === 'string' && typeof right === 'string'
      ? [left, right]
      : [goJson(left), goJson(right)];
  return leftText === rightText ? 0 : leftText < rightText ? -1 : 1;
}
