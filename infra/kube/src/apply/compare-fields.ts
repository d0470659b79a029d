// Which fields differ between two values of one schema.

import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { FieldSet } from './field-set.ts';
import { itemElement } from './list-item.ts';
import {
  type FieldPathElements,
  fieldElement,
  type PathElement,
  showPath,
} from './path-element.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  leadingKind,
  type MapType,
  type SchemaType,
} from './schema-type.ts';
import { TypedFault } from './typed-fault.ts';

/** No field is in more than one of the three. */
export interface FieldComparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

interface Found {
  readonly added: FieldPathElements[];
  readonly modified: FieldPathElements[];
  readonly removed: FieldPathElements[];
}

/** Compares; undefined is an absent value, null is a value. Throws TypedFault. */
export function compareFields(type: SchemaType, left: unknown, right: unknown): FieldComparison {
  const found: Found = { added: [], modified: [], removed: [] };
  if (left !== undefined || right !== undefined) visit(type, left, right, [], found);
  return {
    added: FieldSet.of(found.added),
    modified: FieldSet.of(found.modified),
    removed: FieldSet.of(found.removed),
  };
}

/** A comparison without what lies in or behind `fields`. */
export function withoutFields(comparison: FieldComparison, fields: FieldSet): FieldComparison {
  return {
    added: comparison.added.recursiveDifference(fields),
    modified: comparison.modified.recursiveDifference(fields),
    removed: comparison.removed.recursiveDifference(fields),
  };
}

function visit(
  type: SchemaType,
  left: unknown,
  right: unknown,
  path: FieldPathElements,
  found: Found,
): void {
  const leftType = deduced(type, left);
  const rightType = deduced(type, right);
  let leaf: boolean;
  if (right === undefined) leaf = visitKind(leftType, left, right, path, found);
  else if (left === undefined || leadingKind(leftType) === leadingKind(rightType))
    leaf = visitKind(rightType, left, right, path, found);
  else {
    visitKind(leftType, left, right, path, found);
    leaf = visitKind(rightType, left, right, path, found);
  }
  if (leaf) return;
  if (left === undefined) found.added.push(path);
  else if (right === undefined) found.removed.push(path);
}

/** Whether the values were compared as a whole. */
function visitKind(
  type: SchemaType,
  left: unknown,
  right: unknown,
  path: FieldPathElements,
  found: Found,
): boolean {
  const kind = leadingKind(type);
  if (kind === 'map' && type.map && !type.map.atomic) {
    const [leftMap, rightMap] = [mapOrNone(left), mapOrNone(right)];
    if (Object.keys(leftMap).length > 0 || Object.keys(rightMap).length > 0) {
      visitMap(type.map, leftMap, rightMap, path, found);
      return false;
    }
  }
  if (kind === 'list' && type.list && type.list.relationship !== 'atomic') {
    const [leftList, rightList] = [listOrNone(left), listOrNone(right)];
    if (leftList.length > 0 || rightList.length > 0) {
      visitList(type.list, leftList, rightList, path, found);
      return false;
    }
  }
  if (left === undefined) found.added.push(path);
  else if (right === undefined) found.removed.push(path);
  else if (!jsonEqual(left, right)) found.modified.push(path);
  return true;
}

function visitMap(
  map: MapType,
  left: Readonly<Record<string, unknown>>,
  right: Readonly<Record<string, unknown>>,
  path: FieldPathElements,
  found: Found,
): void {
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const type = fieldTypeOf(map, name);
    const [leftItem, rightItem] = [ownOf(left, name), ownOf(right, name)];
    if (type === undefined || (leftItem === undefined && rightItem === undefined)) continue;
    visit(type, leftItem, rightItem, [...path, fieldElement(name)], found);
  }
}

/** Items that are there several times are compared as a whole. */
function visitList(
  list: ListType,
  left: readonly unknown[],
  right: readonly unknown[],
  path: FieldPathElements,
  found: Found,
): void {
  const [leftItems, rightItems] = [grouped(list, left, path), grouped(list, right, path)];
  for (const element of new Set([...leftItems.keys(), ...rightItems.keys()])) {
    const [lefts, rights] = [leftItems.get(element) ?? [], rightItems.get(element) ?? []];
    const where = [...path, element];
    if (lefts.length <= 1 && rights.length <= 1)
      visit(list.element, lefts[0], rights[0], where, found);
    else if (lefts.length > 1 && rights.length > 1) {
      if (!jsonEqual(lefts, rights)) found.modified.push(where);
    } else if (lefts.length > 1) {
      if (rights.length > 0) visit(list.element, undefined, rights[0], where, found);
      found.removed.push(where);
    } else {
      if (lefts.length > 0) visit(list.element, lefts[0], undefined, where, found);
      found.added.push(where);
    }
  }
}

function grouped(
  list: ListType,
  items: readonly unknown[],
  path: FieldPathElements,
): Map<PathElement, unknown[]> {
  return Map.groupBy(items, (item, index) => {
    try {
      return itemElement(list, item);
    } catch (error) {
      if (!(error instanceof TypedFault)) throw error;
      throw new TypedFault(`${showPath(path)}: element ${index}: ${error.message}`);
    }
  });
}

function mapOrNone(value: unknown): Readonly<Record<string, unknown>> {
  return isJsonObject(value) ? value : {};
}

function listOrNone(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function ownOf(map: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
