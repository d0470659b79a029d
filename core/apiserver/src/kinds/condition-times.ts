// Times of conditions: in Go they are never absent, so that a condition without one shows null.

import { listAt, setDefault } from '../draft.ts';

/** Fills in the times named, in every condition of a status. */
export function conditionTimes(status: unknown, keys: readonly string[]): void {
  for (const condition of listAt(status, 'conditions')) {
    for (const key of keys) setDefault(condition, key, null);
  }
}
