// What a request asks for: its path and query taken apart, before anything is looked up.

import type { ApiRequest } from '@tweendeck/kube';
import { badRequest, methodNotKnown } from './failures.ts';

export type Verb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection';

/** A request for a resource: `/api/v1/...` or `/apis/<group>/<version>/...`. */
export interface ResourceRequest {
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
  /** Empty for a collection. */
  readonly name: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  readonly query: URLSearchParams;
}

/** Everything else, by its path. */
interface PlainRequest {
  readonly path: string;
  readonly query: URLSearchParams;
}

export type ParsedRequest =
  | { readonly type: 'resource'; readonly resource: ResourceRequest }
  | { readonly type: 'plain'; readonly plain: PlainRequest };

/** Takes the request line apart. @throws ApiError BadRequest for a path that is no valid percent-encoding. */
export function parseRequest(request: Pick<ApiRequest, 'method' | 'path'>): ParsedRequest {
  const mark = request.path.indexOf('?');
  const path = mark < 0 ? request.path : request.path.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : request.path.slice(mark + 1));
  const plain = { type: 'plain', plain: { path, query } } as const;
  const segments = segmentsOf(path);
  if (segments[0] !== 'api' && segments[0] !== 'apis') return plain;
  const grouped = segments[0] === 'apis';
  const rest = segments.slice(grouped ? 3 : 2);
  if (rest.length === 0) return plain;
  const watching = rest[0] === 'watch' && rest.length > 1; // the old form: /api/v1/watch/...
  const place = placeOf(watching ? rest.slice(1) : rest);
  if (!place) return plain;
  return {
    type: 'resource',
    resource: {
      verb: watching ? 'watch' : verbOf(request.method, place.name, query),
      group: grouped ? (segments[1] ?? '') : '',
      version: segments[grouped ? 2 : 1] ?? '',
      ...place,
      query,
    },
  };
}

function segmentsOf(path: string): readonly string[] {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (!path.includes('%')) return segments;
  try {
    return segments.map(decodeURIComponent);
  } catch {
    throw badRequest(`the path ${path} is not valid percent-encoding`);
  }
}

type Place = Pick<ResourceRequest, 'namespace' | 'plural' | 'name' | 'subresource'>;

/** Namespaces are a resource and a prefix: `namespaces/x` and its own subresources are the former. */
function placeOf(segments: readonly string[]): Place | undefined {
  const [first = '', second = '', third = '', ...more] = segments;
  const ownSubresource = third === 'status' || third === 'finalize';
  if (first === 'namespaces' && third !== '' && !(ownSubresource && more.length === 0)) {
    const [name = '', subresource = '', ...beyond] = more;
    if (beyond.length > 0) return undefined;
    return { namespace: second, plural: third, name, subresource };
  }
  if (more.length > 0) return undefined;
  return { namespace: '', plural: first, name: second, subresource: third };
}

function verbOf(method: ApiRequest['method'], name: string, query: URLSearchParams): Verb {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete';
    case 'OPTIONS':
      throw methodNotKnown();
    case 'GET':
    case 'HEAD':
      if (name !== '') return 'get'; // whatever the query asks for, as upstream
      return isTrue(query.get('watch')) ? 'watch' : 'list';
  }
}

/** How Kubernetes reads a boolean in a query: present and neither `false` nor `0`. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}
