// Subresources: status, scale, binding, finalize, log.

import type { ApiResponse } from '@tweendeck/kube';
import { methodNotAllowed, noSuchPath } from './failures.ts';
import { getObject } from './read.ts';
import type { Subresource } from './registry.ts';
import {
  bodyDraft,
  type ResourceCall,
  readingOf,
  withWarnings,
  writingOf,
} from './resource-call.ts';
import type { Part } from './strategy.ts';
import { replaceObject } from './update.ts';

/** Answers a request for a subresource. @throws ApiError. */
export async function handleSubresource(
  call: ResourceCall,
  _signal: AbortSignal,
): Promise<ApiResponse> {
  const { request, resource } = call;
  const subresource = resource.subresources.find(({ name }) => name === request.subresource);
  if (!subresource) throw noSuchPath();
  if (!subresource.verbs.includes(request.verb)) throw methodNotAllowed(resource, request.verb);
  const part = partOf(subresource);
  if (part === undefined) throw noSuchPath();
  return handlePart(call, part);
}

function partOf({ name }: Subresource): Part | undefined {
  return name === 'status' || name === 'finalize' ? name : undefined;
}

/** A subresource that is the object itself, written in part. */
async function handlePart(call: ResourceCall, part: Part): Promise<ApiResponse> {
  if (call.request.verb === 'get') return getObject(readingOf(call));
  const writing = writingOf(call, 'UpdateOptions');
  const draft = await bodyDraft(call, writing);
  return withWarnings(await replaceObject(writing, draft, part), writing);
}
