// Which fields a value sets: what an applier owns by applying it.

import { isJsonObject } from '@tweendeck/std';
import { FieldSet } from './field-set.ts';
import { itemElementIfAny } from './list-item.ts';
import { type FieldPathElements, fieldElement, type PathElement } from './path-element.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  leadingKind,
  type MapType,
  type SchemaType,
} from './schema-type.ts';

/** The leaves of a value, the items of its associative lists and the undeclared fields of its maps. Throws TypedFault. */
export function fieldsOf(type: SchemaType, value: unknown): FieldSet {
  const paths: FieldPathElements[] = [];
  visit(type, value, [], paths);
  return FieldSet.of(paths);
}

function visit(
  declared: SchemaType,
  value: unknown,
  path: FieldPathElements,
  paths: FieldPathElements[],
): void {
  const type = deduced(declared, value);
  switch (leadingKind(type)) {
    case 'scalar':
      paths.push(path);
      return;
    case 'map':
      if (type.map?.atomic) paths.push(path);
      else if (type.map && isJsonObject(value)) visitMap(type.map, value, path, paths);
      return;
    case 'list':
      if (type.list?.relationship === 'atomic') paths.push(path);
      else if (type.list && Array.isArray(value)) visitList(type.list, value, path, paths);
  }
}

function visitMap(
  map: MapType,
  value: Readonly<Record<string, unknown>>,
  path: FieldPathElements,
  paths: FieldPathElements[],
): void {
  for (const [name, item] of Object.entries(value)) {
    const type = fieldTypeOf(map, name);
    if (type === undefined) continue;
    const where = [...path, fieldElement(name)];
    visit(type, item, where, paths);
    const isEmpty = item === null || (isJsonObject(item) && Object.keys(item).length === 0);
    if (isEmpty || map.field(name) === undefined) paths.push(where);
  }
}

/** An item that is there several times is owned as a whole, once. */
function visitList(
  list: ListType,
  value: readonly unknown[],
  path: FieldPathElements,
  paths: FieldPathElements[],
): void {
  const items = new Map<PathElement, unknown[]>();
  for (const item of value) {
    const element = itemElementIfAny(list, item);
    const same = items.get(element);
    if (same) same.push(item);
    else items.set(element, [item]);
  }
  for (const [element, same] of items) {
    const where = [...path, element];
    if (same.length === 1) visit(list.element, same[0], where, paths);
    paths.push(where);
  }
}
