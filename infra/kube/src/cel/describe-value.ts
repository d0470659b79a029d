// Spells values for people and for comparison: the type, then the value.

import { formatQuantity } from '../quantity.ts';
import { typeOfValue } from './compare-values.ts';
import { doubleText } from './conversions.ts';
import { CelAddress, CelPrefix } from './network.ts';
import { Semver } from './semver.ts';
import { durationText, timestampText } from './time.ts';
import { CelUrl } from './url.ts';
import {
  CelList,
  CelMap,
  CelObject,
  CelQuantity,
  type CelValue,
  Duration,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
} from './value.ts';

/** `int 5`, `[string a, string b]`, `optional(bool true)`. */
export function describeValue(value: CelValue): string {
  if (value instanceof CelList) return `[${value.items.map(describeValue).join(', ')}]`;
  if (value instanceof Optional)
    return value.value === undefined ? 'none' : `optional(${describeValue(value.value)})`;
  const { name } = typeOfValue(value);
  if (value instanceof CelMap) return `map of ${value.entries.size}`;
  if (value instanceof CelObject) return `map of ${value.size}`;
  if (value instanceof Timestamp) return `${name} ${timestampText(value)}`;
  if (value instanceof Duration) return `${name} ${durationText(value)}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof CelQuantity) return `quantity ${formatQuantity(value.amount)}`;
  if (value instanceof CelUrl) return `url ${value.text}`;
  if (value instanceof CelAddress) return `ip ${value}`;
  if (value instanceof CelPrefix) return `cidr ${value}`;
  if (value instanceof Semver) return `semver ${value}`;
  if (value instanceof TypeValue) return `type ${value.type.name}`;
  if (value instanceof Uint) return `uint ${value.value}`;
  if (typeof value === 'number') return `double ${doubleText(value)}`;
  return `${name} ${String(value)}`;
}

/** The value alone, as Go prints those of cel-go: `5`, `[a, b]`. */
export function plainValue(value: CelValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '0';
  if (value instanceof CelList) return `[${value.items.map(plainValue).join(', ')}]`;
  if (value instanceof Optional && value.value !== undefined)
    return `optional(${plainValue(value.value)})`;
  if (value instanceof Uint8Array) return `[${value.join(' ')}]`;
  return describeValue(value).replace(/^[a-z._]+ /i, '');
}
