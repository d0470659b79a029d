// What kind of request one is, as differences are grouped and named by it: the verb and the resource, without names of objects.

import type { Sent } from './translation.ts';

interface Common {
  /** `create pods`, `get openapi/v3`: the request without names of objects. */
  readonly name: string;
  /** The name for what does not depend on the resource: `create`, `discovery`. */
  readonly verbName: string;
  readonly isWatch: boolean;
}

export type RequestShape = Common &
  (
    | {
        readonly kind: 'resource';
        readonly group: string;
        readonly version: string;
        readonly resource: string;
        readonly subresource: string;
      }
    | { readonly kind: 'discovery' | 'openapi'; readonly groupVersion: string | undefined }
    | { readonly kind: 'other' }
  );

const resourcePath =
  /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>v[^/]+)\/(?:namespaces\/(?<namespace>[^/]+)\/(?!(?:status|finalize)$))?(?<resource>[^/]+)(?:\/(?<name>[^/]+)(?:\/(?<subresource>.+))?)?$/;

/** Reads method, path, query and the kind of patch. */
export function shapeOf({ method, path, headers }: Sent): RequestShape {
  const [bare = '', query = ''] = path.split('?', 2);
  const trimmed = bare.replace(/\/+$/, '');
  const parameters = new URLSearchParams(query);
  const isWatch = ['true', '1'].includes(parameters.get('watch') ?? '');
  if (/^\/openapi/.test(trimmed)) {
    const groupVersion = /^\/openapi\/v3\/(?:apis\/)?(.+)$/.exec(trimmed)?.[1];
    return {
      kind: 'openapi',
      groupVersion,
      name: `get ${trimmed}`,
      verbName: 'OpenAPI',
      isWatch: false,
    };
  }
  // The old way to say `?watch=true`.
  const isWatchPath = /^\/(api|apis\/[^/]+)\/[^/]+\/watch\//.test(trimmed);
  const match = resourcePath.exec(trimmed.replace(/\/watch\//, '/'))?.groups;
  if (/^\/(api|apis)(\/|$)/.test(trimmed) && !match) {
    const groupVersion = /^\/apis?\/(.+)$/.exec(trimmed)?.[1];
    return {
      kind: 'discovery',
      groupVersion,
      name: `get ${trimmed}`,
      verbName: 'discovery',
      isWatch: false,
    };
  }
  if (!match) {
    return {
      kind: 'other',
      name: `${method.toLowerCase()} ${trimmed || '/'}`,
      verbName: method,
      isWatch: false,
    };
  }
  const { group = '', version = '', resource = '', name, subresource = '' } = match;
  const isWatched = isWatchPath || (isWatch && name === undefined);
  const verb = verbOf(method, { isWatch: isWatched, hasName: name !== undefined, headers });
  return {
    kind: 'resource',
    group,
    version,
    resource,
    subresource,
    name: `${verb} ${resource}${subresource === '' ? '' : `/${subresource.split('/')[0]}`}`,
    verbName: verb,
    isWatch: isWatched && method === 'GET',
  };
}

function verbOf(
  method: string,
  {
    isWatch,
    hasName,
    headers,
  }: {
    readonly isWatch: boolean;
    readonly hasName: boolean;
    readonly headers: Readonly<Record<string, string>>;
  },
): string {
  if (method === 'GET' && isWatch) return 'watch';
  if (method === 'GET') return hasName ? 'get' : 'list';
  if (method === 'DELETE') return hasName ? 'delete' : 'deletecollection';
  if (method === 'POST') return 'create';
  if (method === 'PUT') return 'update';
  if (method !== 'PATCH') return method.toLowerCase();
  return /apply-patch/.test(headers['content-type'] ?? '') ? 'apply' : 'patch';
}

/** The heading under which a difference in a body is listed; `place` is where in the body. */
export function areaOf(shape: RequestShape, place: string): string {
  if (shape.kind === 'openapi') return 'OpenAPI documents';
  if (shape.kind === 'discovery') return 'Discovery documents';
  if (shape.kind === 'other') return 'Other paths';
  if (/(^|\.)managedFields/.test(place)) return 'Field ownership';
  if (/^(columnDefinitions|rows\[\]\.cells)/.test(place)) return 'Printed columns';
  const inside = place.replace(/^(items\[\]|rows\[\]\.object)\.?/, '');
  if (/^metadata/.test(inside)) return "Objects' metadata";
  if (/^spec/.test(inside)) return "Objects' specs: defaults and admission";
  if (/^status/.test(inside)) return "Objects' status";
  return 'Other parts of answers';
}
