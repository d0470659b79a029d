// Fills in the defaults of a schema.

import { isJsonObject } from '@tweendeck/std';

import type { SchemaTree } from './tree.ts';

export interface DefaultOptions {
  /** Nulls that may not be and have no default stay, to be told of as wrong. */
  readonly keepNulls?: boolean;
}

/** Changes `value`: nulls that may not be and have no default go away, then what is missing or null gets its default. */
export function applyDefaults(
  value: unknown,
  tree: SchemaTree,
  options: DefaultOptions = {},
): void {
  if (!options.keepNulls) dropNulls(value, tree);
  fill(value, tree);
}

function childOf(tree: SchemaTree, key: string): SchemaTree | undefined {
  const { additional } = tree;
  return tree.property(key) ?? (additional === true ? undefined : additional);
}

function isForbiddenNull(value: unknown, tree: SchemaTree): boolean {
  return value === null && !tree.nullable;
}

function dropNulls(value: unknown, tree: SchemaTree): void {
  if (Array.isArray(value)) {
    const { items } = tree;
    if (items) for (const item of value) dropNulls(item, items);
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      const child = childOf(tree, key);
      if (!child) continue;
      if (isForbiddenNull(value[key], child) && (child.default ?? null) === null) delete value[key];
      else dropNulls(value[key], child);
    }
  }
}

function fill(value: unknown, tree: SchemaTree): void {
  if (Array.isArray(value)) {
    const { items } = tree;
    if (!items) return;
    for (const [index, item] of value.entries()) {
      if (isForbiddenNull(item, items)) value[index] = structuredClone(items.default ?? null);
      fill(value[index], items);
    }
  } else if (isJsonObject(value)) fillObject(value, tree);
}

function fillObject(value: Record<string, unknown>, tree: SchemaTree): void {
  for (const name of tree.propertyNames) {
    const property = tree.property(name);
    if (property?.default === undefined || property.default === null) continue;
    if (!Object.hasOwn(value, name) || isForbiddenNull(value[name], property)) {
      value[name] = structuredClone(property.default);
    }
  }
  for (const key of Object.keys(value)) {
    const child = childOf(tree, key);
    if (!child) continue;
    if (isForbiddenNull(value[key], child)) value[key] = structuredClone(child.default ?? null);
    fill(value[key], child);
  }
}
