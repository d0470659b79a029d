// GET of one object and of collections: from the cache, or from the store's past when a page or an exact version asks for it.

import { type ApiError, type ApiResponse, goJsonError } from '@tweendeck/kube';
import { type Clock, isPlatformError } from '@tweendeck/std';
import type { ClusterState } from './cluster-state.ts';
import { badRequest, expired, expiredPage, notFound, tooLargeResourceVersion } from './failures.ts';
import { type ListOptions, listOptionsOf, revisionOf } from './list-options.ts';
import type { Acceptance } from './negotiation.ts';
import { Pace } from './pace.ts';
import type { ServedResource } from './registry.ts';
import { type ListMeta, renderList, renderObject } from './rendering.ts';
import type { ResourceRequest } from './request.ts';
import { bytesResponse } from './response.ts';
import { type Selection, selectionOf } from './selection.ts';
import { StoredObject } from './stored-object.ts';

export interface Reading extends Acceptance {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly resource: ServedResource;
  readonly request: ResourceRequest;
}

interface Page {
  readonly objects: readonly StoredObject[];
  readonly meta: ListMeta;
}

/** The key of the object a request names. */
export function requestKey(request: ResourceRequest, resource: ServedResource): string {
  return resource.namespaced ? `${request.namespace}/${request.name}` : request.name;
}

export async function getObject(reading: Reading): Promise<ApiResponse> {
  const { state, resource, request } = reading;
  await state.untilFresh(revisionOf(request.query) ?? 0);
  const object = state.resource(resource.storagePrefix).get(requestKey(request, resource));
  if (!object) throw notFound(resource, request.name);
  const pieces = renderObject(renderingOf(reading), object);
  return bytesResponse(200, 'application/json', pieces);
}

export async function listObjects(reading: Reading): Promise<ApiResponse> {
  const { resource, request } = reading;
  const options = listOptionsOf(request.query);
  const selection = selectionOf(request, resource);
  const pace = new Pace(reading.clock);
  const { objects, meta } = await pageOf({ ...reading, pace }, selection, options);
  const pieces = await renderList(renderingOf(reading), objects, { meta, pace });
  return bytesResponse(200, 'application/json', pieces);
}

function renderingOf({ resource, form, clock }: Reading) {
  return { resource, form, nowMs: clock.nowMs() };
}

/** A reading that may take many turns. */
interface Paging extends Reading {
  readonly pace: Pace;
}

async function pageOf(reading: Paging, selection: Selection, options: ListOptions): Promise<Page> {
  const { state } = reading;
  if (options.continue !== '') return continued(reading, selection, options);
  const { resourceVersion: wanted, match } = options;
  // As upstream: who takes whatever there is takes all of it.
  const limit = wanted === 0 ? 0 : options.limit;
  const exact = match === 'Exact' || (match === undefined && limit > 0 && wanted);
  if (exact && wanted !== undefined) {
    if (wanted > state.revision) throw tooLargeResourceVersion(wanted, state.revision);
    return pageAt(reading, selection, { revision: wanted, after: '', limit });
  }
  await state.untilFresh(wanted ?? 0);
  return pageNow(reading, selection, { after: '', limit });
}

/** What `continue` carries; revision -1 asks for an inconsistent rest. */
interface Token {
  readonly revision: number;
  readonly after: string;
}

function tokenText(token: Token): string {
  return Buffer.from(JSON.stringify([token.revision, token.after])).toString('base64url');
}

function parseToken(text: string): Token {
  const bytes = Buffer.from(text, 'base64url');
  const problem = goJsonError(bytes);
  if (problem !== undefined) throw badToken(problem);
  const value: unknown = JSON.parse(bytes.toString());
  if (Array.isArray(value) && value.length === 2) {
    const [revision, after]: readonly unknown[] = value;
    if (Number.isSafeInteger(revision) && typeof after === 'string') {
      return { revision: Number(revision), after };
    }
  }
  throw badToken(JSON.stringify(value));
}

function badToken(why: string): ApiError {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

async function continued(
  reading: Paging,
  selection: Selection,
  { continue: text, limit }: ListOptions,
): Promise<Page> {
  const { revision, after } = parseToken(text);
  const { state, resource } = reading;
  if (revision < 0) return pageNow(reading, selection, { after, limit });
  if (revision > state.revision) throw badToken(text);
  // Nothing changed here since: the cache still is that past. What the store forgot is gone even so, as everywhere else.
  const cache = state.resource(resource.storagePrefix);
  const isPresent = Math.max(cache.changedRevision, cache.startRevision) <= revision;
  if (isPresent && revision >= state.store.compactedRevision) {
    return pageNow(reading, selection, { after, limit }, revision);
  }
  return pageAt(reading, selection, { revision, after, limit });
}

async function pageNow(
  { state, resource, pace }: Paging,
  selection: Selection,
  { after, limit }: { readonly after: string; readonly limit: number },
  revision: number = state.revision,
): Promise<Page> {
  const cache = state.resource(resource.storagePrefix);
  if (selection.only !== undefined) {
    const object = cache.get(selection.only);
    const found = object && selection.only > after && selection.matches(object) ? [object] : [];
    return { objects: found, meta: { resourceVersion: String(revision) } };
  }
  const range = cache.range(selection.prefix, after);
  // Taken together, so that it is one moment however many turns it takes to look at them; one more than fits tells of a next page.
  const candidates = [...(selection.selective || limit === 0 ? range : range.take(limit + 1))];
  const beyond = limit > 0 ? (candidates[limit]?.key ?? '') : '';
  const remaining =
    selection.selective || beyond === ''
      ? undefined
      : cache.count(selection.prefix, candidates[limit - 1]?.key);
  const objects = selection.selective
    ? await matching(candidates, selection, { limit, pace })
    : candidates;
  const last = objects[limit - 1];
  if (limit === 0 || objects.length <= limit || !last) {
    return { objects, meta: { resourceVersion: String(revision) } };
  }
  return { objects: objects.slice(0, limit), meta: listMeta(revision, last.key, remaining) };
}

/** Those that match, up to one more than `limit`; all when that is 0. */
async function matching(
  candidates: readonly StoredObject[],
  selection: Selection,
  { limit, pace }: { readonly limit: number; readonly pace: Pace },
): Promise<readonly StoredObject[]> {
  const found: StoredObject[] = [];
  for (const object of candidates) {
    const pause = pace.step();
    if (pause) await pause;
    if (selection.matches(object)) found.push(object);
    if (limit > 0 && found.length > limit) break;
  }
  return found;
}

function listMeta(revision: number, after: string, remaining: number | undefined): ListMeta {
  return {
    resourceVersion: String(revision),
    continue: tokenText({ revision, after }),
    ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
  };
}

const storeChunkLength = 500;

/** A page of the past, read from the store. */
async function pageAt(
  { state, resource }: Reading,
  selection: Selection,
  {
    revision,
    after,
    limit,
  }: { readonly revision: number; readonly after: string; readonly limit: number },
): Promise<Page> {
  const root = resource.storagePrefix;
  const objects: StoredObject[] = [];
  let position = after;
  for (;;) {
    const { items, remaining } = await pastOf(after, () =>
      state.store.list(`${root}${selection.prefix}`, {
        revision,
        lengthMax: storeChunkLength,
        ...(position === '' ? {} : { after: `${root}${position}` }),
      }),
    );
    for (const [index, item] of items.entries()) {
      position = item.key.slice(root.length);
      const object = new StoredObject(position, item.value, item.revision);
      if (!selection.matches(object)) continue;
      objects.push(object);
      const left = remaining + items.length - index - 1;
      if (objects.length !== limit || left === 0) continue;
      return {
        objects,
        meta: listMeta(revision, position, selection.selective ? undefined : left),
      };
    }
    if (remaining === 0) return { objects, meta: { resourceVersion: String(revision) } };
  }
}

async function pastOf<Result>(after: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!isPlatformError(error, 'STORE_COMPACTED')) throw error;
    throw after === ''
      ? expired('The resourceVersion for the provided list is too old.')
      : expiredPage(
          'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
          tokenText({ revision: -1, after }),
        );
  }
}
