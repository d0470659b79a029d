// Writing a whole status, only when it differs, and only over the state it was worked out from.

import type { Client } from '@tweendeck/client';
import type { Input, KubeObject, Resource } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';

/** Replaces `status`; gives the object as it is afterwards. A Conflict means that the object moved on: run the pass again. */
export function writeStatus<Obj extends KubeObject & { readonly status?: unknown }>(
  resource: Resource<Obj>,
  object: Obj,
  status: NonNullable<Obj['status']>,
  client: Client,
  signal: AbortSignal,
): Promise<Obj> {
  if (jsonEqual(object.status ?? {}, status)) return Promise.resolve(object);
  const input: Input<Obj> = { ...object, status };
  return client.update(resource, input, { subresource: 'status' }, signal);
}
