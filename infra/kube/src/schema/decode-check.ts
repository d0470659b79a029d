// Finds values whose JSON type a typed server could not decode, and words it as Go's decoder does.

import { isJsonObject } from '@tweendeck/std';

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
}

/** The first value of a wrong JSON type, in the order of the object's fields; undefined when all can be decoded. Null fits everywhere. */
export function findDecodeError(value: unknown, tree: SchemaTree): DecodeError | undefined {
  return check(value, tree, { field: '', holder: tree.name });
}

function check(value: unknown, tree: SchemaTree, place: Place): DecodeError | undefined {
  if (value === null || value === undefined) return undefined;
  if (!fits(value, tree)) return mismatch(value, tree, place);
  if (Array.isArray(value)) return checkItems(value, tree, place);
  return isJsonObject(value) ? checkMembers(value, tree, place) : undefined;
}

function fits(value: unknown, { types, format }: SchemaTree): boolean {
  const kind = jsonKind(value);
  if (types === undefined) return true;
  if (kind === 'integer' && types.includes('number')) return true;
  if (!types.includes(kind)) return false;
  return kind !== 'integer' || format !== 'int32' || Math.abs(Number(value) + 0.5) <= 2 ** 31;
}

function checkItems(
  list: readonly unknown[],
  { items }: SchemaTree,
  place: Place,
): DecodeError | undefined {
  if (!items) return undefined;
  for (const item of list) {
    const error = check(item, items, place);
    if (error) return error;
  }
  return undefined;
}

function checkMembers(
  object: Readonly<Record<string, unknown>>,
  tree: SchemaTree,
  { field, holder }: Place,
): DecodeError | undefined {
  const { additional } = tree;
  for (const key of Object.keys(object)) {
    const property = tree.property(key);
    const child = property ?? (typeof additional === 'object' ? additional : undefined);
    if (!child) continue;
    // Entries of maps have no name of their own in the decoder's path.
    const below = property
      ? { field: field === '' ? key : `${field}.${key}`, holder: tree.name || holder }
      : { field, holder };
    const error = check(object[key], child, below);
    if (error) return error;
  }
  return undefined;
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
