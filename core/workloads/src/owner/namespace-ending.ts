// The one refusal that is no failure: an ending namespace takes nothing new, and everything in it goes anyway.

import { isApiError } from '@tweendeck/kube';

/** Whether the server refused to create something because the namespace is ending. */
export function isNamespaceEnding(error: unknown): boolean {
  return (
    isApiError(error, 'Forbidden') &&
    (error.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  );
}
