// Generated `metadata.managedFields`, as clients send them: right, begun anew, and wrong.

import type { Source } from './source.ts';

/** For an object of that version; entries that lie before any history. */
export function managedEntries(
  source: Source,
  object: Readonly<Record<string, unknown>>,
  apiVersion: string,
): unknown {
  if (source.maybe(0.35)) return source.pick<unknown>([[], [{}], [{}], null]);
  return source.many(3, () => entryOf(source, object, apiVersion));
}

function entryOf(
  source: Source,
  object: Readonly<Record<string, unknown>>,
  apiVersion: string,
): Record<string, unknown> {
  const { apiVersion: _, kind: __, metadata: ___, ...fields } = object;
  return {
    ...(source.maybe(0.95) ? { manager: source.pick(['one', 'two', 'kubectl', 'else']) } : {}),
    operation: source.maybe(0.97) ? source.pick(['Apply', 'Update']) : 'Odd',
    ...(source.maybe(0.97)
      ? { apiVersion: source.maybe(0.93) ? apiVersion : 'example.com/v9' }
      : {}),
    ...(source.maybe(0.8) ? { time: `2019-12-31T23:59:0${source.below(9)}Z` } : {}),
    ...(source.maybe(0.97)
      ? { fieldsType: source.maybe(0.97) ? 'FieldsV1' : source.pick(['FieldsV2', '']) }
      : {}),
    ...(source.maybe(0.95) ? { fieldsV1: setOf(source, fields) } : {}),
    ...(source.maybe(0.1) ? { subresource: 'status' } : {}),
  };
}

/** Some of the paths of a value, spelled as sets of fields are. */
function setOf(source: Source, value: unknown): Record<string, unknown> {
  const self = source.maybe(0.2) ? { '.': {} } : {};
  if (Array.isArray(value)) return { ...self, ...setOfList(source, value) };
  if (typeof value !== 'object' || value === null) return {};
  const members = Object.entries(value)
    .filter(() => source.maybe(0.7))
    .map(([name, member]) => [`f:${name}`, setOf(source, member)]);
  const odd = source.maybe(0.02)
    ? { [source.pick(['f', 'x:y', 'k:{', 'k:{}', 'i:a', 'v:', 'f:zz', 'v:"q"', 'i:3'])]: {} }
    : {};
  return { ...self, ...Object.fromEntries(members), ...odd };
}

function setOfList(source: Source, list: readonly unknown[]): Record<string, unknown> {
  const kept = source.some([...list.entries()], 0.7);
  return Object.fromEntries(
    kept.map(([index, item]) => {
      if (typeof item !== 'object' || item === null)
        return [source.maybe(0.8) ? `v:${JSON.stringify(item)}` : `i:${index}`, {}];
      const { k, n, name } = item as Record<string, unknown>; // an object: checked just before
      const keys = Object.fromEntries(
        Object.entries({ k, n, name }).filter(([, each]) => each !== undefined),
      );
      return [`k:${JSON.stringify(keys)}`, setOf(source, item)];
    }),
  );
}
