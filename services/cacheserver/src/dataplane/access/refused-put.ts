// The transaction of a client that may not put: swallowed, counted, and the connection stays in step.

import type { PutOutcome, PutTransaction } from '../value-store.ts';

const outcome: PutOutcome = { outcome: 'refused', reason: 'not-permitted' };

/** Takes everything and keeps nothing; has no state, so that one is enough for all. */
export const refusedPut: PutTransaction = {
  startFile: () => undefined,
  write: () => undefined,
  endFile: () => undefined,
  commit: () => outcome,
  abandon: () => undefined,
};
