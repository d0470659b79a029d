// What is wrong with the replica counts of a custom object whose kind can be scaled: numbers of 32 bits, not negative.

import { isJsonObject } from '@tweendeck/std';
import { type FieldError, fieldInvalid, path } from '../field-error.ts';
import { goPlain } from '../go-plain.ts';

const replicasMax = 2 ** 31 - 1;

/** Where a definition says that the replica counts of its objects are. */
export interface ScaledPaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
}

/** Looks at a whole object; a path that is empty is left out. Paths are told as the definition writes them, with the leading dot. */
export function scaleErrors(object: unknown, paths: ScaledPaths | undefined): FieldError[] {
  if (!paths) return [];
  const { specReplicasPath, statusReplicasPath } = paths;
  const asked = [specReplicasPath, statusReplicasPath].filter((where) => where !== '');
  return asked.flatMap((where) => replicaErrors(object, where));
}

function replicaErrors(object: unknown, where: string): readonly FieldError[] {
  let value = object;
  let seen = '';
  for (const name of where.replace(/^\./, '').split('.')) {
    seen += `.${name}`;
    if (value === undefined || value === null) return [];
    if (!isJsonObject(value)) return [inaccessible(where, seen, value, 'map[string]interface{}')];
    value = value[name];
  }
  if (value === undefined) return [];
  if (!Number.isInteger(value)) return [inaccessible(where, seen, value, 'int64')];
  const count = Number(value);
  if (count < 0) return [fieldInvalid(path(where), count, 'should be a non-negative integer')];
  if (count <= replicasMax) return [];
  const most = `should be less than or equal to ${replicasMax}`;
  return [fieldInvalid(path(where), count, most)];
}

function inaccessible(where: string, seen: string, value: unknown, wanted: string): FieldError {
  const fault = `accessor error: ${goPlain(value)} is of the type ${goTypeOf(value)}`;
  return fieldInvalid(path(where), 0, `${seen} ${fault}, expected ${wanted}`);
}

function goTypeOf(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return Number.isInteger(value) ? 'int64' : 'float64';
}
