// Equality, order and types of values.

import { jsonEqual } from '@tweendeck/std';
import { compareQuantities } from '../quantity.ts';
import { CelAddress, CelPrefix } from './network.ts';
import { Semver } from './semver.ts';
import { listType, mapType, optionalType, type Type, types } from './type.ts';
import { CelUrl } from './url.ts';
import {
  CelFormat,
  CelHandle,
  CelList,
  CelMap,
  CelObject,
  CelQuantity,
  type CelValue,
  Duration,
  keyOf,
  Misfit,
  MisfitMet,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
} from './value.ts';

/** The type of a value, as `type()` tells it. */
export function typeOfValue(value: CelValue): Type {
  if (value === null) return types.null;
  if (typeof value === 'boolean') return types.bool;
  if (typeof value === 'bigint') return types.int;
  if (typeof value === 'number') return types.double;
  if (typeof value === 'string') return types.string;
  if (value instanceof Uint) return types.uint;
  if (value instanceof Uint8Array) return types.bytes;
  if (value instanceof CelList) return listType(types.dyn);
  // An object of a schema is a map to whom asks for its type.
  if (value instanceof CelMap || value instanceof CelObject) return mapType(types.dyn, types.dyn);
  if (value instanceof Timestamp) return types.timestamp;
  if (value instanceof Duration) return types.duration;
  if (value instanceof TypeValue) return types.type;
  if (value instanceof Optional) return optionalType(types.dyn);
  if (value instanceof CelQuantity) return types.quantity;
  if (value instanceof CelUrl) return types.url;
  if (value instanceof CelAddress) return types.ip;
  if (value instanceof CelPrefix) return types.cidr;
  if (value instanceof CelFormat) return types.format;
  if (value instanceof CelHandle) return value.type;
  if (value instanceof Misfit) return types.dyn;
  return types.semver;
}

/** The name of a value's type alone: `list`, not `list(dyn)`. */
export function typeNameOf(value: CelValue): string {
  const type = typeOfValue(value);
  return type.name;
}

/** Numbers of different types compare by what they are worth. @throws MisfitMet. */
export function equalValues(left: CelValue, right: CelValue): boolean {
  if (left instanceof Misfit) throw new MisfitMet(left);
  if (right instanceof Misfit && isContainer(left)) throw new MisfitMet(right); // scalars are not equal to it
  if (left === right && !isContainer(left)) return true;
  if (isNumber(left)) return isNumber(right) && compareNumbers(left, right) === 0;
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object')
    return false;
  if (left instanceof CelList) return right instanceof CelList && equalLists(left, right);
  if (left instanceof CelMap) return right instanceof CelMap && equalMaps(left, right);
  if (left instanceof CelObject) return right instanceof CelObject && equalObjects(left, right);
  if (left instanceof Uint8Array)
    return right instanceof Uint8Array && Buffer.compare(left, right) === 0;
  if (left instanceof Timestamp) return right instanceof Timestamp && left.nanos === right.nanos;
  if (left instanceof Duration) return right instanceof Duration && left.nanos === right.nanos;
  if (left instanceof TypeValue)
    return right instanceof TypeValue && left.type.name === right.type.name;
  if (left instanceof Optional) return right instanceof Optional && equalOptionals(left, right);
  if (left instanceof CelQuantity)
    return right instanceof CelQuantity && compareQuantities(left.amount, right.amount) === 0;
  if (left instanceof CelFormat) return right instanceof CelFormat && left.name === right.name;
  if (left instanceof Semver) return right instanceof Semver && left.compare(right) === 0;
  if (left instanceof CelUrl) return right instanceof CelUrl && left.text === right.text;
  if (left instanceof CelAddress) return right instanceof CelAddress && left.equals(right);
  return left instanceof CelPrefix && right instanceof CelPrefix && left.equals(right);
}

function isContainer(value: CelValue): boolean {
  return value instanceof CelList || value instanceof CelMap || value instanceof CelObject;
}

function equalOptionals(left: Optional, right: Optional): boolean {
  if (left.value === undefined || right.value === undefined) return left.value === right.value;
  return equalValues(left.value, right.value);
}

function equalLists(left: CelList, right: CelList): boolean {
  if (left.items.length !== right.items.length) return false;
  if (left.keys === undefined)
    return left.items.every((item, index) => equalValues(item, right.items[index] ?? null));
  const others = new Map(right.items.map((item) => [identityOf(item, left.keys ?? []), item]));
  return left.items.every((item) => {
    const other = others.get(identityOf(item, left.keys ?? []));
    return other !== undefined && equalValues(item, other);
  });
}

/** What makes an item of a set or of a list with keys the same as another. */
export function identityOf(item: CelValue, keys: readonly string[]): string {
  if (keys.length === 0) return spelled(item);
  if (!(item instanceof CelObject)) return spelled(item);
  return JSON.stringify(keys.map((key) => spelled(item.fields.get(key) ?? null)));
}

function spelled(value: CelValue): string {
  if (value instanceof Misfit) return JSON.stringify(value.sent);
  const key = keyOf(value);
  if (key !== undefined) return key;
  if (value instanceof CelList) return `[${value.items.map(spelled).join()}]`;
  if (value instanceof CelObject)
    return `{${[...value.fields]
      .sort(byName)
      .map(([name, field]) => `${name}:${spelled(field)}`)
      .join()}}`;
  if (value instanceof CelMap)
    return `{${[...value.entries]
      .sort(byName)
      .map(([name, [, each]]) => `${name}:${spelled(each)}`)
      .join()}}`;
  if (value instanceof Timestamp || value instanceof Duration) return `t${value.nanos}`;
  return String(value);
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

function equalMaps(left: CelMap, right: CelMap): boolean {
  if (left.entries.size !== right.entries.size) return false;
  for (const [key, [, value]] of left.entries) {
    const other = right.entries.get(key);
    if (other === undefined || !equalValues(value, other[1])) return false;
  }
  return true;
}

/** What is not declared counts too, where both have it. */
function equalObjects(left: CelObject, right: CelObject): boolean {
  if (left.size !== right.size || left.fields.size !== right.fields.size) return false;
  for (const [name, value] of left.fields) {
    const other = right.fields.get(name);
    if (other === undefined || !equalValues(value, other)) return false;
  }
  return Object.entries(left.sent).every(
    ([name, value]) =>
      left.declared.has(name) ||
      !Object.hasOwn(right.sent, name) ||
      jsonEqual(value, right.sent[name]),
  );
}

type CelNumber = bigint | number | Uint;

export function isNumber(value: CelValue): value is CelNumber {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;
}

/** NaN compares with nothing: undefined. */
function compareNumbers(left: CelNumber, right: CelNumber): number | undefined {
  const [one, other] = [left, right].map((each) => (each instanceof Uint ? each.value : each));
  if (one === undefined || other === undefined || Number.isNaN(one) || Number.isNaN(other))
    return undefined;
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Negative, zero or positive; undefined for values that do not compare. */
export function compareValues(left: CelValue, right: CelValue): number | undefined {
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right);
  if (typeof left === 'string' && typeof right === 'string')
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  if (left instanceof Timestamp && right instanceof Timestamp)
    return Number(left.nanos > right.nanos) - Number(left.nanos < right.nanos);
  if (left instanceof Duration && right instanceof Duration)
    return Number(left.nanos > right.nanos) - Number(left.nanos < right.nanos);
  return undefined;
}
