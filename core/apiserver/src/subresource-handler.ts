// Subresources: the object written in part, its scale, its binding, its log, its streams.

import type { ApiResponse } from '@tweendeck/kube';
import { requestToken } from './access/token-request.ts';
import { bindPod } from './binding.ts';
import { evictPod } from './eviction.ts';
import { methodNotAllowed, noSuchPath, noSuchResource, notFound } from './failures.ts';
import { patchObject } from './patch.ts';
import { readPodLog } from './pod-log.ts';
import { getObject } from './read.ts';
import {
  bodyDraft,
  type ResourceCall,
  readingOf,
  withWarnings,
  writingOf,
} from './resource-call.ts';
import { handleScale } from './scale.ts';
import type { Part } from './strategy.ts';
import { streamPod } from './streams/pod-streams.ts';
import { replaceObject } from './update.ts';

/** Answers a request for a subresource. @throws ApiError. */
export async function handleSubresource(
  call: ResourceCall,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const { request, resource } = call;
  const subresource = resource.subresources.find(({ name }) => name === request.subresource);
  if (resource.namespaced && request.namespace === '') throw noSuchPath();
  if (!subresource) {
    throw resource.custom ? notFound(resource, request.name) : noSuchResource({ isBuiltIn: true });
  }
  if (!subresource.verbs.includes(request.verb)) throw methodNotAllowed(resource, request.verb);
  switch (subresource.name) {
    case 'status':
    case 'finalize':
      return handlePart(call, subresource.name);
    case 'scale':
      if (resource.scale) return handleScale(call, resource.scale);
      throw noSuchPath();
    case 'binding':
      return bindPod(call);
    case 'eviction':
      return evictPod(call);
    case 'token':
      return requestToken(call);
    case 'log':
      return readPodLog(call, signal);
    case 'exec':
    case 'attach':
      return streamPod(call, subresource.name);
    default:
      throw noSuchPath();
  }
}

/** A subresource that is the object itself, written in part. */
async function handlePart(call: ResourceCall, part: Part): Promise<ApiResponse> {
  const { verb } = call.request;
  if (verb === 'get') return getObject(readingOf(call));
  if (verb === 'patch') return patchObject(call, part);
  const writing = writingOf(call, 'UpdateOptions');
  const draft = await bodyDraft(call, writing);
  return withWarnings(await replaceObject(writing, draft, part), writing);
}
