// What a call costs when it is made. Algorithm: cel-go's cost tracker, with what Kubernetes counts otherwise.

import { CelAddress, CelPrefix } from './network.ts';
import { Semver } from './semver.ts';
import { CelUrl } from './url.ts';
import {
  CelFormat,
  CelList,
  CelMap,
  CelObject,
  CelQuantity,
  Failure,
  Optional,
  type Outcome,
  sizeOf,
} from './value.ts';

const traversalFactor = 0.1;
const patternFactor = 0.25;

export interface CallMade {
  readonly name: string;
  /** Empty when it may be one of several. */
  readonly overload: string;
  readonly args: readonly Outcome[];
  readonly result: Outcome;
}

function lengthOf(value: Outcome | undefined): number {
  if (value === undefined || value instanceof Failure) return 1;
  if (value instanceof CelAddress) return value.family === 4 ? 4 : 16;
  if (value instanceof CelPrefix) return Math.ceil(value.length / 8);
  return sizeOf(value) ?? 1;
}

/** Where a list is empty, and so forth, the default counts optional values by what they hold. */
function plainLength(value: Outcome | undefined): number {
  if (value instanceof Optional && value.value !== undefined) return plainLength(value.value);
  return lengthOf(value);
}

function traversed(...values: readonly (Outcome | undefined)[]): number {
  return Math.ceil(
    values.reduce((sum: number, value) => sum + lengthOf(value), 0) * traversalFactor,
  );
}

/** What it takes to look at all of a value. */
function whole(value: Outcome | undefined): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * traversalFactor);
  if (value instanceof Uint8Array) return Math.floor(value.length * traversalFactor);
  if (value instanceof CelList)
    return value.items.reduce((sum: number, item) => sum + whole(item), 0);
  if (value instanceof CelMap)
    return [...value.entries.values()].reduce(
      (sum, [key, each]) => sum + whole(key) + whole(each),
      0,
    );
  if (value instanceof CelObject)
    return [...value.fields].reduce((sum, [key, each]) => sum + whole(key) + whole(each), 0);
  return 1;
}

function matched(text: Outcome | undefined, patternLength: number): number {
  return (
    Math.ceil((1 + lengthOf(text)) * traversalFactor) * Math.ceil(patternLength * patternFactor)
  );
}

const constant: ReadonlySet<string> = new Set(
  'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery format.named serviceAccount path group resource subresource namespace name allowed reason error errored'.split(
    ' ',
  ),
);

/** Of Kubernetes' own functions; undefined: nothing of its own. */
function kubernetesCost({ name, overload, args, result }: CallMade): number | undefined {
  const [first, second] = args;
  switch (name) {
    case 'sets.contains':
    case 'sets.intersects':
      return 1 + lengthOf(first) * lengthOf(second);
    case 'sets.equivalent':
      return 1 + 2 * lengthOf(first) * lengthOf(second);
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return whole(first);
    case 'url':
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return traversed(first);
    case 'replace':
    case 'split':
    case 'ip.isCanonical':
      return Math.ceil(lengthOf(first) * 2 * traversalFactor);
    case 'join':
      return Math.ceil(lengthOf(result) * 2 * traversalFactor);
    case 'find':
    case 'findAll':
      return matched(first, lengthOf(second));
    case 'ip':
      return overload === 'cidr_ip' ? 1 : traversed(first);
    case 'containsIP':
      return (
        Math.ceil(2 * lengthOf(first) * traversalFactor) +
        (overload === 'cidr_contains_ip_string' ? traversed(second) : 0)
      );
    case 'containsCIDR':
      return (
        Math.ceil(2 * lengthOf(first) * traversalFactor) +
        traversed(first) +
        1 +
        (overload === 'cidr_contains_cidr_string' ? traversed(second) : 0)
      );
    case 'check':
      return 350_000;
    case 'fieldSelector':
    case 'labelSelector':
      return 10 + traversed(second) + Math.ceil(lengthOf(second) * 0.5) * 50;
    case 'validate':
      return first instanceof CelFormat ? matched(second, first.patternLength) : undefined;
    case '_==_': {
      const isOpaque = [CelQuantity, CelAddress, CelPrefix, CelFormat, CelUrl, Semver].some(
        (type) => first instanceof type,
      );
      return isOpaque ? 1 : undefined;
    }
    default:
      return constant.has(name) ? 1 : undefined;
  }
}

const linear = new Set([
  'starts_with_string',
  'ends_with_string',
  'string_to_bytes',
  'bytes_to_string',
  'strings_quote',
  'string_format',
]);
const smallest = /^(?:(?:less|greater)(?:_equals)?_(?:string|bytes)|equals|not_equals)$/;

/** The cost of a call, without its arguments'. */
export function callCost(call: CallMade): number {
  const own = kubernetesCost(call);
  if (own !== undefined) return own;
  const { overload, args } = call;
  const [first, second] = args;
  const [one, other] = [plainLength(first), plainLength(second)];
  if (linear.has(overload)) return Math.ceil(one * traversalFactor);
  if (overload === 'in_list') return other;
  if (smallest.test(overload)) return Math.ceil(Math.min(one, other) * traversalFactor);
  if (overload === 'add_string' || overload === 'add_bytes')
    return Math.ceil((one + other) * traversalFactor);
  if (overload === 'matches_string') return matched(first, other);
  if (overload === 'contains_string')
    return Math.ceil(one * traversalFactor) * Math.ceil(other * traversalFactor);
  return 1;
}
