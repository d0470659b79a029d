// JSON patch (RFC 6902): a list of operations, applied all or none.

import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { ApiError } from '../status.ts';
import { parsePointer, valueAt, withAdded, withRemoved, withReplaced } from './json-pointer.ts';
import { PointerFault } from './pointer-fault.ts';

/** More operations than this are refused, as by kube-apiserver. */
export const jsonPatchOperationsMax = 10_000;
/** What copy operations may add in all, in characters of JSON; a patch could double a document with each otherwise. */
const copiedCharactersMax = 3 * 1_024 * 1_024;

type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string };

/**
 * Applies a JSON patch; neither argument is changed. Throws {@link ApiError} 400 for what is not a JSON patch, 413 for
 * too many operations, 422 for an operation that cannot be applied, naming it by its index.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = parseOperations(patch);
  const budget = { copied: 0 };
  let current = document;
  operations.forEach((operation, index) => {
    try {
      current = applyOperation(current, operation, budget);
    } catch (error) {
      if (!(error instanceof PointerFault)) throw error;
      throw new ApiError(
        422,
        'Invalid',
        `JSON patch operation ${index} (${operation.op} "${operation.path}"): ${error.message}`,
      );
    }
  });
  return current;
}

function applyOperation(
  document: unknown,
  operation: JsonPatchOperation,
  budget: { copied: number },
): unknown {
  const path = parsePointer(operation.path);
  switch (operation.op) {
    case 'add':
      return withAdded(document, path, operation.value);
    case 'remove':
      return withRemoved(document, path);
    case 'replace':
      return withReplaced(document, path, operation.value);
    case 'test':
      if (!jsonEqual(valueOrNull(document, path), operation.value))
        throw new PointerFault('the value there is another than the test expects');
      return document;
    case 'copy': {
      const value = valueAt(document, parsePointer(operation.from));
      budget.copied += JSON.stringify(value).length;
      if (budget.copied > copiedCharactersMax)
        throw new PointerFault(`copies of more than ${copiedCharactersMax} characters in all`);
      return withAdded(document, path, value);
    }
    case 'move': {
      if (operation.path.startsWith(`${operation.from}/`))
        throw new PointerFault(`"${operation.from}" cannot be moved into itself`);
      const from = parsePointer(operation.from);
      return withAdded(withRemoved(document, from), path, valueAt(document, from));
    }
  }
}

/** As upstream's library: a missing key tests equal to null. */
function valueOrNull(document: unknown, path: readonly string[]): unknown {
  const key = path.at(-1);
  if (key === undefined) return document;
  const parent = valueAt(document, path.slice(0, -1));
  if (isJsonObject(parent)) return Object.hasOwn(parent, key) ? parent[key] : null;
  return valueAt(document, path);
}

function parseOperations(patch: unknown): readonly JsonPatchOperation[] {
  if (!Array.isArray(patch))
    throw badRequest('a JSON patch is a list of operations, such as [{"op":"remove","path":"/a"}]');
  if (patch.length > jsonPatchOperationsMax)
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}, got ${patch.length}`,
    );
  return patch.map(parseOperation);
}

function parseOperation(item: unknown, index: number): JsonPatchOperation {
  const where = `JSON patch operation ${index}`;
  if (!isJsonObject(item)) throw badRequest(`${where}: expected an object with "op" and "path"`);
  const { op, path, from } = item;
  if (typeof path !== 'string') throw badRequest(`${where}: "path" is missing or not a string`);
  switch (op) {
    case 'remove':
      return { op, path };
    case 'add':
    case 'replace':
    case 'test':
      if (!('value' in item) && op !== 'test') throw badRequest(`${where}: ${op} needs a "value"`);
      return { op, path, value: item['value'] ?? null };
    case 'move':
    case 'copy':
      if (typeof from !== 'string') throw badRequest(`${where}: ${op} needs a "from" path`);
      return { op, path, from };
    default:
      throw badRequest(
        `${where}: unknown "op" ${JSON.stringify(op)}; known are add, remove, replace, move, copy and test`,
      );
  }
}

function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}
