// Finds values that a typed server could not decode, by their JSON type or as times, and words it as Go's decoder does.

import { isJsonObject } from '@tweendeck/std';

import { goTimeProblem, type TimePrecision } from '../go-time.ts';
import { jsonKind } from './json-kind.ts';
import type { SchemaTree } from './tree.ts';

export interface DecodeError {
  /** Path without list positions, as the decoder prints it: `spec.template.spec.containers.image`. */
  readonly field: string;
  /** `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`. */
  readonly message: string;
}

interface Place {
  readonly field: string;
  /** The component that holds the field. */
  readonly holder: string;
  readonly met: Met;
}

/** What was met on the way. */
interface Met {
  /** The decoder goes on behind a value of a wrong type, and tells of the first. */
  first?: DecodeError;
  /** It stops where a type that reads itself cannot, and tells of that. */
  last?: DecodeError;
}

/** The first value of a wrong JSON type, in the order of the object's fields; undefined when all can be decoded. Null fits everywhere. A text that is no time, in schemas of a server's document, counts before all others. */
export function findDecodeError(value: unknown, tree: SchemaTree): DecodeError | undefined {
  const met: Met = {};
  check(value, tree, { field: '', holder: tree.name, met });
  return met.last ?? met.first;
}

function check(value: unknown, tree: SchemaTree, place: Place): void {
  if (value === null || value === undefined) return;
  if (!fits(value, tree)) place.met.first ??= mismatch(value, tree, place);
  else if (typeof value === 'string') checkText(value, tree, place);
  else if (Array.isArray(value)) checkItems(value, tree, place);
  else if (isJsonObject(value)) checkMembers(value, tree, place);
}

const precisions: Readonly<Record<string, TimePrecision>> = {
  Time: 'seconds',
  MicroTime: 'microseconds',
};

function checkText(text: string, { name, format }: SchemaTree, { field, met }: Place): void {
  const precision = format === 'date-time' ? precisions[name] : undefined;
  const message = precision && goTimeProblem(text, precision);
  if (message !== undefined) met.last ??= { field, message };
}

function fits(value: unknown, { types, format }: SchemaTree): boolean {
  const kind = jsonKind(value);
  if (types === undefined) return true;
  if (kind === 'integer' && types.includes('number')) return true;
  if (!types.includes(kind)) return false;
  return kind !== 'integer' || format !== 'int32' || Math.abs(Number(value) + 0.5) <= 2 ** 31;
}

function checkItems(list: readonly unknown[], { items }: SchemaTree, place: Place): void {
  if (!items) return;
  for (const item of list) {
    check(item, items, place);
    if (place.met.last) return;
  }
}

function checkMembers(
  object: Readonly<Record<string, unknown>>,
  tree: SchemaTree,
  { field, holder, met }: Place,
): void {
  const { additional } = tree;
  for (const key of Object.keys(object)) {
    const property = tree.property(key);
    const child = property ?? (typeof additional === 'object' ? additional : undefined);
    if (!child) continue;
    // Entries of maps have no name of their own in the decoder's path.
    const below = property
      ? { field: field === '' ? key : `${field}.${key}`, holder: tree.name || holder, met }
      : { field, holder, met };
    check(object[key], child, below);
    if (met.last) return;
  }
}

function mismatch(value: unknown, tree: SchemaTree, { field, holder }: Place): DecodeError {
  const found = foundName(value, goType(tree));
  const where = field === '' ? 'Go value' : `Go struct field ${holder}.${field}`;
  return {
    field,
    message: `json: cannot unmarshal ${found} into ${where} of type ${goType(tree)}`,
  };
}

/** A number that does not fit an integer is told; one where no number belongs is not. */
function foundName(value: unknown, wanted: string): string {
  const kind = jsonKind(value);
  if (kind === 'boolean') return 'bool';
  if (kind !== 'integer' && kind !== 'number') return kind;
  return /^int\d+$/.test(wanted) ? `number ${String(value)}` : 'number';
}

/** The Go type a schema came from, as far as a schema tells. */
function goType({ types, format, name, items, additional }: SchemaTree): string {
  const [type = 'string'] = types ?? [];
  if (type === 'integer') return format === 'int64' ? 'int64' : 'int32';
  if (type === 'array') return `[]${items ? goType(items) : 'interface {}'}`;
  if (type === 'object') {
    if (name !== '') return `v1.${name}`;
    return `map[string]${typeof additional === 'object' ? goType(additional) : 'interface {}'}`;
  }
  return { number: 'float64', boolean: 'bool' }[type] ?? type;
}
