// JSON pointers (RFC 6901): reading a value, and copies of a document with one place changed.

import { isJsonObject } from '@tweendeck/std';
import { setOwn } from './merge-patch.ts';
import { PointerFault } from './pointer-fault.ts';

/** The unescaped steps of a pointer; the empty pointer is the whole document. Throws {@link PointerFault}. */
export function parsePointer(pointer: string): readonly string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/'))
    throw new PointerFault(`"${pointer}" is no JSON pointer: it has to start with "/"`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The value at a path. Throws {@link PointerFault} when there is none. */
export function valueAt(document: unknown, path: readonly string[]): unknown {
  let current = document;
  path.forEach((step, depth) => {
    if (Array.isArray(current)) current = current[existingIndex(current, step, path, depth)];
    else if (isJsonObject(current) && Object.hasOwn(current, step)) current = current[step];
    else throw missing(path, depth);
  });
  return current;
}

/** A copy with `value` inserted into a list (`-` appends) or set in an object. */
export function withAdded(document: unknown, path: readonly string[], value: unknown): unknown {
  return changed(document, path, 0, value, (list, step, depth) => {
    const index = step === '-' ? list.length : indexOf(step, path, depth);
    if (index > list.length) throw outOfRange(list, step, path, depth);
    return list.toSpliced(index, 0, value);
  });
}

/** A copy with the existing value replaced. */
export function withReplaced(document: unknown, path: readonly string[], value: unknown): unknown {
  valueAt(document, path);
  return changed(document, path, 0, value, (list, step, depth) =>
    list.with(existingIndex(list, step, path, depth), value),
  );
}

/** A copy without the existing value. */
export function withRemoved(document: unknown, path: readonly string[]): unknown {
  valueAt(document, path);
  return changed(document, path, 0, undefined, (list, step, depth) =>
    list.toSpliced(existingIndex(list, step, path, depth), 1),
  );
}

type ListChange = (list: readonly unknown[], step: string, depth: number) => readonly unknown[];

/** Copies what lies on the path; at its end sets (or with undefined: deletes) the key, or changes the list. */
function changed(
  document: unknown,
  path: readonly string[],
  depth: number,
  value: unknown,
  changeList: ListChange,
): unknown {
  const step = path[depth];
  if (step === undefined) return value === undefined ? null : value;
  const last = depth === path.length - 1;
  if (Array.isArray(document)) {
    if (last) return changeList(document, step, depth);
    const index = existingIndex(document, step, path, depth);
    return document.with(index, changed(document[index], path, depth + 1, value, changeList));
  }
  if (!isJsonObject(document) || (!last && !Object.hasOwn(document, step)))
    throw missing(path, depth);
  const copy = { ...document };
  if (!last) setOwn(copy, step, changed(document[step], path, depth + 1, value, changeList));
  else if (value === undefined) delete copy[step];
  else setOwn(copy, step, value);
  return copy;
}

function indexOf(step: string, path: readonly string[], depth: number): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(step))
    throw new PointerFault(`"${pointerOf(path, depth)}" is no position in a list`);
  return Number(step);
}

function existingIndex(
  list: readonly unknown[],
  step: string,
  path: readonly string[],
  depth: number,
): number {
  const index = indexOf(step, path, depth);
  if (index >= list.length) throw outOfRange(list, step, path, depth);
  return index;
}

function outOfRange(
  list: readonly unknown[],
  step: string,
  path: readonly string[],
  depth: number,
): PointerFault {
  const where = depth === 0 ? 'the document' : `"${pointerOf(path, depth - 1)}"`;
  return new PointerFault(`${where} has ${list.length} items, there is no position ${step}`);
}

function missing(path: readonly string[], depth: number): PointerFault {
  return new PointerFault(`"${pointerOf(path, depth)}" does not exist`);
}

function pointerOf(path: readonly string[], depth: number): string {
  return path
    .slice(0, depth + 1)
    .map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
