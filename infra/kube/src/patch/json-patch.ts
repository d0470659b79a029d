// JSON patch (RFC 6902) as kube-apiserver applies it: by the rules, and with the liberties, of evanphx/json-patch v4.

import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { goQuote } from '../go-format.ts';
import { ApiError } from '../status.ts';
import { setOwn } from './merge-patch.ts';

/** More operations than this are refused, as by kube-apiserver. */
export const jsonPatchOperationsMax = 10_000;
/** What copy operations may add in all, in bytes of JSON; a patch could double a document with each otherwise. */
const copiedBytesMax = 3 * 1_024 * 1_024;
/** How many places of list items a patch may move other items by, in all. Of our own: ten thousand insertions before half a million items take half a minute. */
const movedItemsMax = 50_000_000;

/** What clients are told of an operation that cannot be applied; the error's cause says which and why. */
const rejected = 'the server rejected our request due to an error in our request';

/** Why an operation cannot be applied, in the library's words. */
class PatchFault extends Error {
  override name = 'PatchFault';
}

/**
 * Applies a JSON patch; neither argument is changed. Throws {@link ApiError} 400 for what is not a JSON patch, 413 for
 * too many operations, 422 for an operation that cannot be applied.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = operationsOf(patch);
  const patching = new Patching(structuredClone(document));
  try {
    for (const operation of operations) patching.apply(operation);
  } catch (cause) {
    if (!(cause instanceof PatchFault)) throw cause;
    const error = new ApiError(422, 'Invalid', rejected, {});
    error.cause = cause;
    throw error;
  }
  return patching.document;
}

type Operation = Readonly<Record<string, unknown>>;

function operationsOf(patch: unknown): readonly Operation[] {
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw undecodable(patch, 'jsonpatch.Patch');
  if (patch.length > jsonPatchOperationsMax)
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}, got ${patch.length}`,
    );
  return patch.map((item: unknown) => {
    if (item === null) return {};
    if (!isJsonObject(item)) throw undecodable(item, 'jsonpatch.Operation');
    return item;
  });
}

function undecodable(value: unknown, type: string): ApiError {
  return new ApiError(400, 'BadRequest', unmarshalText(value, type));
}

function unmarshalText(value: unknown, type: string): string {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${found} into Go value of type ${type}`;
}

/** A place in a list or an object. */
interface Spot {
  readonly holder: unknown[] | Record<string, unknown>;
  readonly key: string;
}

class Patching {
  #document: unknown;
  #copied = 0;
  #moved = 0;

  constructor(document: unknown) {
    this.#document = document;
  }

  get document(): unknown {
    return this.#document;
  }

  apply(operation: Operation): void {
    if (this.#moved > movedItemsMax) {
      const message = 'Request entity too large: The JSON patch moves too many items of lists';
      throw new ApiError(413, 'RequestEntityTooLarge', message);
    }
    const { op } = operation;
    const kind = typeof op === 'string' ? op : 'unknown';
    const apply = Object.hasOwn(this.#kinds, kind) ? this.#kinds[kind] : undefined;
    if (!apply) throw new PatchFault(`Unexpected kind: ${kind}`);
    apply(operation);
  }

  readonly #kinds: Readonly<Record<string, (operation: Operation) => void>> = {
    add: (operation) => this.#add(operation),
    remove: (operation) => this.#remove(operation),
    replace: (operation) => this.#replace(operation),
    move: (operation) => this.#move(operation),
    copy: (operation) => this.#copy(operation),
    test: (operation) => this.#test(operation),
  };

  /** Counts the items behind a place, which an insertion or removal there moves. */
  #shift({ holder, key }: Spot): void {
    if (!Array.isArray(holder) || key === '-') return;
    this.#moved += Math.max(0, holder.length - Math.max(0, Number(key) || 0));
  }

  #add(operation: Operation): void {
    const path = pathOf(operation, () => 'add operation failed to decode path: missing value');
    const spot = this.#find(path);
    if (!spot) throw missing(`add operation does not apply: doc is missing path: "${path}"`);
    this.#shift(spot);
    within(`error in add for path: '${path}'`, () => addAt(spot, givenValue(operation)));
  }

  #remove(operation: Operation): void {
    const path = pathOf(operation, () => 'remove operation failed to decode path: missing value');
    const spot = this.#find(path);
    if (!spot) throw missing(`remove operation does not apply: doc is missing path: "${path}"`);
    this.#shift(spot);
    within(`error in remove for path: '${path}'`, () => removeAt(spot));
  }

  #replace(operation: Operation): void {
    const path = pathOf(operation, (fault) => `replace operation failed to decode path: ${fault}`);
    const value = givenValue(operation);
    if (path === '') {
      if (typeof value === 'object' && value !== null) this.#document = value; // scalars change nothing
      return;
    }
    const spot = this.#find(path);
    if (!spot) throw missing(`replace operation does not apply: doc is missing path: ${path}`);
    const { holder, key } = spot;
    if (!Array.isArray(holder)) {
      setOwn(holder, key, value); // also a key that is not there
      return;
    }
    let index: number;
    try {
      index = existingIndex(holder, key);
    } catch {
      throw missing(`replace operation does not apply: doc is missing key: ${path}`);
    }
    holder[index] = value;
  }

  #move(operation: Operation): void {
    const from = fromOf(operation, (fault) => `move operation failed to decode from: ${fault}`);
    const source = this.#find(from);
    if (!source) throw missing(`move operation does not apply: doc is missing from path: ${from}`);
    this.#shift(source);
    const value = within(`error in move for path: '${source.key}'`, () => {
      const found = valueAt(source);
      removeAt(source);
      return found;
    });
    const path = pathOf(operation, (fault) => `move operation failed to decode path: ${fault}`);
    const spot = this.#find(path);
    if (!spot)
      throw missing(`move operation does not apply: doc is missing destination path: ${path}`);
    this.#shift(spot);
    within(`error in move for path: '${path}'`, () => addAt(spot, value));
  }

  #copy(operation: Operation): void {
    const from = fromOf(operation, (fault) => `copy operation failed to decode from: ${fault}`);
    const source = this.#find(from);
    if (!source) throw missing(`copy operation does not apply: doc is missing from path: ${from}`);
    const value = within(`error in copy for from: '${from}'`, () => valueAt(source)) ?? null;
    const path = pathOf(operation, () => 'copy operation failed to decode path: missing value');
    const spot = this.#find(path);
    if (!spot)
      throw missing(`copy operation does not apply: doc is missing destination path: ${path}`);
    this.#copied += Buffer.byteLength(JSON.stringify(value));
    if (this.#copied > copiedBytesMax)
      throw new PatchFault(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copied}, exceeding the limit ${copiedBytesMax}`,
      );
    this.#shift(spot);
    within('error while adding value during copy', () => addAt(spot, structuredClone(value)));
  }

  #test(operation: Operation): void {
    const path = pathOf(operation, (fault) => `test operation failed to decode path: ${fault}`);
    const wanted = givenValue(operation);
    let found: unknown = this.#document;
    if (path !== '') {
      const spot = this.#find(path);
      if (!spot) throw missing(`test operation does not apply: is missing path: ${path}`);
      found = within(`error in test for path: '${path}'`, () => valueAt(spot)) ?? null;
    }
    if (!jsonEqual(found, wanted))
      throw new PatchFault(`testing value ${path} failed: test failed`);
  }

  /** What a pointer's last step is looked up in; what stands before its first slash is not looked at. */
  #find(pointer: string): Spot | undefined {
    const steps = pointer.split('/').slice(1).map(unescaped);
    const key = steps.pop();
    if (key === undefined) return undefined;
    let holder: unknown = this.#document;
    for (const step of steps) {
      try {
        if (!isHolder(holder)) return undefined;
        holder = valueAt({ holder, key: step });
      } catch (error) {
        if (error instanceof PatchFault) return undefined;
        throw error;
      }
    }
    return isHolder(holder) ? { holder, key } : undefined;
  }
}

function isHolder(value: unknown): value is Spot['holder'] {
  return Array.isArray(value) || isJsonObject(value);
}

function unescaped(step: string): string {
  return step.replaceAll(/~[01]/g, (found) => (found === '~1' ? '/' : '~'));
}

/** Undefined for a key that is not there. */
function valueAt({ holder, key }: Spot): unknown {
  if (Array.isArray(holder)) return holder[existingIndex(holder, key)];
  return Object.hasOwn(holder, key) ? holder[key] : undefined;
}

function addAt({ holder, key }: Spot, value: unknown): void {
  if (!Array.isArray(holder)) setOwn(holder, key, value);
  else if (key === '-') holder.push(value);
  else {
    const index = within(`value was not a proper array index: '${key}'`, () => indexOf(key));
    if (index > holder.length || index < -holder.length - 1) throw outOfRange(index);
    holder.splice(index < 0 ? index + holder.length + 1 : index, 0, value);
  }
}

function removeAt({ holder, key }: Spot): void {
  if (Array.isArray(holder)) holder.splice(existingIndex(holder, key), 1);
  else if (Object.hasOwn(holder, key)) delete holder[key];
  else throw missing(`Unable to remove nonexistent key: ${key}`);
}

/** Negative positions count from the end. */
function existingIndex(list: readonly unknown[], key: string): number {
  const index = indexOf(key);
  if (index >= list.length || index < -list.length) throw outOfRange(index);
  return index < 0 ? index + list.length : index;
}

function indexOf(key: string): number {
  if (!/^[+-]?\d+$/.test(key))
    throw new PatchFault(`strconv.Atoi: parsing ${goQuote(key)}: invalid syntax`);
  if (BigInt.asIntN(64, BigInt(key.replace('+', ''))) !== BigInt(key.replace('+', '')))
    throw new PatchFault(`strconv.Atoi: parsing ${goQuote(key)}: value out of range`);
  return Number(key);
}

function outOfRange(index: number): PatchFault {
  return new PatchFault(`Unable to access invalid index: ${index}: invalid index referenced`);
}

function missing(what: string): PatchFault {
  return new PatchFault(`${what}: missing value`);
}

function within<Value>(what: string, make: () => Value): Value {
  try {
    return make();
  } catch (error) {
    if (error instanceof PatchFault) throw new PatchFault(`${what}: ${error.message}`);
    throw error;
  }
}

function pathOf(operation: Operation, told: (fault: string) => string): string {
  return pointerOf(operation['path'], 'operation missing path field: missing value', told);
}

function fromOf(operation: Operation, told: (fault: string) => string): string {
  return pointerOf(operation['from'], 'operation, missing from field: missing value', told);
}

function pointerOf(value: unknown, absent: string, told: (fault: string) => string): string {
  if (typeof value === 'string') return value;
  const isAbsent = value === undefined || value === null;
  throw new PatchFault(told(isAbsent ? absent : unmarshalText(value, 'string')));
}

/** An absent value is null. */
function givenValue({ value }: Operation): unknown {
  return structuredClone(value ?? null);
}
