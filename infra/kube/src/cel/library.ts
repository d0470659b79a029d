// The functions that Kubernetes adds to CEL, and those of the strings extension that the CEL library lacks.

import { Environment } from '@marcbachmann/cel-js';

import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  quantityOf,
  quantityProblem,
  quantityValue,
  subtractQuantities,
} from '../quantity.ts';
import { PatternCache } from '../regex/pattern-cache.ts';
import { registerNetwork } from './network.ts';
import { celEqual } from './values.ts';

/** A new environment with every library that rules may use. */
export function celEnvironment(): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: false,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: true,
  });
  registerStrings(environment);
  registerLists(environment);
  registerQuantities(environment);
  registerUrls(environment);
  registerNetwork(environment);
  return environment;
}

/** Methods of the CEL library that are answered by ours: same name in expressions, ours when evaluated. */
export const renamedMethods: ReadonlyMap<string, string> = new Map([
  ['matches', 'kubernetesMatches'],
  ['lowerAscii', 'kubernetesLowerAscii'],
  ['upperAscii', 'kubernetesUpperAscii'],
  ['substring', 'kubernetesSubstring'],
]);

function registerStrings(environment: Environment): void {
  const patterns = new PatternCache();
  const all = (text: string, pattern: string): string[] =>
    Array.from(patterns.get(pattern).findAll(text), ({ begin, end }) => text.slice(begin, end));
  environment
    .registerFunction('string.kubernetesMatches(string): bool', (text: string, pattern: string) =>
      patterns.get(pattern).test(text),
    )
    .registerFunction('string.kubernetesLowerAscii(): string', (text: string) =>
      text.replace(/[A-Z]+/g, (run) => run.toLowerCase()),
    )
    .registerFunction('string.kubernetesUpperAscii(): string', (text: string) =>
      text.replace(/[a-z]+/g, (run) => run.toUpperCase()),
    )
    .registerFunction('string.find(string): string', (text: string, pattern: string) => {
      const found = patterns.get(pattern).find(text);
      return found ? text.slice(found.begin, found.end) : '';
    })
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      all(text, pattern),
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, limit: bigint) => {
        const found = all(text, pattern);
        return limit < 0n ? found : found.slice(0, Number(limit));
      },
    )
    .registerFunction(
      'string.replace(string, string): string',
      (text: string, from: string, to: string) => text.replaceAll(from, () => to),
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint) => {
        let left = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
        return text.replaceAll(from, (each) => (left-- > 0 ? to : each));
      },
    )
    .registerFunction('string.kubernetesSubstring(int): string', (text: string, start: bigint) =>
      substring(text, start, undefined),
    )
    .registerFunction('string.kubernetesSubstring(int, int): string', substring)
    .registerFunction('string.charAt(int): string', (text: string, index: bigint) => {
      const position = Number(index);
      if (position < 0 || position > text.length) throw new Error(`index out of range: ${index}`);
      return text.charAt(position);
    });
}

/** By code points, as Go's strings extension counts. */
function substring(text: string, start: bigint, end: bigint | undefined): string {
  const runes = [...text];
  const stop = end === undefined ? runes.length : Number(end);
  for (const position of [Number(start), stop]) {
    if (position < 0 || position > runes.length) throw new Error(`index out of range: ${position}`);
  }
  if (Number(start) > stop) {
    throw new Error(`invalid substring range. start: ${start}, end: ${stop}`);
  }
  return runes.slice(Number(start), stop).join('');
}

type Ordered = string | number | bigint | boolean | Date;

/** Sets are lists to expressions. */
type Items<Item> = readonly Item[] | ReadonlySet<Item>;

/** The name `sets` in expressions: `sets.contains(a, b)`. */
class SetsNamespace {}

function registerLists(environment: Environment): void {
  const isPart = (part: Items<unknown>, whole: Items<unknown>): boolean =>
    [...part].every((each) => includes(whole, each));
  environment
    .registerFunction('list<dyn>.isSorted(): bool', (items: Items<Ordered>) => {
      const list = [...items];
      return list.every((each, index) => index === 0 || !before(each, list[index - 1]));
    })
    .registerFunction('list<dyn>.sum(): dyn', (items: Items<number | bigint>) => sum([...items]))
    .registerFunction('list<dyn>.min(): dyn', (items: Items<Ordered>) =>
      extreme([...items], 'min', (each, best) => before(each, best)),
    )
    .registerFunction('list<dyn>.max(): dyn', (items: Items<Ordered>) =>
      extreme([...items], 'max', (each, best) => before(best, each)),
    )
    .registerFunction('list<dyn>.indexOf(dyn): int', (items: Items<unknown>, wanted: unknown) =>
      BigInt([...items].findIndex((each) => celEqual(each, wanted))),
    )
    .registerFunction('list<dyn>.lastIndexOf(dyn): int', (items: Items<unknown>, wanted: unknown) =>
      BigInt([...items].findLastIndex((each) => celEqual(each, wanted))),
    )
    .registerType('kubernetes.Sets', SetsNamespace)
    .registerConstant('sets', 'kubernetes.Sets', new SetsNamespace())
    .registerFunction(
      'kubernetes.Sets.contains(list<dyn>, list<dyn>): bool',
      (_: SetsNamespace, whole: Items<unknown>, part: Items<unknown>) => isPart(part, whole),
    )
    .registerFunction(
      'kubernetes.Sets.equivalent(list<dyn>, list<dyn>): bool',
      (_: SetsNamespace, left: Items<unknown>, right: Items<unknown>) =>
        isPart(left, right) && isPart(right, left),
    )
    .registerFunction(
      'kubernetes.Sets.intersects(list<dyn>, list<dyn>): bool',
      (_: SetsNamespace, left: Items<unknown>, right: Items<unknown>) =>
        [...left].some((each) => includes(right, each)),
    );
}

function includes(items: Items<unknown>, wanted: unknown): boolean {
  return [...items].some((each) => celEqual(each, wanted));
}

function before(left: Ordered | undefined, right: Ordered | undefined): boolean {
  return left !== undefined && right !== undefined && left < right;
}

/** Zero for an empty list; integers and doubles do not mix. */
function sum(list: readonly (number | bigint)[]): number | bigint {
  let integers = 0n;
  let doubles = 0;
  for (const each of list) {
    if (typeof each === 'bigint') integers += each;
    else doubles += each;
  }
  return list.some((each) => typeof each === 'number') ? doubles : integers;
}

function extreme(
  list: readonly Ordered[],
  name: string,
  better: (each: Ordered, best: Ordered) => boolean,
): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, each) => (better(each, best) ? each : best), first);
}

/** A quantity as expressions hold it. */
class CelQuantity {
  readonly amount: Quantity;

  constructor(amount: Quantity) {
    this.amount = amount;
  }
}

const int64Max = 2n ** 63n - 1n;

function registerQuantities(environment: Environment): void {
  const name = 'kubernetes.Quantity';
  const compare = (left: CelQuantity, right: CelQuantity): number =>
    compareQuantities(left.amount, right.amount);
  const isInteger = ({ amount }: CelQuantity): boolean =>
    amount.nanos % 1_000_000_000n === 0n &&
    quantityValue(amount) <= int64Max &&
    quantityValue(amount) >= -int64Max;
  environment
    .registerType(name, CelQuantity)
    .registerOperator(
      `${name} == ${name}`,
      (left: CelQuantity, right: CelQuantity) => compare(left, right) === 0,
    )
    .registerFunction(
      `quantity(string): ${name}`,
      (text: string) => new CelQuantity(parseQuantity(text)),
    )
    .registerFunction(
      'isQuantity(string): bool',
      (text: string) => quantityProblem(text) === undefined,
    )
    .registerFunction(`sign(${name}): int`, ({ amount }: CelQuantity) =>
      amount.nanos > 0n ? 1n : amount.nanos < 0n ? -1n : 0n,
    )
    .registerFunction(`${name}.isInteger(): bool`, isInteger)
    .registerFunction(`${name}.asInteger(): int`, (quantity: CelQuantity) => {
      if (!isInteger(quantity)) throw new Error('cannot convert value to integer');
      return quantityValue(quantity.amount);
    })
    .registerFunction(
      `${name}.asApproximateFloat(): double`,
      ({ amount }: CelQuantity) => Number(amount.nanos) / 1e9,
    )
    .registerFunction(`${name}.compareTo(${name}): int`, (left: CelQuantity, right: CelQuantity) =>
      BigInt(compare(left, right)),
    )
    .registerFunction(
      `${name}.isGreaterThan(${name}): bool`,
      (left: CelQuantity, right: CelQuantity) => compare(left, right) > 0,
    )
    .registerFunction(
      `${name}.isLessThan(${name}): bool`,
      (left: CelQuantity, right: CelQuantity) => compare(left, right) < 0,
    )
    .registerFunction(
      `${name}.add(${name}): ${name}`,
      (left: CelQuantity, right: CelQuantity) =>
        new CelQuantity(addQuantities(left.amount, right.amount)),
    )
    .registerFunction(
      `${name}.add(int): ${name}`,
      (left: CelQuantity, right: bigint) =>
        new CelQuantity(addQuantities(left.amount, quantityOf(right))),
    )
    .registerFunction(
      `${name}.sub(${name}): ${name}`,
      (left: CelQuantity, right: CelQuantity) =>
        new CelQuantity(subtractQuantities(left.amount, right.amount)),
    )
    .registerFunction(
      `${name}.sub(int): ${name}`,
      (left: CelQuantity, right: bigint) =>
        new CelQuantity(subtractQuantities(left.amount, quantityOf(right))),
    );
}

/** A URL as expressions hold it: absolute, or a rooted path. */
class CelUrl {
  readonly text: string;
  readonly url: URL;

  constructor(text: string) {
    if (!isUrl(text))
      throw new Error(
        `URL parse error during conversion from string: parse "${text}": invalid URI for request`,
      );
    this.text = text;
    this.url = new URL(text, 'relative://');
  }

  /** As written: the URL class drops default ports. */
  get host(): string {
    return /^[^:/]+:\/\/(?:[^@/?#]*@)?([^/?#]*)/.exec(this.text)?.[1] ?? '';
  }

  get isRelative(): boolean {
    return this.text.startsWith('/');
  }
}

function isUrl(text: string): boolean {
  return text.startsWith('/') || (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) && URL.canParse(text));
}

function registerUrls(environment: Environment): void {
  const name = 'kubernetes.URL';
  environment
    .registerType(name, CelUrl)
    .registerOperator(
      `${name} == ${name}`,
      (left: CelUrl, right: CelUrl) => left.url.href === right.url.href,
    )
    .registerFunction(`url(string): ${name}`, (text: string) => new CelUrl(text))
    .registerFunction('isURL(string): bool', isUrl)
    .registerFunction(`${name}.getScheme(): string`, (each: CelUrl) =>
      each.isRelative ? '' : each.url.protocol.slice(0, -1),
    )
    .registerFunction(`${name}.getHost(): string`, (each: CelUrl) => each.host)
    .registerFunction(`${name}.getHostname(): string`, (each: CelUrl) =>
      each.url.hostname.replace(/^\[|\]$/g, ''),
    )
    .registerFunction(
      `${name}.getPort(): string`,
      (each: CelUrl) => /:(\d*)$/.exec(each.host)?.[1] ?? '',
    )
    .registerFunction(`${name}.getEscapedPath(): string`, (each: CelUrl) => each.url.pathname)
    .registerFunction(`${name}.getQuery(): map<string, list<string>>`, (each: CelUrl) => {
      const query: Record<string, string[]> = {};
      for (const key of each.url.searchParams.keys())
        query[key] = each.url.searchParams.getAll(key);
      return query;
    });
}
