// The refusal of a commit whose precondition does not hold.

import { PlatformError } from '@tweendeck/std';

/** STORE_CONFLICT, with the first key (in the order of the mutations) that was not as expected. */
export class StoreConflict extends PlatformError {
  readonly key: string;
  /** What the commit expected; 0: that the key does not exist. */
  readonly expectedRevision: number;
  /** What the key is at; 0: it does not exist. */
  readonly actualRevision: number;

  constructor(key: string, revisions: { readonly expected: number; readonly actual: number }) {
    const { expected, actual } = revisions;
    const found = actual === 0 ? 'does not exist' : `is at revision ${actual}`;
    const wanted = expected === 0 ? 'not to exist' : `revision ${expected}`;
    super('STORE_CONFLICT', `${key} ${found}, expected ${wanted}`);
    this.key = key;
    this.expectedRevision = expected;
    this.actualRevision = actual;
  }
}
