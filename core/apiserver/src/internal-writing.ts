// Writes the server makes of its own accord.

import type { ServedResource } from './registry.ts';
import type { Verb } from './request.ts';
import { type Services, writingOf } from './resource-call.ts';
import { loopbackUser } from './users.ts';
import type { Writing } from './writing.ts';

/** As if a request for this resource, or for one object of it, had come from the server itself. */
export function internalWriting(
  services: Services,
  {
    resource,
    verb,
    name = '',
    namespace = '',
  }: {
    readonly resource: ServedResource;
    readonly verb: Verb;
    readonly name?: string;
    readonly namespace?: string;
  },
): Writing {
  const { group, version, plural } = resource;
  return writingOf(
    {
      services,
      resource,
      user: loopbackUser,
      http: { method: 'POST', path: '', headers: { 'user-agent': 'kube-apiserver' } },
      request: {
        verb,
        group,
        version,
        namespace,
        plural,
        name,
        subresource: '',
        query: new URLSearchParams(),
      },
    },
    'UpdateOptions',
  );
}
