// What a request asks for in the terms that rights are given in.

import { type ApiRequest, parseFieldSelector, type UserInfo } from '@tweendeck/kube';
import type { ParsedRequest, ResourceRequest } from '../request.ts';

interface ResourceAttributes {
  readonly type: 'resource';
  readonly user: UserInfo;
  /** Those of requests, and others that only rights know: `impersonate`, `bind`, `escalate`, ... */
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** Empty: no object in particular. */
  readonly name: string;
  /** What a collection is cut down by. */
  readonly fieldSelector?: string;
}

interface PathAttributes {
  readonly type: 'path';
  readonly user: UserInfo;
  /** The method in lower case. */
  readonly verb: string;
  readonly path: string;
}

export type AccessAttributes = ResourceAttributes | PathAttributes;

/** As upstream's RequestInfo reads a request: a namespace is inside itself, and a collection cut down to one name is about that name. */
export function attributesOf(
  request: ParsedRequest,
  method: ApiRequest['method'],
  user: UserInfo,
): AccessAttributes {
  if (request.type === 'plain') {
    return { type: 'path', user, verb: method.toLowerCase(), path: request.plain.path };
  }
  const { verb, group, plural, subresource, namespace, name } = request.resource;
  const itself = group === '' && plural === 'namespaces' && namespace === '';
  return {
    type: 'resource',
    user,
    verb,
    group,
    resource: plural,
    subresource,
    namespace: itself ? name : namespace,
    name: name === '' ? selectedName(request.resource) : name,
    ...fieldSelectorOf(request.resource),
  };
}

function fieldSelectorOf({ verb, query }: ResourceRequest): { readonly fieldSelector?: string } {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return {};
  const fieldSelector = query.get('fieldSelector');
  return fieldSelector ? { fieldSelector } : {};
}

/** The only name that a field selector lets through. */
function selectedName({ verb, query }: ResourceRequest): string {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return '';
  const text = query.get('fieldSelector');
  if (!text?.includes('metadata.name')) return '';
  try {
    const name = parseFieldSelector(text).exact('metadata.name') ?? '';
    return /^[^/%]+$/.test(name) && name !== '.' && name !== '..' ? name : '';
  } catch {
    return ''; // said by the list itself
  }
}
