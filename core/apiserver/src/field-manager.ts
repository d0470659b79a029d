// Who owns which field: keeps `metadata.managedFields` for every kind of write.
import type { Draft } from './draft.ts';
import type { Writing } from './writing.ts';

export interface FieldManager {
  /** Accounts for a create or update. `next` gets its managed fields. */
  update(writing: Writing, previous: Draft | undefined, next: Draft): void;
}

export const noFieldManager: FieldManager = { update: () => undefined };
