// Kubernetes' strategic merge patch: a merge patch that knows, from the schema, which lists merge by a key.

import { isJsonObject } from '@tweendeck/std';
import { goPlain } from '../go-plain.ts';
import { dereference, type RootedSchema, type SchemaNode } from '../schema-node.ts';
import { ApiError } from '../status.ts';
import { setOwn } from './merge-patch.ts';
import { mergeLists, orderAfterPatch, orderedMerge, patchOrderFits } from './strategic-list.ts';
import { badPatch, type JsonMap, strategyOf, withoutDirectives } from './strategic-strategy.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/**
 * Applies a strategic merge patch. The result keeps upstream's order: elements of the patch in its order (or that of
 * `$setElementOrder`), the others where the live list has them. Neither argument is changed. Throws ApiError 400 for a
 * malformed patch and 422 for lists of lists.
 */
export function applyStrategicPatch(
  target: JsonMap,
  patch: JsonMap,
  schema: RootedSchema,
): JsonMap {
  return mergeMaps(target, patch, dereference(schema.root, schema.source), schema);
}

/** Merges a map; `node` is its dereferenced schema, undefined where the schema says nothing. */
function mergeMaps(
  target: JsonMap,
  patch: JsonMap,
  node: SchemaNode | undefined,
  schema: RootedSchema,
): JsonMap {
  if (Object.hasOwn(patch, directive)) return replaced(patch);
  const result = retained(target, patch);
  const handled = new Set<string>([retainKeys]);
  for (const key of Object.keys(patch))
    if (key === orderPrefix.slice(0, -1)) {
      throw badPatch('invalid patch format of setElementOrder list'); // of no list
    } else if (key.startsWith(orderPrefix)) {
      handled.add(key);
      const field = key.slice(orderPrefix.length);
      if (mergeInOrder(result, patch, field, node, schema)) handled.add(field);
    }
  for (const [key, value] of Object.entries(patch))
    if (key.startsWith(deletePrefix)) {
      handled.add(key);
      deletePrimitives(result, key.slice(deletePrefix.length), value);
    }
  for (const [key, value] of Object.entries(patch))
    if (!handled.has(key)) mergeField(result, key, value, node, schema);
  return result;
}

function mergeField(
  result: Record<string, unknown>,
  key: string,
  value: unknown,
  node: SchemaNode | undefined,
  schema: RootedSchema,
): void {
  if (value === null) {
    delete result[key];
    return;
  }
  const current = Object.hasOwn(result, key) ? result[key] : undefined;
  const field = fieldNode(node, key, schema);
  if (isJsonObject(current) && isJsonObject(value)) {
    const merged =
      strategyOf(field).merge === 'replace'
        ? value
        : mergeMaps(current, value, field && dereference(field, schema.source), schema);
    setOwn(result, key, merged);
  } else if (Array.isArray(current) && Array.isArray(value)) {
    setOwn(result, key, mergeListField(current, value, field, schema));
  } else {
    const kept = withoutDirectives(value, 'without-nulls');
    if (kept === undefined) delete result[key];
    else setOwn(result, key, kept);
  }
}

function mergeListField(
  current: readonly unknown[],
  value: readonly unknown[],
  field: SchemaNode | undefined,
  schema: RootedSchema,
): readonly unknown[] {
  const strategy = strategyOf(field);
  if (strategy.merge !== 'merge') return value;
  return mergeLists(current, value, {
    mergeKey: strategy.mergeKey,
    mergeItems: (item, change) => mergeMaps(item, change, itemNode(field, schema), schema),
  });
}

/** Handles `$setElementOrder/field` together with the list it orders; whether that list is done with. */
function mergeInOrder(
  result: Record<string, unknown>,
  patch: JsonMap,
  key: string,
  node: SchemaNode | undefined,
  schema: RootedSchema,
): boolean {
  const order = patch[orderPrefix + key];
  const live = result[key];
  const change = patch[key];
  for (const list of [order, live, change])
    if (list !== undefined && !Array.isArray(list))
      throw badPatch(`${orderPrefix}${key} is for lists only`);
  if (!Array.isArray(order)) throw badPatch(`${orderPrefix}${key} has to be a list`);
  if (!Array.isArray(live) && !Array.isArray(change)) return false;
  if (![live, change].some((list) => Array.isArray(list) && list.length > 0))
    throw badPatch('no elements in any of the given slices');
  const field = fieldNode(node, key, schema);
  const { mergeKey } = strategyOf(field);
  if (Array.isArray(change)) patchOrderFits(change, order, mergeKey, key);
  const merged = !Array.isArray(change)
    ? (live as readonly unknown[]) // one of the two is a list
    : !Array.isArray(live)
      ? (withoutDirectives(change, 'with-nulls') as readonly unknown[]) // a list stays one
      : mergeListField(live, change, field, schema);
  const before = Array.isArray(live) ? live : [];
  const liveOrder =
    Array.isArray(change) && strategyOf(field).merge === 'merge'
      ? orderAfterPatch(before, change, mergeKey)
      : before;
  setOwn(result, key, orderedMerge(merged, order, liveOrder, mergeKey));
  return true;
}

function deletePrimitives(result: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '') throw badPatch('invalid patch format of primitive list');
  if (value === null) {
    delete result[key];
    return;
  }
  if (!Array.isArray(value)) throw badPatch('invalid patch format of primitive list');
  const current = result[key];
  if (!Array.isArray(current)) return;
  const gone = new Set<unknown>(value);
  setOwn(
    result,
    key,
    current.filter((item) => !gone.has(item)),
  );
}

/** A map with `$patch`: the patch alone for `replace`, nothing for `delete`. */
function replaced(patch: JsonMap): JsonMap {
  const { [directive]: kind, ...rest } = patch;
  if (kind === 'replace') return rest;
  if (kind === 'delete') return {};
  if (kind === 'merge')
    throw badPatch('$patch: merge is not supported; leave the directive out to merge');
  throw new ApiError(500, '', `unknown patch type: ${String(kind)} in map: ${goPlain(patch)}`);
}

/** A copy of the target with only what `$retainKeys` lists. */
function retained(target: JsonMap, patch: JsonMap): Record<string, unknown> {
  if (!Object.hasOwn(patch, retainKeys)) return { ...target };
  const list = patch[retainKeys];
  if (!Array.isArray(list)) throw badPatch('invalid patch format of retainKeys');
  const keys = new Set<unknown>(list);
  for (const [key, value] of Object.entries(patch)) {
    const exempt =
      key === retainKeys ||
      value === null ||
      key.startsWith(deletePrefix) ||
      key.startsWith(orderPrefix);
    if (!exempt && !keys.has(key)) throw badPatch('invalid patch format of retainKeys');
  }
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.has(key)));
}

function fieldNode(
  node: SchemaNode | undefined,
  key: string,
  schema: RootedSchema,
): SchemaNode | undefined {
  if (node === undefined) return undefined;
  const declared = node.properties?.[key];
  if (declared !== undefined) return declared;
  const further = node.additionalProperties;
  return typeof further === 'object' ? dereference(further, schema.source) : undefined;
}

function itemNode(field: SchemaNode | undefined, schema: RootedSchema): SchemaNode | undefined {
  const list = field && dereference(field, schema.source);
  return list?.items && dereference(list.items, schema.source);
}
