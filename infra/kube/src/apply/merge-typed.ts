// Merges an applied configuration into a live object along their schema.

import { isJsonObject } from '@tweendeck/std';
import { setOwn } from '../patch/merge-patch.ts';
import { itemElement } from './list-item.ts';
import { type PathElement, showPathElement } from './path-element.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  leadingKind,
  type MapType,
  type SchemaType,
} from './schema-type.ts';
import { TypedFault } from './typed-fault.ts';

/** The merged value; undefined is an absent value. Shares what it does not change. Throws {@link TypedFault}. */
export function mergeTyped(type: SchemaType, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  const merging = deduced(type, applied);
  const kind = leadingKind(merging);
  if (kind === 'map' && merging.map && !merging.map.atomic) {
    const [liveMap, appliedMap] = [mapOrNone(live), mapOrNone(applied)];
    if (Object.keys(liveMap).length > 0 || Object.keys(appliedMap).length > 0)
      return mergeMaps(merging.map, liveMap, appliedMap);
  }
  if (kind === 'list' && merging.list && merging.list.relationship !== 'atomic') {
    const [liveList, appliedList] = [listOrNone(live), listOrNone(applied)];
    if (liveList.length > 0 || appliedList.length > 0)
      return mergeLists(merging.list, liveList, appliedList);
  }
  return applied;
}

function mergeMaps(
  map: MapType,
  live: Readonly<Record<string, unknown>>,
  applied: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged: Record<string, unknown> = { ...live };
  for (const [name, item] of Object.entries(applied)) {
    const type = fieldTypeOf(map, name);
    if (type === undefined) throw new TypedFault(`.${name}: field not declared in schema`);
    const current = Object.hasOwn(live, name) ? live[name] : undefined;
    setOwn(merged, name, mergeTyped(type, current, item));
  }
  return merged;
}

/**
 * Merges associative lists in upstream's order: the applied items keep their order, live items that are not applied
 * stay before the shared item that they stood before.
 */
function mergeLists(
  list: ListType,
  live: readonly unknown[],
  applied: readonly unknown[],
): readonly unknown[] {
  const appliedItems = new Map<PathElement, unknown>();
  for (const item of applied) {
    const element = itemElement(list, item);
    if (appliedItems.has(element))
      throw new TypedFault(`duplicate entries for key ${showPathElement(element)}`);
    appliedItems.set(element, item);
  }
  const appliedOrder = [...appliedItems.keys()];
  const liveOrder = live.map((item) => itemElement(list, item));
  const liveItems = uniqueItems(liveOrder, live);
  const shared = appliedOrder.filter((element) => liveItems.has(element));
  const result: unknown[] = [];
  const done = new Set<PathElement>();
  let [liveNext, appliedNext, sharedNext] = [0, 0, 0];
  const takeApplied = (): void => {
    const element = appliedOrder[appliedNext++] ?? '';
    done.add(element);
    result.push(mergeTyped(list.element, liveItems.get(element), appliedItems.get(element)));
    if (shared[sharedNext] === element) sharedNext++;
  };
  while (liveNext < live.length || appliedNext < appliedOrder.length) {
    const element = liveOrder[liveNext];
    if (element !== undefined && appliedNext < appliedOrder.length) {
      if (element === appliedOrder[appliedNext]) {
        takeApplied();
        liveNext++;
        continue;
      }
      const awaited = shared[sharedNext];
      if (appliedItems.has(element) && awaited !== undefined && awaited !== element) {
        liveNext++; // it comes where the applied order has it
        continue;
      }
    }
    if (element !== undefined) {
      if (!appliedItems.has(element)) {
        result.push(live[liveNext++]);
        continue;
      }
      if (done.has(element)) liveNext++;
    }
    if (appliedNext < appliedOrder.length) takeApplied();
  }
  return result;
}

/** Items by their step; one that is there several times is merged with nothing. */
function uniqueItems(
  order: readonly PathElement[],
  items: readonly unknown[],
): ReadonlyMap<PathElement, unknown> {
  const unique = new Map<PathElement, unknown>();
  order.forEach((element, index) => {
    unique.set(element, unique.has(element) ? null : items[index]);
  });
  return unique;
}

function mapOrNone(value: unknown): Readonly<Record<string, unknown>> {
  return isJsonObject(value) ? value : {};
}

function listOrNone(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
