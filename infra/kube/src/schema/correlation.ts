// Finds the old value that belongs to a place of the new one, where the two can be told to be the same thing.
// Algorithm: Kubernetes' CorrelatedObject.

import { isJsonObject, jsonEqual } from '@tweendeck/std';

import { goJson } from '../go-format.ts';
import { type JsonSchema, propertyOf } from './json-schema.ts';

/** A value of an update beside the old one. */
export class Correlation {
  readonly value: unknown;
  readonly old: unknown;
  readonly #schema: JsonSchema;
  #isUnchanged: boolean | undefined;
  readonly #members = new Map<string, Correlation | undefined>();
  readonly #items = new Map<unknown, Correlation | undefined>();
  #oldItems: ReadonlyMap<string, unknown> | undefined;

  constructor(value: unknown, old: unknown, schema: JsonSchema) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  /** Undefined: there is no old value, or the schema does not know such a member. */
  member(key: string): Correlation | undefined {
    if (!this.#members.has(key)) this.#members.set(key, this.#findMember(key));
    return this.#members.get(key);
  }

  #findMember(key: string): Correlation | undefined {
    const { value, old } = this;
    if (!isJsonObject(value) || !isJsonObject(old)) return undefined;
    if (!Object.hasOwn(value, key) || !Object.hasOwn(old, key)) return undefined;
    const { additionalProperties } = this.#schema;
    const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
    const schema = propertyOf(this.#schema, key) ?? others;
    return schema && new Correlation(value[key], old[key], schema);
  }

  /** Items of lists by key belong together when their keys are equal; items of other lists never do. */
  item(item: unknown): Correlation | undefined {
    if (!this.#items.has(item)) this.#items.set(item, this.#findItem(item));
    return this.#items.get(item);
  }

  #findItem(item: unknown): Correlation | undefined {
    const { items } = this.#schema;
    const keys = this.#listKeys;
    if (!keys || !items || !Array.isArray(this.old)) return undefined;
    this.#oldItems ??= indexed(this.old, keys);
    const key = wholeKey(item, keys);
    const found = key === undefined ? undefined : this.#oldItems.get(key);
    return found === undefined ? undefined : new Correlation(item, found, items);
  }

  get #listKeys(): readonly string[] | undefined {
    const isMap = this.#schema['x-kubernetes-list-type'] === 'map';
    return isMap ? this.#schema['x-kubernetes-list-map-keys'] : undefined;
  }

  /** Whether nothing in it is new. What the schema does not know counts as new. */
  get isUnchanged(): boolean {
    this.#isUnchanged ??= this.#compare();
    return this.#isUnchanged;
  }

  #compare(): boolean {
    const { value, old } = this;
    const [isNull, wasNull] = [value, old].map((each) => each === null || each === undefined);
    if (isNull || wasNull) return isNull === wasNull;
    if (Array.isArray(value)) {
      if (!Array.isArray(old) || old.length !== value.length) return false;
      if (!this.#listKeys) return jsonEqual(value, old);
      return value.every((item) => this.item(item)?.isUnchanged === true);
    }
    if (!isJsonObject(value)) return jsonEqual(value, old);
    const keys = Object.keys(value);
    return (
      isJsonObject(old) &&
      Object.keys(old).length === keys.length &&
      keys.every((key) => this.member(key)?.isUnchanged === true)
    );
  }
}

/** The first item of every key. */
function indexed(items: readonly unknown[], keys: readonly string[]): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of items) {
    const key = wholeKey(item, keys);
    if (key !== undefined && !found.has(key)) found.set(key, item);
  }
  return found;
}

/** The key of an item that has all its parts. */
function wholeKey(item: unknown, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined;
  const isWhole = keys.every((key) => {
    const value = Object.hasOwn(item, key) ? item[key] : undefined;
    return value !== undefined && value !== null && typeof value !== 'object';
  });
  return isWhole ? itemKey(item, keys) : undefined;
}

/** The keys of an item of a list by key, as text; undefined for what is no object. */
export function itemKey(item: unknown, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined;
  return goJson(keys.map((key) => (Object.hasOwn(item, key) ? [item[key]] : [])));
}
