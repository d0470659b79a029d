// Lists under a strategic merge patch: merging by key or as a set, and the order of the result.

import { isJsonObject } from '@tweendeck/std';
import { ApiError } from '../status.ts';
import { badPatch, type JsonMap } from './strategic-strategy.ts';

export interface ListMerging {
  /** Undefined for lists of scalars. */
  readonly mergeKey: string | undefined;
  readonly mergeItems: (item: JsonMap, change: JsonMap) => JsonMap;
}

/** Merges two lists of one element kind: scalars as a set, maps by their merge key. */
export function mergeLists(
  live: readonly unknown[],
  patch: readonly unknown[],
  merging: ListMerging,
): readonly unknown[] {
  if (live.length === 0 && patch.length === 0) return live;
  const { mergeKey } = merging;
  if (elementKind([...live, ...patch]) === 'scalars') {
    if (mergeKey !== undefined) throw badPatch(`expected a map with ${mergeKey} in a merged list`);
    return orderedMerge([...new Set([...live, ...patch])], patch, live, undefined);
  }
  if (mergeKey === undefined)
    throw badPatch('cannot merge lists of objects whose schema names no merge key');
  const split = withoutSpecialItems(live as JsonMap[], patch as JsonMap[], mergeKey); // elementKind said so
  const merged = mergeItemsByKey(split.live, split.patch, mergeKey, merging.mergeItems);
  return orderedMerge(merged, split.patch, split.live, mergeKey);
}

/** Takes out items with `$patch`: `delete` takes its match out of the live list, `replace` all of it. */
function withoutSpecialItems(
  live: readonly JsonMap[],
  patch: readonly JsonMap[],
  mergeKey: string,
): { readonly live: readonly JsonMap[]; readonly patch: readonly JsonMap[] } {
  let kept = live;
  let replaces = false;
  const ordinary: JsonMap[] = [];
  for (const item of patch) {
    const kind = item['$patch'];
    if (kind === undefined) ordinary.push(item);
    else if (kind === 'replace') replaces = true;
    else if (kind === 'delete') {
      const key = keyOf(item, mergeKey);
      kept = kept.filter((other) => other[mergeKey] !== key);
    } else if (kind === 'merge')
      throw badPatch('merging lists cannot yet be specified in the patch');
    else
      throw badPatch(`unknown patch type: ${JSON.stringify(kind)}; known are replace and delete`);
  }
  return replaces ? { live: ordinary, patch: [] } : { live: kept, patch: ordinary };
}

function mergeItemsByKey(
  live: readonly JsonMap[],
  patch: readonly JsonMap[],
  mergeKey: string,
  mergeItems: ListMerging['mergeItems'],
): readonly JsonMap[] {
  const merged = [...live];
  const places = ranks(live.map((item) => item[mergeKey]));
  for (const item of patch) {
    const key = keyOf(item, mergeKey);
    const index = places.get(key);
    const found = index === undefined ? undefined : merged[index];
    if (index !== undefined && found !== undefined) merged[index] = mergeItems(found, item);
    else places.set(key, merged.push(item) - 1);
  }
  return merged;
}

/**
 * Orders a merged list: items named in `order` as there, the others as in `live`; between the two, `live` decides
 * where both have a place there, and the ordered items come first where it does not.
 */
export function orderedMerge(
  merged: readonly unknown[],
  order: readonly unknown[],
  live: readonly unknown[],
  mergeKey: string | undefined,
): readonly unknown[] {
  const identity = identityOf(mergeKey);
  const orderRank = ranks(order.map(identity));
  const liveRank = ranks(live.map(identity));
  const rankIn = (table: ReadonlyMap<unknown, number>, item: unknown): number =>
    table.get(identity(item)) ?? -1;
  const sorted = (items: readonly unknown[], table: ReadonlyMap<unknown, number>) =>
    sortedByRank(items, (item) => rankIn(table, item));
  const isNamed = (item: unknown): boolean => orderRank.has(identity(item));
  const named = sorted(merged.filter(isNamed), orderRank);
  const others = sorted(
    merged.filter((item) => !isNamed(item)),
    liveRank,
  );
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const place = rankIn(liveRank, item);
    while (next < others.length) {
      const other = rankIn(liveRank, others[next]);
      if (place < 0 || other < 0 || other > place) break;
      result.push(others[next++]);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

/** Up to here Go sorts by inserting; what it does with longer lists in which some have no rank nobody relies on. */
const insertionLengthMax = 20;

/** Stable. What has no rank (-1) comes before everything, and later ones before earlier ones, as upstream compares. */
function sortedByRank(items: readonly unknown[], rankOf: (item: unknown) => number): unknown[] {
  const ranked = items.map((item) => ({ item, rank: rankOf(item) }));
  if (ranked.length > insertionLengthMax || ranked.every(({ rank }) => rank >= 0))
    return ranked.sort((left, right) => left.rank - right.rank).map(({ item }) => item);
  const sorted: { item: unknown; rank: number }[] = [];
  for (const next of ranked) {
    const isBefore = (other: { rank: number } | undefined): boolean =>
      other !== undefined && (next.rank < 0 || other.rank < 0 || next.rank < other.rank);
    let place = sorted.length;
    while (isBefore(sorted[place - 1])) place--;
    sorted.splice(place, 0, next);
  }
  return sorted.map(({ item }) => item);
}

/** What stands for the merge key of an item that is no map: equal to no other. */
const noKey = Symbol('no merge key');

/**
 * The order in which a live list stands once a patch is merged into it, for ordering by `$setElementOrder`: upstream
 * merges in place, so deleted items make room for the new ones, and only for as many.
 */
export function orderAfterPatch(
  live: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string | undefined,
): readonly unknown[] {
  if (mergeKey === undefined) return live;
  const items = [...live];
  let length = items.length;
  const keyIn = (item: unknown): unknown => (isJsonObject(item) ? item[mergeKey] : noKey);
  const find = (key: unknown): number => {
    const index = items.findIndex((item) => keyIn(item) === key);
    return index < length ? index : -1;
  };
  const directive = (item: unknown): unknown => (isJsonObject(item) ? item['$patch'] : undefined);
  for (const item of patch) {
    if (!isJsonObject(item) || directive(item) !== 'delete') continue;
    for (let index = find(item[mergeKey]); index >= 0; index = find(item[mergeKey])) {
      items.copyWithin(index, index + 1, length);
      length--;
    }
  }
  if (patch.some((item) => directive(item) === 'replace')) return items;
  const known = new Set(items.slice(0, length).map(keyIn));
  for (const item of patch)
    if (isJsonObject(item) && directive(item) === undefined && !known.has(item[mergeKey])) {
      if (length === items.length) break;
      known.add(item[mergeKey]);
      items[length++] = item;
    }
  return items;
}

/** Refuses a patch list whose items `$setElementOrder` does not name in the same order; deletions need no name. */
export function patchOrderFits(
  patch: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string | undefined,
  field: string,
): void {
  if (patch.length === 0 || order.length === 0) return;
  const identity = identityOf(mergeKey);
  const named = patch.filter(
    (item) => mergeKey === undefined || !isJsonObject(item) || item['$patch'] !== 'delete',
  );
  let place = 0;
  let next = 0;
  while (next < named.length && place < order.length) {
    const item = named[next];
    if (isJsonObject(item) && '$patch' in item) next++;
    else if (identity(order[place++]) === identity(item)) next++;
  }
  if (next < named.length)
    throw badPatch(`the order in the patch list ${field} doesn't match its $setElementOrder list`);
}

function ranks(identities: readonly unknown[]): Map<unknown, number> {
  const table = new Map<unknown, number>();
  identities.forEach((identity, index) => {
    if (!table.has(identity)) table.set(identity, index);
  });
  return table;
}

function identityOf(mergeKey: string | undefined): (item: unknown) => unknown {
  if (mergeKey === undefined) return (item) => item;
  return (item) => {
    if (!isJsonObject(item)) throw badPatch(`expected a map with ${mergeKey} in a merged list`);
    return keyOf(item, mergeKey);
  };
}

function keyOf(item: JsonMap, mergeKey: string): unknown {
  const key = item[mergeKey];
  if (key === undefined)
    throw badPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  return key;
}

function elementKind(items: readonly unknown[]): 'maps' | 'scalars' {
  const kinds = new Set(
    items.map((item) => (Array.isArray(item) ? 'list' : isJsonObject(item) ? 'map' : typeof item)),
  );
  if (kinds.has('list')) throw new ApiError(422, 'Invalid', 'lists of lists are not supported');
  if (kinds.size > 1)
    throw badPatch(`list element types are not identical: ${[...kinds].join(', ')}`);
  return kinds.has('map') ? 'maps' : 'scalars';
}
