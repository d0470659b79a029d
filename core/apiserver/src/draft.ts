// Objects while the server works on them: plain JSON that may be changed, and questions one asks of JSON of unknown shape.

import type { ManagedFieldsEntry, OwnerReference } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';

export type Fields = Record<string, unknown>;

/** `metadata` of a {@link Draft}. */
export interface DraftMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: readonly ManagedFieldsEntry[];
  selfLink?: string;
}

/** An object of any kind that belongs to whoever holds it, to change at will. */
export interface Draft {
  apiVersion: string;
  kind: string;
  metadata: DraftMeta;
  [field: string]: unknown;
}

/** The object under `key`; an empty one, not attached, when there is none. */
export function objectAt(value: unknown, key: string): Fields {
  const inner = isJsonObject(value) ? value[key] : undefined;
  return isJsonObject(inner) ? inner : {};
}

/** The object under `key`, made if there is none. */
export function objectIn(parent: Fields, key: string): Fields {
  const inner = parent[key];
  if (isJsonObject(inner)) return inner;
  const made: Fields = {};
  parent[key] = made;
  return made;
}

/** The objects of the list under `key`; everything else in it is passed over. */
export function listAt(value: unknown, key: string): readonly Fields[] {
  const inner = isJsonObject(value) ? value[key] : undefined;
  return Array.isArray(inner) ? inner.filter(isJsonObject) : [];
}

/** The string under `key`; empty when there is none. */
export function textAt(value: unknown, key: string): string {
  const inner = isJsonObject(value) ? value[key] : undefined;
  return typeof inner === 'string' ? inner : '';
}

/** The number under `key`, if it is one. */
export function numberAt(value: unknown, key: string): number | undefined {
  const inner = isJsonObject(value) ? value[key] : undefined;
  return typeof inner === 'number' ? inner : undefined;
}

/** The value at a path of keys. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (!isJsonObject(current)) return undefined;
    current = current[key];
  }
  return current;
}

/** Puts a value at a path of keys, making what is missing on the way. */
export function setAt(target: Fields, path: readonly string[], value: unknown): void {
  let current = target;
  for (const key of path.slice(0, -1)) current = objectIn(current, key);
  const last = path.at(-1);
  if (last !== undefined) current[last] = value;
}

/** Sets `key` unless it has a value. */
export function setDefault(target: Fields, key: string, value: unknown): void {
  if (target[key] === undefined || target[key] === null) target[key] = value;
}

/** A deep copy of JSON; several times faster than structuredClone, which must be ready for more. */
export function copyOf<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(copyOf) as Value; // an array of the same items
  if (!isJsonObject(value)) return value;
  const copy: Fields = {};
  for (const key in value) {
    const inner = copyOf(value[key]);
    if (key !== '__proto__') copy[key] = inner;
    else
      Object.defineProperty(copy, key, {
        value: inner,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return copy as Value; // an object of the same fields
}
