// What an applier gives up by no longer applying it goes, unless somebody else owns it.

import { isJsonObject } from '@tweendeck/std';
import { setOwn } from '../patch/merge-patch.ts';
import { fieldsOf } from './extract-fields.ts';
import { FieldSet } from './field-set.ts';
import { itemElement } from './list-item.ts';
import { withNamedParents } from './named-fields.ts';
import { removeFields } from './remove-fields.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  type MapType,
  type SchemaType,
  untypedType,
} from './schema-type.ts';

type JsonMap = Readonly<Record<string, unknown>>;

export interface GivenUp {
  /** What the applier applied the last time. */
  readonly last: FieldSet;
  /** What everybody owns now, the applier with its new configuration too. */
  readonly owned: FieldSet;
}

/** The merged object without the fields that are given up; what is emptied by that becomes null. Throws TypedFault. */
export function pruneFields(type: SchemaType, merged: unknown, { last, owned }: GivenUp): unknown {
  if (last.isEmpty) return merged;
  const named = (set: FieldSet): FieldSet => withNamedParents(set, type);
  const all = named(fieldsOf(type, merged));
  const without = removeFields(type, merged, named(last));
  const kept = named(fieldsOf(type, without)).union(named(owned));
  const withOwned = removeFields(type, merged, all.difference(kept));
  const gone = all.difference(named(fieldsOf(type, withOwned))).intersection(named(last));
  if (gone.isEmpty) return merged;
  return removeFields(type, merged, gone);
}

/**
 * Gives what {@link pruneFields} made null its default, or leaves it out: ownership is settled with the nulls, but
 * neither Go's structs nor custom resources keep them.
 */
export function withoutEmptied(type: SchemaType, pruned: unknown, merged: unknown): unknown {
  if (pruned === merged) return pruned;
  const { map, list } = deduced(type, merged);
  if (map && isJsonObject(pruned) && isJsonObject(merged)) return settledMap(map, pruned, merged);
  if (list && list.relationship !== 'atomic' && Array.isArray(pruned) && Array.isArray(merged))
    return settledList(list, pruned, merged);
  return pruned;
}

function settledMap(map: MapType, pruned: JsonMap, merged: JsonMap): JsonMap {
  const settled: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(pruned)) {
    const type = fieldTypeOf(map, name) ?? untypedType;
    const kept =
      item === null && merged[name] !== null
        ? map.defaultOf(name)
        : withoutEmptied(type, item, merged[name]);
    if (kept !== undefined) setOwn(settled, name, kept);
  }
  return settled;
}

function settledList(
  list: ListType,
  pruned: readonly unknown[],
  merged: readonly unknown[],
): readonly unknown[] {
  const mergedItems = new Map(merged.map((item) => [itemElement(list, item), item]));
  return pruned.map((item) =>
    item === null
      ? item // it has no key to be found by
      : withoutEmptied(list.element, item, mergedItems.get(itemElement(list, item))),
  );
}

/** The union of sets. */
export function unionOf(sets: Iterable<FieldSet>): FieldSet {
  let union = FieldSet.empty;
  for (const set of sets) union = union.union(set);
  return union;
}
