// What an applier gives up by no longer applying it goes, unless somebody else owns it.

import { isJsonObject } from '@tweendeck/std';
import { setOwn } from '../patch/merge-patch.ts';
import { fieldsOf } from './extract-fields.ts';
import { FieldSet } from './field-set.ts';
import { itemElement } from './list-item.ts';
import { withNamedParents } from './named-fields.ts';
import type { ObjectVersions } from './object-versions.ts';
import { removeFields } from './remove-fields.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  type MapType,
  type SchemaType,
  untypedType,
} from './schema-type.ts';
import { within } from './typed-fault.ts';
import { validateTyped } from './validate-typed.ts';

type JsonMap = Readonly<Record<string, unknown>>;

export interface GivenUp {
  /** What the applier applied the last time; undefined: nothing. */
  readonly last: { readonly apiVersion: string; readonly fields: FieldSet } | undefined;
  /** What everybody owns now, the applier with its new configuration too. */
  readonly owned: Iterable<{ readonly apiVersion: string; readonly fields: FieldSet }>;
}

/** The merged object without the fields that are given up; what is emptied by that becomes null. Throws TypedFault. */
export function pruneFields(
  versions: ObjectVersions,
  merged: unknown,
  { last, owned }: GivenUp,
): unknown {
  if (last === undefined || last.fields.isEmpty) return merged;
  const type = within('failed to convert merged object to last applied version', () =>
    versions.typeFor(last.apiVersion, merged),
  );
  if (type === undefined) return merged;
  const named = (set: FieldSet): FieldSet => withNamedParents(set, type);
  const removed = removeFields(type, merged, named(last.fields));
  const back = within('failed add back owned items', () =>
    withOwnedBack(versions, { merged, pruned: removed, version: last.apiVersion }, owned),
  );
  const kept = back.pruned;
  within(
    'failed add back dangling items: failed to convert pruned object to last applied version',
    () => versions.typeBetween(back.version, last.apiVersion, kept),
  );
  const all = named(fieldsOf(type, merged));
  const gone = all.difference(named(fieldsOf(type, kept))).intersection(named(last.fields));
  if (gone.isEmpty) return merged;
  const pruned = removeFields(type, merged, gone);
  versions.typeFor(last.apiVersion, pruned);
  if (last.apiVersion !== versions.current) validateTyped(versions.type, pruned);
  return pruned;
}

interface Pruning {
  readonly merged: unknown;
  readonly pruned: unknown;
  /** In which fields were taken out: its owners come first. */
  readonly version: string;
}

/** The pruned object with what somebody owns, version by version. */
function withOwnedBack(
  versions: ObjectVersions,
  { merged, pruned, version }: Pruning,
  owned: GivenUp['owned'],
): Pick<Pruning, 'pruned' | 'version'> {
  const byVersion = new Map<string, FieldSet>([[version, FieldSet.empty]]);
  for (const { apiVersion, fields } of owned)
    byVersion.set(apiVersion, (byVersion.get(apiVersion) ?? FieldSet.empty).union(fields));
  let [current, from] = [pruned, version];
  for (const [apiVersion, fields] of byVersion) {
    const typeOf = (what: string, value: unknown): SchemaType | undefined =>
      within(`failed to convert ${what} object at version ${apiVersion}`, () =>
        versions.typeBetween(from, apiVersion, value),
      );
    typeOf('merged', merged);
    const type = typeOf('pruned', current);
    if (type === undefined) continue;
    from = apiVersion;
    const named = (set: FieldSet): FieldSet => withNamedParents(set, type);
    const kept = named(fieldsOf(type, current)).union(named(fields));
    current = removeFields(type, merged, named(fieldsOf(type, merged)).difference(kept));
  }
  return { pruned: current, version: from };
}

/**
 * Gives what {@link pruneFields} made null its default, or leaves it out: ownership is settled with the nulls, but
 * Go's structs do not keep them.
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
