// What the store takes, checked before anything is queued.

import { assert, PlatformError } from '@tweendeck/std';

import type { Mutation } from './store.ts';

/** Longest key, in bytes of UTF-8. */
export const keyBytesMax = 4_096;
/** Largest value, in bytes. */
export const valueBytesMax: number = 32 * 1_024 * 1_024;
/** Mutations of one commit. */
export const mutationsMax = 10_000;
/** Commits that may wait for the disk. */
export const pendingCommitsMax = 20_000;
/** Bytes of values that may wait for the disk; a single commit may exceed it when nothing else waits. */
export const pendingBytesMax: number = 64 * 1_024 * 1_024;
/** Changes that a watcher may be behind before it is cut off with QUEUE_OVERFLOW; more than one transaction can hold. */
export const watchLengthMax = 20_000;

/** Throws unless every mutation is within the limits; returns the bytes of all values. */
export function checkMutations(mutations: readonly Mutation[]): number {
  if (mutations.length > mutationsMax) {
    throw new PlatformError('STORE_COMMIT_TOO_LARGE', `${mutations.length} mutations in a commit`, {
      hint: `A commit takes ${mutationsMax} mutations at most.`,
    });
  }
  let bytes = 0;
  for (const mutation of mutations) {
    checkKey(mutation.key);
    const { expectedRevision } = mutation;
    assert(
      expectedRevision === undefined || isRevision(expectedRevision),
      `${mutation.key}: expected revision ${expectedRevision}`,
    );
    if (mutation.operation === 'delete') continue;
    const { byteLength } = mutation.value;
    if (byteLength > valueBytesMax) {
      throw new PlatformError('STORE_VALUE_TOO_LARGE', `${mutation.key}: ${byteLength} bytes`, {
        hint: `A value has ${valueBytesMax} bytes at most.`,
      });
    }
    bytes += byteLength;
  }
  return bytes;
}

/** Whether a number can be a revision (or 0, the state before the first). */
export function isRevision(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkKey(key: string): void {
  const fault = keyFault(key);
  if (fault === undefined) return;
  const shown = key.length > 100 ? `${key.slice(0, 100)}...` : key;
  throw new PlatformError('STORE_KEY_INVALID', `key ${JSON.stringify(shown)} ${fault}`, {
    hint: `A key is valid Unicode text of 1 to ${keyBytesMax} bytes of UTF-8 without U+0000.`,
  });
}

function keyFault(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (!key.isWellFormed()) return 'has half a surrogate pair';
  if (key.includes('\0')) return 'has a U+0000';
  if (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) return 'is too long';
  return undefined;
}
