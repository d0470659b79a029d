// How much a call can cost, and how large its result can be.

import type { Node } from './syntax.ts';
import type { Type } from './type.ts';

/** From the least to the most. */
export interface CostRange {
  readonly min: number;
  readonly max: number;
}

export type SizeRange = CostRange;

/** An operand as far as its size is known. */
export interface Estimated {
  readonly node: Node | undefined;
  readonly path: readonly string[] | undefined;
  readonly type: Type;
  readonly size: SizeRange | undefined;
}

export interface CallEstimate {
  readonly cost: CostRange;
  readonly size?: SizeRange;
}

export interface CallToEstimate {
  readonly name: string;
  readonly overload: string;
  readonly target: Estimated | undefined;
  readonly args: readonly Estimated[];
  sizeOf(operand: Estimated): SizeRange;
}

const traversalFactor = 0.1;
const patternFactor = 0.25;
const unlimited = 2 ** 64;
const nameFormatLength = 128;
const formatLength = 64;

function bounded(value: number): number {
  return Math.min(value, unlimited);
}

function scaled({ min, max }: SizeRange, factor: number): CostRange {
  return { min: bounded(Math.ceil(min * factor)), max: bounded(Math.ceil(max * factor)) };
}

function sum(left: SizeRange, right: SizeRange): SizeRange {
  return { min: bounded(left.min + right.min), max: bounded(left.max + right.max) };
}

function product(left: SizeRange, right: SizeRange): SizeRange {
  const times = (one: number, other: number): number =>
    one === 0 || other === 0 ? 0 : bounded(one * other);
  return { min: times(left.min, right.min), max: times(left.max, right.max) };
}

const one: CostRange = { min: 1, max: 1 };

/** Without the cost of the arguments. */
export function estimateCall(call: CallToEstimate): CallEstimate {
  return kubernetesEstimate(call) ?? standardEstimate(call);
}

function traversed(size: SizeRange): CostRange {
  return scaled(size, traversalFactor);
}

const constant: ReadonlySet<string> = new Set(
  'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery format.named'.split(
    ' ',
  ),
);

function kubernetesEstimate(call: CallToEstimate): CallEstimate | undefined {
  const { name, overload, target, args, sizeOf } = call;
  const [first, second] = args;
  if (constant.has(name)) return { cost: one };
  switch (name) {
    case 'sets.contains':
    case 'sets.intersects':
      return first && second && { cost: sum(product(sizeOf(first), sizeOf(second)), one) };
    case 'sets.equivalent':
      return (
        first && second && { cost: sum(scaled(product(sizeOf(first), sizeOf(second)), 2), one) }
      );
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return target && { cost: searched(target, sizeOf) };
    case 'url': {
      const size = first && sizeOf(first);
      return size && { cost: traversed(size), size };
    }
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim': {
      const size = target && sizeOf(target);
      return size && { cost: traversed(size), size };
    }
    case 'replace':
      return target && first && second
        ? replaced(sizeOf(target), sizeOf(first), sizeOf(second))
        : undefined;
    case 'split':
      return target && split(sizeOf(target), args);
    case 'join':
      return target && joined(target, first, sizeOf);
    case 'find':
    case 'findAll': {
      if (!target || !first) return undefined;
      const size = sizeOf(target);
      return { cost: matched(size, sizeOf(first)), size: { min: 0, max: size.max } };
    }
    case 'ip':
      if (overload === 'cidr_ip') return { cost: one };
      return first && { cost: traversed(sizeOf(first)) };
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return first && { cost: traversed(sizeOf(first)) };
    case 'ip.isCanonical':
      return first && { cost: scaled(sizeOf(first), 2 * traversalFactor) };
    case 'containsIP':
    case 'containsCIDR':
      return first && contained(call, first);
    case 'validate':
      return first && { cost: scaled(traversed(sizeOf(first)), nameFormatLength * patternFactor) };
    case '_==_':
      return first && second && opaqueEquality(first, second);
    default:
      return undefined;
  }
}

function itemOf(list: Estimated): Estimated | undefined {
  const [type] = list.type.params;
  if (type === undefined) return undefined;
  const path = list.path && [...list.path, '@items'];
  return { node: undefined, path, type, size: undefined };
}

function searched(target: Estimated, sizeOf: CallToEstimate['sizeOf']): CostRange {
  const item = itemOf(target);
  if (!item) return traversed(sizeOf(target));
  const isText = item.type.kind === 'string' || item.type.kind === 'bytes';
  const each = isText ? sum(one, traversed(sizeOf(item))) : one;
  return product(sizeOf(target), each);
}

function replaced(text: SizeRange, from: SizeRange, to: SizeRange): CallEstimate {
  const count = { min: 0, max: 0 };
  const retained = { min: 0, max: 0 };
  if (from.min === 0) {
    count.max = bounded(text.max + 1);
    retained.max = text.max;
  } else if (to.max <= from.min) retained.max = text.max;
  else count.max = Math.ceil(text.max / from.min);
  if (from.max === 0) {
    count.min = bounded(text.min + 1);
    retained.min = text.min;
  } else if (from.max <= to.min) retained.min = text.min;
  else count.min = Math.ceil(text.min / from.max);
  return { cost: scaled(text, 2 * traversalFactor), size: sum(product(count, to), retained) };
}

function split(text: SizeRange, args: readonly Estimated[]): CallEstimate {
  const limit = args[1]?.node;
  const value = limit?.kind === 'literal' ? limit.value : undefined;
  const max = typeof value === 'bigint' ? Number(BigInt.asUintN(64, value)) : text.max;
  return { cost: scaled(text, 2 * traversalFactor), size: { min: 0, max } };
}

function joined(
  list: Estimated,
  separator: Estimated | undefined,
  sizeOf: CallToEstimate['sizeOf'],
): CallEstimate {
  const count = sizeOf(list);
  const item = itemOf(list);
  let size: SizeRange = item ? product(count, sizeOf(item)) : { min: 0, max: 0 };
  if (separator) {
    const between = { min: Math.max(count.min - 1, 0), max: Math.max(count.max - 1, 0) };
    size = sum(size, product(sizeOf(separator), between));
  }
  return { cost: traversed(size), size };
}

function matched(text: SizeRange, pattern: SizeRange): CostRange {
  return product(traversed(sum(text, one)), scaled(pattern, patternFactor));
}

function contained({ name, overload, sizeOf }: CallToEstimate, first: Estimated): CallEstimate {
  const address: SizeRange = { min: 4, max: 16 };
  let cost = traversed(sum(address, address));
  if (name === 'containsCIDR') cost = sum(sum(cost, traversed(address)), one);
  if (overload.endsWith('_string')) cost = sum(cost, traversed(sizeOf(first)));
  return { cost };
}

function opaqueEquality(left: Estimated, right: Estimated): CallEstimate | undefined {
  if (left.type.name !== right.type.name || left.type.kind !== right.type.kind) return undefined;
  switch (left.type.name) {
    case 'net.IP':
    case 'net.CIDR':
    case 'kubernetes.Quantity':
    case 'kubernetes.Semver':
      return { cost: one };
    case 'kubernetes.NamedFormat':
      return { cost: scaled({ min: 1, max: formatLength }, traversalFactor) };
    case 'kubernetes.URL':
      return { cost: scaled({ min: 1, max: right.size?.max ?? 1 }, traversalFactor) };
    default:
      return undefined;
  }
}

const smallest = /^(?:(?:less|greater)(?:_equals)?_(?:string|bytes)|equals|not_equals)$/;

function standardEstimate({ overload, target, args }: CallToEstimate): CallEstimate {
  const sizeOf = (operand: Estimated): SizeRange => operand.size ?? { min: 0, max: unlimited };
  const [first, second] = args;
  if (overload === 'string_format' && target) return { cost: traversed(sizeOf(target)) };
  if (first) {
    const size = sizeOf(first);
    switch (overload) {
      case 'string_to_bytes':
        return { cost: traversed(size), size: { min: size.min, max: bounded(size.max * 4) } };
      case 'bytes_to_string':
        return { cost: traversed(size), size: { min: Math.floor(size.min / 4), max: size.max } };
      case 'strings_quote':
        return {
          cost: traversed(size),
          // Upstream's number begins anew at its end.
          size: { min: size.min + 2, max: size.max >= unlimited ? 0 : size.max * 2 + 2 },
        };
      case 'starts_with_string':
      case 'ends_with_string':
        return { cost: traversed(size) };
      case 'matches_string':
        if (target) return { cost: matched(sizeOf(target), size) };
        break;
      case 'contains_string':
        if (target) return { cost: product(traversed(sizeOf(target)), traversed(size)) };
    }
    if (second) {
      const other = sizeOf(second);
      if (overload === 'in_list') return { cost: other };
      if (overload === 'add_list') return { cost: one, size: sum(size, other) };
      if (overload === 'add_string' || overload === 'add_bytes')
        return { cost: traversed(sum(size, other)), size: sum(size, other) };
      if (smallest.test(overload)) {
        const max = Math.min(size.max, other.max);
        return { cost: traversed({ min: max > 0 ? 1 : 0, max }) };
      }
    }
  }
  return { cost: one };
}
