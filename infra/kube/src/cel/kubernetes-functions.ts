// What the functions do that Kubernetes adds: texts, lists, sets, URLs, quantities, addresses, formats and versions.

import { goQuote } from '../go-format.ts';
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from '../names.ts';
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  type QuantityHolding,
  quantityHolding,
  quantityOf,
  quantityProblem,
  quantityValue,
  subtractQuantities,
} from '../quantity.ts';
import { PatternCache } from '../regex/pattern-cache.ts';
import { formatCheck } from '../schema/formats.ts';
import { compareValues, equalValues } from './compare-values.ts';
import { int64, noOverload } from './conversions.ts';
import { plainValue } from './describe-value.ts';
import { CelAddress, CelPrefix } from './network.ts';
import { Semver } from './semver.ts';
import { CelUrl } from './url.ts';
import {
  CelFormat,
  CelList,
  CelMap,
  CelQuantity,
  type CelValue,
  Duration,
  Failure,
  keyOf,
  Misfit,
  Optional,
  type Outcome,
  Uint,
} from './value.ts';

type Implementation = (...args: readonly CelValue[]) => Outcome;

const patterns = new PatternCache();

type ArgumentKind = 'string' | 'bigint';

/** Whether arguments are of the kinds declared: those of dynamic types may be of any. */
function areOf(args: readonly CelValue[], kinds: readonly ArgumentKind[]): boolean {
  return args.every((arg, index) => kinds[index] === undefined || typeof arg === kinds[index]);
}

function onText(
  make: (text: string, ...args: readonly CelValue[]) => Outcome,
  ...kinds: readonly ArgumentKind[]
): Implementation {
  return (text = null, ...args) =>
    typeof text === 'string' && areOf(args, kinds) ? make(text, ...args) : noOverload;
}

function found(text: string, pattern: string, limit: number): Outcome {
  try {
    const all: string[] = [];
    if (limit !== 0) {
      for (const { begin, end } of patterns.get(pattern).findAll(text)) {
        all.push(text.slice(begin, end));
        if (all.length === limit) break;
      }
    }
    return new CelList(all);
  } catch (error) {
    return new Failure(`Illegal regex: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function runes(text: string): string[] {
  return [...text];
}

function substring(text: string, start: bigint, end: bigint | undefined): Outcome {
  const all = runes(text);
  const stop = end ?? BigInt(all.length);
  if (end !== undefined && start > end)
    return new Failure(`invalid substring range. start: ${start}, end: ${end}`);
  for (const place of [start, stop])
    if (place < 0n || place > BigInt(all.length))
      return new Failure(`index out of range: ${place}`);
  return all.slice(Number(start), Number(stop)).join('');
}

function indexOfText(text: string, part: string, offset: number): Outcome {
  const all = runes(text);
  if (part === '') return BigInt(offset);
  if (offset < 0) return new Failure(`index out of range: ${offset}`);
  if (offset >= all.length) return offset === all.length ? -1n : -1n;
  const rest = all.slice(offset).join('');
  const at = rest.indexOf(part);
  return at < 0 ? -1n : BigInt(offset + runes(rest.slice(0, at)).length);
}

function lastIndexOfText(text: string, part: string, offset: number | undefined): Outcome {
  const all = runes(text);
  const from = offset ?? all.length - 1;
  if (part === '') return BigInt(offset ?? all.length);
  if (offset !== undefined && offset < 0) return new Failure(`index out of range: ${offset}`);
  const wanted = runes(part);
  if (all.length < wanted.length || (offset !== undefined && offset >= all.length)) return -1n;
  for (let at = Math.min(from, all.length - wanted.length); at >= 0; at--)
    if (wanted.every((rune, index) => all[at + index] === rune)) return BigInt(at);
  return -1n;
}

function replaced(text: string, from: string, to: string, limit: number): string {
  if (limit === 0) return text;
  let left = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  if (from === '') {
    let result = '';
    for (const rune of runes(text)) result += (left-- > 0 ? to : '') + rune;
    return left > 0 ? result + to : result;
  }
  return text.replaceAll(from, (each) => (left-- > 0 ? to : each));
}

function split(text: string, by: string, limit: number): string[] {
  if (limit === 0) return [];
  const parts = by === '' ? runes(text) : text.split(by);
  if (limit < 0 || parts.length <= limit) return parts;
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(by)];
}

const whitespace =
  /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;

function onList(
  make: (items: readonly CelValue[], ...args: readonly CelValue[]) => Outcome,
): Implementation {
  return (list = null, ...args) => {
    if (!(list instanceof CelList)) return noOverload;
    return list.items.find((item) => item instanceof Misfit) ?? make(list.items, ...args);
  };
}

function extreme(items: readonly CelValue[], name: string, sign: 1 | -1): Outcome {
  const [first, ...rest] = items;
  if (first === undefined) return new Failure(`${name} called on empty list`);
  let best = first;
  for (const item of rest) {
    const order = compareValues(item, best);
    if (order === undefined) return noOverload;
    if (order * sign > 0) best = item;
  }
  return best;
}

function sum(items: readonly CelValue[]): Outcome {
  const [first] = items;
  const isOfFirst = (item: CelValue): boolean =>
    typeof item === typeof first && item?.constructor === first?.constructor;
  if (!items.every(isOfFirst)) return noOverload;
  if (typeof first === 'number')
    return items.reduce((total: number, each) => total + Number(each), 0);
  if (first instanceof Uint)
    return new Uint(
      items.reduce((total: bigint, each) => total + (each instanceof Uint ? each.value : 0n), 0n),
    );
  if (first instanceof Duration)
    return new Duration(
      items.reduce(
        (total: bigint, each) => total + (each instanceof Duration ? each.nanos : 0n),
        0n,
      ),
    );
  return int64(
    items.reduce((total: bigint, each) => total + (typeof each === 'bigint' ? each : 0n), 0n),
  );
}

function isPart(part: readonly CelValue[], whole: readonly CelValue[]): boolean {
  return part.every((item) => whole.some((each) => equalValues(item, each)));
}

function sets(
  test: (left: readonly CelValue[], right: readonly CelValue[]) => boolean,
): Implementation {
  return (left = null, right = null) =>
    left instanceof CelList && right instanceof CelList
      ? test(left.items, right.items)
      : noOverload;
}

function onQuantity(make: (quantity: CelQuantity, other: CelValue) => Outcome): Implementation {
  return (value = null, other = null) =>
    value instanceof CelQuantity ? make(value, other) : noOverload;
}

function quantityOrder(
  test: (order: number) => Outcome,
): (left: CelQuantity, right: CelValue) => Outcome {
  return (left, right) =>
    right instanceof CelQuantity ? test(compareQuantities(left.amount, right.amount)) : noOverload;
}

function combined(make: typeof addQuantities): Implementation {
  return onQuantity((one, other) => {
    const right = typeof other === 'bigint' ? new CelQuantity(quantityOf(other), 'integer') : other;
    if (!(right instanceof CelQuantity)) return noOverload;
    const amount = make(one.amount, right.amount);
    return new CelQuantity(amount, holdingOf(one, right, amount));
  });
}

/** Of nothing and something it is the something that counts. */
function holdingOf(left: CelQuantity, right: CelQuantity, made: Quantity): QuantityHolding {
  const holdings = [left.holding, right.holding];
  if (holdings.includes('decimal')) return 'decimal';
  if (right.amount.nanos === 0n) return left.holding;
  if (left.amount.nanos === 0n) return right.holding;
  if (holdings.includes('fraction')) return 'fraction';
  const value = quantityValue(made);
  return BigInt.asIntN(64, value) === value ? 'integer' : 'decimal';
}

function onAddress(make: (address: CelAddress) => Outcome): Implementation {
  return (value = null) => (value instanceof CelAddress ? make(value) : noOverload);
}

function block(address: CelAddress, [ipv4, ipv6]: readonly [string, string]): boolean {
  const prefix = CelPrefix.parse(address.family === 4 ? ipv4 : ipv6);
  return 'address' in prefix && prefix.contains(address);
}

function addressOf(value: CelValue): CelAddress | Failure {
  if (value instanceof CelAddress) return value;
  if (typeof value !== 'string') return noOverload;
  return parsed(CelAddress.parse(value));
}

function prefixOf(value: CelValue): CelPrefix | Failure {
  if (value instanceof CelPrefix) return value;
  if (typeof value !== 'string') return noOverload;
  return parsed(CelPrefix.parse(value));
}

function parsed<Value extends object>(
  result: Value | { readonly problem: string },
): Value | Failure {
  // Nothing that is parsed here has a member of that name.
  return 'problem' in result ? new Failure(String(result.problem)) : (result as Value);
}

function onPrefix(make: (prefix: CelPrefix, other: CelValue) => Outcome): Implementation {
  return (value = null, other = null) =>
    value instanceof CelPrefix ? make(value, other) : noOverload;
}

function onSemver(make: (version: Semver, other: CelValue) => Outcome): Implementation {
  return (value = null, other = null) =>
    value instanceof Semver ? make(value, other) : noOverload;
}

function semverOrder(test: (order: number) => Outcome): Implementation {
  return onSemver((version, other) =>
    other instanceof Semver ? test(version.compare(other)) : noOverload,
  );
}

function onUrl(make: (url: CelUrl) => Outcome): Implementation {
  return (value = null) => (value instanceof CelUrl ? make(value) : noOverload);
}

function queryOf({ query }: CelUrl): CelMap {
  return new CelMap(
    new Map(
      [...query].map(([key, values]) => [keyOf(key) ?? '', [key, new CelList(values)] as const]),
    ),
  );
}

const uuidLength = 68;
const dateTimeLength = 183;

function matching(name: string, told: string): (text: string) => readonly string[] {
  return (text) => (formatCheck(name)?.(text) === false ? [told] : []);
}

const prefixed =
  (problems: (text: string) => readonly string[]) =>
  (text: string): readonly string[] =>
    problems(text.replace(/-$/, 'a'));

const formats: Readonly<Record<string, CelFormat>> = {
  dns1123Label: new CelFormat('DNS1123Label', 30, dnsLabelProblems),
  dns1123Subdomain: new CelFormat('DNS1123Subdomain', 60, dnsSubdomainProblems),
  dns1035Label: new CelFormat('DNS1035Label', 30, dns1035LabelProblems),
  qualifiedName: new CelFormat('QualifiedName', 60, qualifiedNameProblems),
  dns1123LabelPrefix: new CelFormat('DNS1123LabelPrefix', 30, prefixed(dnsLabelProblems)),
  dns1123SubdomainPrefix: new CelFormat(
    'DNS1123SubdomainPrefix',
    60,
    prefixed(dnsSubdomainProblems),
  ),
  dns1035LabelPrefix: new CelFormat('DNS1035LabelPrefix', 30, prefixed(dns1035LabelProblems)),
  labelValue: new CelFormat('LabelValue', 40, labelValueProblems),
  uri: new CelFormat('URI', 1_103, (text) => {
    const url = CelUrl.parse(text);
    return 'problem' in url
      ? [url.problem.replace(/^URL parse error during conversion from string: /, '')]
      : [];
  }),
  uuid: new CelFormat('uuid', uuidLength, matching('uuid', 'does not match the UUID format')),
  byte: new CelFormat('byte', 84, matching('byte', 'invalid base64')),
  date: new CelFormat('date', dateTimeLength, matching('date', 'invalid date')),
  datetime: new CelFormat('datetime', dateTimeLength, matching('datetime', 'invalid datetime')),
};

function validated(format: CelValue = null, text: CelValue = null): Outcome {
  if (!(format instanceof CelFormat) || typeof text !== 'string') return noOverload;
  const problems = format.problems(text);
  return new Optional(problems.length === 0 ? undefined : new CelList(problems));
}

const number = (value: CelValue | undefined): number => Number(value);

/** By name. */
export const kubernetesFunctions: Readonly<Record<string, Implementation>> = {
  charAt: onText((text, index) => {
    const all = runes(text);
    const at = number(index);
    if (at < 0 || at > all.length) return new Failure(`index out of range: ${String(index)}`);
    return all[at] ?? '';
  }, 'bigint'),
  indexOf: (holder = null, ...args) => {
    if (typeof holder === 'string' && !areOf(args, ['string', 'bigint'])) return noOverload;
    if (typeof holder === 'string')
      return indexOfText(holder, String(args[0]), number(args[1] ?? 0n));
    return onList((items, item = null) =>
      BigInt(items.findIndex((each) => equalValues(each, item))),
    )(holder, ...args);
  },
  lastIndexOf: (holder = null, ...args) => {
    if (typeof holder === 'string' && !areOf(args, ['string', 'bigint'])) return noOverload;
    if (typeof holder === 'string')
      return lastIndexOfText(
        holder,
        String(args[0]),
        args[1] === undefined ? undefined : number(args[1]),
      );
    return onList((items, item = null) =>
      BigInt(items.findLastIndex((each) => equalValues(each, item))),
    )(holder, ...args);
  },
  join: onList((items, separator = '') => {
    // Upstream looks at the first item when it chooses how to join.
    if (typeof separator !== 'string' || (items.length > 0 && typeof items[0] !== 'string'))
      return noOverload;
    const odd = items.find((item) => typeof item !== 'string');
    if (odd === undefined) return items.join(separator);
    return new Failure(`join: invalid input: ${plainValue(odd)}`);
  }),
  lowerAscii: onText((text) => text.replaceAll(/[A-Z]+/g, (run) => run.toLowerCase())),
  upperAscii: onText((text) => text.replaceAll(/[a-z]+/g, (run) => run.toUpperCase())),
  replace: onText(
    (text, from, to, limit = -1n) => replaced(text, String(from), String(to), number(limit)),
    ...(['string', 'string', 'bigint'] as const),
  ),
  split: onText(
    (text, by, limit = -1n) => new CelList(split(text, String(by), number(limit))),
    ...(['string', 'bigint'] as const),
  ),
  'strings.quote': onText((text) => quoted(text)),
  substring: onText((text, start, end) =>
    typeof start === 'bigint' && (end === undefined || typeof end === 'bigint')
      ? substring(text, start, end)
      : noOverload,
  ),
  trim: onText((text) => text.replaceAll(whitespace, '')),
  find: onText((text, pattern) => {
    const all = found(text, String(pattern), 1);
    return all instanceof CelList ? (all.items[0] ?? '') : all;
  }, 'string'),
  findAll: onText(
    (text, pattern, limit = -1n) => found(text, String(pattern), number(limit)),
    ...(['string', 'bigint'] as const),
  ),
  isSorted: onList((items) =>
    items.every(
      (item, index) => index === 0 || (compareValues(items[index - 1] ?? null, item) ?? 1) <= 0,
    ),
  ),
  sum: onList(sum),
  min: onList((items) => extreme(items, 'min', -1)),
  max: onList((items) => extreme(items, 'max', 1)),
  'sets.contains': sets((whole, part) => isPart(part, whole)),
  'sets.equivalent': sets((left, right) => isPart(left, right) && isPart(right, left)),
  'sets.intersects': sets((left, right) => left.some((item) => isPart([item], right))),
  url: onText((text) => parsed(CelUrl.parse(text))),
  isURL: onText((text) => !('problem' in CelUrl.parse(text))),
  getScheme: onUrl(({ scheme }) => scheme),
  getHost: onUrl(({ host }) => host),
  getHostname: onUrl(({ hostname }) => hostname),
  getPort: onUrl(({ port }) => port),
  getEscapedPath: onUrl(({ escapedPath }) => escapedPath),
  getQuery: onUrl(queryOf),
  quantity: onText((text) => {
    const problem = quantityProblem(text);
    return problem === undefined
      ? new CelQuantity(parseQuantity(text), quantityHolding(text))
      : new Failure(problem);
  }),
  isQuantity: onText((text) => quantityProblem(text) === undefined),
  sign: onQuantity(({ amount }) => (amount.nanos > 0n ? 1n : amount.nanos < 0n ? -1n : 0n)),
  isInteger: onQuantity(({ holding }) => holding === 'integer'),
  asInteger: onQuantity((quantity) =>
    quantity.holding === 'integer'
      ? quantityValue(quantity.amount)
      : new Failure('cannot convert value to integer'),
  ),
  asApproximateFloat: onQuantity(({ amount }) => Number(amount.nanos) / 1e9),
  isGreaterThan: (value = null, other = null) =>
    value instanceof Semver
      ? semverOrder((order) => order > 0)(value, other)
      : onQuantity(quantityOrder((order) => order > 0))(value, other),
  isLessThan: (value = null, other = null) =>
    value instanceof Semver
      ? semverOrder((order) => order < 0)(value, other)
      : onQuantity(quantityOrder((order) => order < 0))(value, other),
  compareTo: (value = null, other = null) =>
    value instanceof Semver
      ? semverOrder((order) => BigInt(order))(value, other)
      : onQuantity(quantityOrder((order) => BigInt(order)))(value, other),
  add: combined(addQuantities),
  sub: combined(subtractQuantities),
  ip: (value = null) => (value instanceof CelPrefix ? value.address : addressOf(value)),
  isIP: onText((text) => !('problem' in CelAddress.parse(text))),
  'ip.isCanonical': onText((text) => {
    const address = parsed(CelAddress.parse(text));
    return address instanceof Failure ? address : String(address) === text;
  }),
  family: onAddress(({ family }) => BigInt(family)),
  isUnspecified: onAddress(({ bits }) => bits === 0n),
  isLoopback: onAddress((address) => block(address, ['127.0.0.0/8', '::1/128'])),
  isLinkLocalMulticast: onAddress(
    (address) =>
      block(address, ['224.0.0.0/24', 'ff02::/16']) ||
      (address.family === 6 && ((address.bits >> 112n) & 0xff0fn) === 0xff02n),
  ),
  isLinkLocalUnicast: onAddress((address) => block(address, ['169.254.0.0/16', 'fe80::/10'])),
  isGlobalUnicast: onAddress(
    (address) =>
      address.bits !== 0n &&
      !(address.family === 4 && address.bits === 0xffff_ffffn) &&
      !block(address, ['127.0.0.0/8', '::1/128']) &&
      !block(address, ['224.0.0.0/4', 'ff00::/8']) &&
      !block(address, ['169.254.0.0/16', 'fe80::/10']),
  ),
  cidr: (value = null) => prefixOf(value),
  isCIDR: onText((text) => !('problem' in CelPrefix.parse(text))),
  containsIP: onPrefix((prefix, other) => {
    const address = addressOf(other);
    return address instanceof Failure ? noOverload : prefix.contains(address);
  }),
  containsCIDR: onPrefix((prefix, other) => {
    const inner = prefixOf(other);
    if (inner instanceof Failure) return inner;
    return prefix.contains(inner.address) && prefix.length <= inner.length;
  }),
  prefixLength: onPrefix(({ length }) => BigInt(length)),
  masked: onPrefix((prefix) => prefix.masked()),
  'format.named': onText(
    (name) => new Optional(Object.hasOwn(formats, name) ? formats[name] : undefined),
  ),
  validate: validated,
  semver: onText((text, normalize = false) => parsed(Semver.parse(text, normalize === true))),
  isSemver: onText(
    (text, normalize = false) => !('problem' in Semver.parse(text, normalize === true)),
  ),
  major: onSemver(({ major }) => int64(major)),
  minor: onSemver(({ minor }) => int64(minor)),
  patch: onSemver(({ patch }) => int64(patch)),
  ...Object.fromEntries(
    Object.entries(formats).map(([name, format]) => [`format.${name}`, () => format]),
  ),
};

/** Quotes a text as an expression would write it. */
function quoted(text: string): string {
  const escaped = ['\u0007', '\b', '\f', '\n', '\r', '\t', '\v', '\\', '"'];
  const inner = Array.from(text, (char) =>
    escaped.includes(char) ? goQuote(char).slice(1, -1) : char,
  ).join('');
  return `"${inner}"`;
}
