// Admission of what is said to a subresource: a Binding, an Eviction, a TokenRequest is an object of its own to webhooks.

import type { Draft } from '../draft.ts';
import type { Intent, Writing } from '../writing.ts';

/** What was said, as admission lets it pass. @throws ApiError. */
export async function admitSubresource(
  writing: Writing,
  said: Required<Pick<Intent, 'operation' | 'subresource' | 'kind'>> & { readonly object: Draft },
): Promise<Draft> {
  const { admission, request } = writing;
  const intent: Intent = { writing, name: request.name, previous: undefined, ...said };
  const object = (await admission.mutate?.(intent)) ?? said.object;
  await admission.check?.({ ...intent, object });
  return object;
}
