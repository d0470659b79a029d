// A pod's spec as upstream's inner structure writes itself: with every field there is, by its name in Go.

import { isJsonObject } from '@tweendeck/std';
import type { Fields } from '../draft.ts';
import layouts from '../generated/inner-pod-spec.json' with { type: 'json' };

interface Field {
  /** As it is printed; empty for what is embedded, whose fields are printed in its place. */
  readonly name: string;
  /** Where its value is; empty: in the same object. */
  readonly at: string;
  /** A structure or a scalar behind any of `*`, `[]` and `map.`. */
  readonly type: string;
  readonly omitsEmpty: boolean;
}

const structures = new Map<string, readonly Field[]>();

function fieldsOf(structure: string): readonly Field[] | undefined {
  const known = structures.get(structure);
  if (known) return known;
  const layout = (layouts as Readonly<Record<string, readonly string[]>>)[structure];
  const fields = layout?.map(fieldOf);
  if (fields) structures.set(structure, fields);
  return fields;
}

/** `Name jsonName type`, with a question mark before it when it is left out while empty; or `... Type jsonName`. */
function fieldOf(text: string): Field {
  const [name = '', second = '', third = ''] = text.split(' ');
  if (name === '...') return { name: '', at: third, type: second, omitsEmpty: false };
  const omitsEmpty = name.startsWith('?');
  return { name: omitsEmpty ? name.slice(1) : name, at: second, type: third, omitsEmpty };
}

const aboutHost = ['hostPID', 'hostIPC', 'hostNetwork', 'shareProcessNamespace', 'hostUsers'];

/** Lines of JSON. */
export function innerPodSpecLines(spec: Fields): readonly string[] {
  const host = Object.fromEntries(aboutHost.map((key) => [key, spec[key]]));
  const given = isJsonObject(spec['securityContext']) ? spec['securityContext'] : {};
  const inner = written({ ...spec, securityContext: { ...given, ...host } }, 'PodSpec');
  return JSON.stringify(inner, undefined, 1)
    .replace(/[<>&\u2028\u2029]/g, escaped)
    .split('\n');
}

/** Go writes what HTML would take for its own as escapes. */
const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

function written(value: unknown, type: string): unknown {
  if (type.startsWith('*')) return value === undefined ? null : written(value, type.slice(1));
  if (type.startsWith('[]')) {
    return Array.isArray(value) ? value.map((item) => written(item, type.slice(2))) : null;
  }
  if (type.startsWith('map.')) return isJsonObject(value) ? writtenMap(value, type.slice(4)) : null;
  const fields = fieldsOf(type);
  if (fields) return Object.fromEntries(writtenFields(isJsonObject(value) ? value : {}, fields));
  return value ?? zeroOf(type);
}

function writtenMap(map: Fields, type: string): unknown {
  const keys = Object.keys(map).toSorted();
  return Object.fromEntries(keys.map((key) => [key, written(map[key], type)]));
}

function writtenFields(
  value: Fields,
  fields: readonly Field[],
): readonly (readonly [string, unknown])[] {
  return fields.flatMap(({ name, at, type, omitsEmpty }) => {
    const inner = at === '' ? value : value[at];
    if (name === '') return writtenFields(isJsonObject(inner) ? inner : {}, fieldsOf(type) ?? []);
    if (omitsEmpty && inner === undefined) return [];
    return [[name, written(inner, type)] as const];
  });
}

function zeroOf(type: string): unknown {
  if (type === 'string') return '';
  if (type === 'Quantity') return '0';
  if (type === 'bool') return false;
  return type === 'Time' ? null : 0;
}
