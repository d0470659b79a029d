// Lists and watches: pages put together, event streams taken apart.

import {
  apiVersionOf,
  isApiError,
  type KubeObject,
  type Resource,
  resourcePath,
} from '@tweendeck/kube';
import { isJsonObject, PlatformError } from '@tweendeck/std';
import { errorOfStatus } from './answer.ts';
import type { ObjectList, Selection, WatchEvent, WatchOptions } from './client.ts';
import { linesOf } from './lines.ts';
import type { Requests } from './requests.ts';

type Query = Readonly<Record<string, string | undefined>>;

const pageLengthMax = 500;
const pagedTriesMax = 3;

/** The whole list, in pages. A 410 in the middle starts it again; after three of those it is taken in one piece. */
export async function listAll<Obj extends KubeObject>(
  requests: Requests,
  resource: Resource<Obj>,
  selection: Selection,
  signal: AbortSignal,
): Promise<ObjectList<Obj>> {
  for (let tries = 0; ; tries++) {
    const limit = tries < pagedTriesMax ? String(pageLengthMax) : undefined;
    const query = { ...selectorQuery(selection), limit };
    try {
      const accept = selection.metadataOnly
        ? metadataAccept('PartialObjectMetadataList')
        : undefined;
      const what = { resource, namespace: selection.namespace, query, accept };
      return await listPages(requests, what, signal);
    } catch (error) {
      if (!isApiError(error) || error.code !== 410 || limit === undefined) throw error;
    }
  }
}

async function listPages<Obj extends KubeObject>(
  requests: Requests,
  what: {
    readonly resource: Resource<Obj>;
    readonly namespace: string | undefined;
    readonly query: Query;
    readonly accept: string | undefined;
  },
  signal: AbortSignal,
): Promise<ObjectList<Obj>> {
  const path = resourcePath(what.resource, { namespace: what.namespace });
  const items: Obj[] = [];
  let next: string | undefined;
  for (;;) {
    const query = { ...what.query, continue: next };
    const call = {
      method: 'GET',
      path,
      query,
      ...(what.accept ? { accept: what.accept } : {}),
    } as const; // the literal is the method
    const page = pageOf(what.resource, await requests.json(call, signal));
    for (const item of page.items) items.push(item);
    next = page.next;
    if (!next) return { items, resourceVersion: page.resourceVersion };
  }
}

interface Page<Obj> {
  readonly items: readonly Obj[];
  readonly resourceVersion: string;
  readonly next: string | undefined;
}

function pageOf<Obj extends KubeObject>(resource: Resource<Obj>, answer: unknown): Page<Obj> {
  const metadata = isJsonObject(answer) ? answer['metadata'] : undefined;
  const items = isJsonObject(answer) ? (answer['items'] ?? []) : undefined;
  if (!Array.isArray(items) || !isJsonObject(metadata)) throw badAnswer(resource, 'is no list');
  const { resourceVersion, continue: next } = metadata;
  return {
    items: items.map((item: unknown) => objectOf(resource, item)),
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
    next: typeof next === 'string' && next !== '' ? next : undefined,
  };
}

/** One watch connection, decoded. An ERROR event is thrown as the ApiError it carries. */
export async function* watchOnce<Obj extends KubeObject>(
  requests: Requests,
  resource: Resource<Obj>,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<Obj>, void, undefined> {
  const query = {
    ...selectorQuery(options),
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: options.resourceVersion,
    timeoutSeconds: options.timeoutSeconds?.toString(),
    ...(options.sendInitialEvents
      ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
      : {}),
  };
  const path = resourcePath(resource, { namespace: options.namespace });
  const accept = options.metadataOnly ? metadataAccept('PartialObjectMetadata') : undefined;
  const response = await requests.open(
    { method: 'GET', path, query, ...(accept ? { accept } : {}) },
    signal,
  );
  for await (const line of linesOf(response.body)) yield eventOf(resource, line);
}

/** The whole object is taken where the server has no partial form. */
function metadataAccept(kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;
}

function eventOf<Obj extends KubeObject>(resource: Resource<Obj>, line: string): WatchEvent<Obj> {
  const event = parsed(resource, line);
  const { type, object } = isJsonObject(event) ? event : {};
  if (!isJsonObject(object)) throw badAnswer(resource, 'holds an event without an object');
  if (type === 'ERROR') throw errorOfStatus(object, 500);
  const typed = objectOf(resource, object);
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object: typed };
  if (type !== 'BOOKMARK') throw badAnswer(resource, `holds an event of type ${String(type)}`);
  const { resourceVersion, annotations } = typed.metadata;
  const initialEventsEnd = annotations?.['k8s.io/initial-events-end'] === 'true';
  return { type, resourceVersion, initialEventsEnd };
}

function parsed(resource: Resource<KubeObject>, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw badAnswer(resource, 'holds an event that is not JSON', cause);
  }
}

/** Trusts the server with everything but the outline. Items of typed lists come without apiVersion and kind. */
export function objectOf<Obj extends KubeObject>(resource: Resource<Obj>, value: unknown): Obj {
  if (!isJsonObject(value)) throw badAnswer(resource, 'is no object');
  const whole =
    typeof value['kind'] === 'string'
      ? value
      : { apiVersion: apiVersionOf(resource), kind: resource.kind, ...value };
  // The API server has validated it against the schema that Obj is made of.
  return whole as unknown as Obj;
}

function badAnswer(resource: Resource<KubeObject>, what: string, cause?: unknown): PlatformError {
  const path = resourcePath(resource, {});
  return new PlatformError('CLIENT_BAD_ANSWER', `the answer for ${path} ${what}`, { cause });
}

function selectorQuery(selection: Selection): Query {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector };
}
