// Field sets brought in line with a schema: declared parents as members, and what became atomic since.

import { FieldSet } from './field-set.ts';
import { fieldNameOf, isKeyElement, type PathElement } from './path-element.ts';
import { leadingKind, type SchemaType } from './schema-type.ts';

/** The set with every declared field on the way to a member as a member too. */
export function withNamedParents(set: FieldSet, type: SchemaType | undefined): FieldSet {
  const members = new Set(set.members);
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const name = fieldNameOf(element);
    if (name !== undefined && type?.map?.field(name) !== undefined) members.add(element);
    children.set(element, withNamedParents(child, typeBehind(type, element)));
  }
  return new FieldSet(members, children);
}

/**
 * The set with fields that the schema has as atomic owned as a whole, where the set, from an older schema, owns parts.
 * A set from a time when a field was atomic is taken as if it had always been granular. Which values are looked at is
 * structured-merge-diff's choice, whatever the element says: of lists all items, of maps all with a type.
 */
export function withAtomicWhole(set: FieldSet, type: SchemaType): FieldSet {
  if (isMapOfDeduced(type)) return set;
  const members = new Set(set.members);
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const behind = itemType(type, element);
    if (behind !== undefined && isAtomic(behind)) members.add(element);
    else children.set(element, behind ? withAtomicWhole(child, behind) : child);
  }
  return new FieldSet(members, children);
}

function isMapOfDeduced(type: SchemaType): boolean {
  const { map } = type;
  return leadingKind(type) === 'map' && map?.deducesElements === true && !map.declaresFields;
}

function isAtomic(type: SchemaType): boolean {
  const kind = leadingKind(type);
  if (kind === 'map') return type.map?.atomic === true && !isMapOfDeduced(type);
  return kind === 'list' && type.list?.relationship === 'atomic';
}

function itemType(type: SchemaType, element: PathElement): SchemaType | undefined {
  const kind = leadingKind(type);
  if (kind === 'list') return type.list?.element;
  if (kind === 'scalar') return undefined;
  const name = fieldNameOf(element);
  const declared = name === undefined ? undefined : type.map?.field(name);
  return declared ?? type.map?.element;
}

function typeBehind(type: SchemaType | undefined, element: PathElement): SchemaType | undefined {
  const name = fieldNameOf(element);
  if (name !== undefined) return type?.map?.field(name) ?? type?.map?.element;
  return isKeyElement(element) ? type?.list?.element : undefined;
}
