// Sets hold no item twice, and lists by key no key twice.

import { isJsonObject } from '@tweendeck/std';

import { type FieldError, type FieldPath, fieldDuplicate, fieldInvalid } from '../field-error.ts';
import { goJson } from '../go-format.ts';
import { itemKey } from './correlation.ts';
import type { SchemaTree } from './tree.ts';

/** Finds repetitions in every set and list by key below `base`. */
export function findRepetitions(value: unknown, tree: SchemaTree, base: FieldPath): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = tree;
    return [
      ...repetitionsOf(value, tree, base),
      ...(items
        ? value.flatMap((item, index) => findRepetitions(item, items, base.index(index)))
        : []),
    ];
  }
  if (!isJsonObject(value)) return [];
  const { additional } = tree;
  return Object.keys(value).flatMap((key) => {
    const property = tree.property(key);
    if (property) return findRepetitions(value[key], property, base.child(key));
    if (typeof additional !== 'object') return [];
    return findRepetitions(value[key], additional, base.key(key));
  });
}

function repetitionsOf(
  list: readonly unknown[],
  { schema }: SchemaTree,
  base: FieldPath,
): FieldError[] {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'set') {
    return repeatedAt(list.map(goJson)).map((index) =>
      fieldDuplicate(base.index(index), list[index]),
    );
  }
  if (listType !== 'map') return [];
  const odd = list.findIndex((item) => item !== null && !isJsonObject(item));
  if (odd >= 0) {
    const detail = 'must be an object for an array of list-type map';
    return [fieldInvalid(base.index(odd), list[odd], detail)];
  }
  return repeatedAt(list.map((item) => itemKey(item ?? {}, keys) ?? '')).map((index) =>
    fieldDuplicate(base.index(index), keysOf(list[index], keys)),
  );
}

/** Where a text stands for the second time; later times are not told. */
function repeatedAt(texts: readonly string[]): number[] {
  const seen = new Map<string, number>();
  return texts.flatMap((text, index) => {
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    return times === 2 ? [index] : [];
  });
}

function keysOf(item: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isJsonObject(item)) return {};
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]),
  );
}
