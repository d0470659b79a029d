// Takes fields out of a value.

import { isJsonObject } from '@tweendeck/std';
import { setOwn } from '../patch/merge-patch.ts';
import type { FieldSet } from './field-set.ts';
import { itemElementIfAny } from './list-item.ts';
import { fieldElement } from './path-element.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  leadingKind,
  type MapType,
  type SchemaType,
  untypedType,
} from './schema-type.ts';

/** A value without the fields of the set; null when nothing of a map or list is left. */
export function removeFields(declared: SchemaType, value: unknown, fields: FieldSet): unknown {
  const type = deduced(declared, value);
  switch (leadingKind(type)) {
    case 'map':
      return type.map && isJsonObject(value) ? removeFromMap(type.map, value, fields) : null;
    case 'list':
      return type.list && Array.isArray(value) ? removeFromList(type.list, value, fields) : null;
    case 'scalar':
      return value;
  }
}

function removeFromMap(
  map: MapType,
  value: Readonly<Record<string, unknown>>,
  fields: FieldSet,
): unknown {
  if (map.atomic) return null;
  const kept: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const element = fieldElement(name);
    if (fields.members.has(element)) continue;
    const behind = fields.behind(element);
    const type = fieldTypeOf(map, name) ?? untypedType;
    setOwn(kept, name, behind.isEmpty ? item : removeFields(type, item, behind));
  }
  return Object.keys(kept).length > 0 ? kept : null;
}

function removeFromList(list: ListType, value: readonly unknown[], fields: FieldSet): unknown {
  if (list.relationship === 'atomic') return null;
  const kept: unknown[] = [];
  for (const item of value) {
    const element = itemElementIfAny(list, item);
    if (fields.members.has(element)) continue;
    const behind = fields.behind(element);
    kept.push(behind.isEmpty ? item : removeFields(list.element, item, behind));
  }
  return kept.length > 0 ? kept : null;
}
