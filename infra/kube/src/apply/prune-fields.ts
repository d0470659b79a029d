// What an applier gives up by no longer applying it goes, unless somebody else owns it.

import { isJsonObject } from '@tweendeck/std';
import { fieldsOf } from './extract-fields.ts';
import { FieldSet } from './field-set.ts';
import { withNamedParents } from './named-fields.ts';
import { removeFields } from './remove-fields.ts';
import type { SchemaType } from './schema-type.ts';

export interface GivenUp {
  /** What the applier applied the last time. */
  readonly last: FieldSet;
  /** What everybody owns now, the applier with its new configuration too. */
  readonly owned: FieldSet;
}

/** The merged object without the fields that are given up. Throws TypedFault. */
export function pruneFields(type: SchemaType, merged: unknown, { last, owned }: GivenUp): unknown {
  if (last.isEmpty) return merged;
  const named = (set: FieldSet): FieldSet => withNamedParents(set, type);
  const all = named(fieldsOf(type, merged));
  const without = removeFields(type, merged, named(last));
  const kept = named(fieldsOf(type, without)).union(named(owned));
  const withOwned = removeFields(type, merged, all.difference(kept));
  const gone = all.difference(named(fieldsOf(type, withOwned))).intersection(named(last));
  if (gone.isEmpty) return merged;
  return withoutEmptied(removeFields(type, merged, gone), merged);
}

/** Leaves out what became null by losing all it held: stored objects have no such nulls. */
function withoutEmptied(pruned: unknown, merged: unknown): unknown {
  if (isJsonObject(pruned) && isJsonObject(merged)) {
    const kept = Object.entries(pruned)
      .filter(([name, item]) => item !== null || merged[name] === null)
      .map(([name, item]) => [name, withoutEmptied(item, merged[name])] as const);
    return Object.fromEntries(kept);
  }
  return pruned;
}

/** The union of sets. */
export function unionOf(sets: Iterable<FieldSet>): FieldSet {
  let union = FieldSet.empty;
  for (const set of sets) union = union.union(set);
  return union;
}
