// Finds the old value that belongs to a place of the new one, where the two can be told to be the same thing.

import { isJsonObject } from '@tweendeck/std';

import { goJson } from '../go-format.ts';
import type { JsonSchema } from './json-schema.ts';

/** The old value of a place; undefined: there is none, or it cannot be told which. */
export interface Old {
  readonly value: unknown;
}

export function oldMember(old: Old | undefined, key: string): Old | undefined {
  if (!old || !isJsonObject(old.value) || !Object.hasOwn(old.value, key)) return undefined;
  return { value: old.value[key] };
}

/** Items of lists by key belong together when their keys are equal; items of other lists never do. */
export function oldItem(old: Old | undefined, item: unknown, schema: JsonSchema): Old | undefined {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!old || schema['x-kubernetes-list-type'] !== 'map' || !keys || !Array.isArray(old.value)) {
    return undefined;
  }
  const wanted = itemKey(item, keys);
  const found = wanted && old.value.find((each) => itemKey(each, keys) === wanted);
  return found === undefined || found === '' ? undefined : { value: found };
}

/** The keys of an item of a list by key, as text; undefined for what is no object. */
export function itemKey(item: unknown, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined;
  return goJson(keys.map((key) => (Object.hasOwn(item, key) ? [item[key]] : [])));
}
