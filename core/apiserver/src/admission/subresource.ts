// Admission of what is said to a subresource: a Binding, an Eviction, a TokenRequest is an object of its own to webhooks.

import type { Draft } from '../draft.ts';
import type { Intent, Writing } from '../writing.ts';

type Said = Required<Pick<Intent, 'operation' | 'subresource' | 'kind'>> & {
  readonly object: Draft;
  /** Looks at it once it may change no more. @throws ApiError. */
  readonly refuse?: (object: Draft) => void;
};

/** What was said, as admission lets it pass. @throws ApiError. */
export async function admitSubresource(
  writing: Writing,
  { refuse, ...said }: Said,
): Promise<Draft> {
  const { admission, request, resource } = writing;
  const { name, namespace } = request;
  if (said.operation === 'CREATE') {
    const metadata = { ...said.object.metadata, name, namespace };
    admission.admitPlace(resource, { ...said.object, metadata });
  }
  const intent: Intent = { writing, name, previous: undefined, ...said };
  const object = (await admission.mutate?.(intent)) ?? said.object;
  refuse?.(object);
  await admission.check?.({ ...intent, object });
  return object;
}
