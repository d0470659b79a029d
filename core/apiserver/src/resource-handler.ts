// Requests for resources: finds what is addressed and calls the verb.

import { ApiError, type ApiResponse } from '@tweendeck/kube';
import { answerQuestion } from './access/questions.ts';
import { decodeBody } from './body.ts';
import { createObject } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { type DeleteOptions, deleteOptionsOf } from './delete-options.ts';
import { hasBuiltIn } from './discovery.ts';
import { methodNotAllowed, methodNotKnown, noSuchResource } from './failures.ts';
import { mediaRanges, refuseForeign } from './negotiation.ts';
import { patchObject } from './patch.ts';
import { getObject, listObjects } from './read.ts';
import {
  bodyDraft,
  type ResourceCall,
  readingOf,
  type Services,
  withWarnings,
  writingOf,
} from './resource-call.ts';
import { asYaml, failureResponse } from './response.ts';
import { handleSubresource } from './subresource-handler.ts';
import { replaceObject } from './update.ts';
import { watchObjects } from './watch.ts';
import type { Writing } from './writing.ts';

/** Answers a request for a resource in the encoding it wants. @throws ApiError. */
export async function handleResource(
  services: Services,
  { http, request, user, annotate }: Pick<ResourceCall, 'http' | 'request' | 'user' | 'annotate'>,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const resource = services.registry.find(request.group, request.version, request.plural);
  if (!resource || (!resource.namespaced && request.namespace !== '')) {
    throw noSuchResource({ isBuiltIn: hasBuiltIn(services.registry, request.group) });
  }
  const notes = annotate ? { annotate } : {};
  const warnings: string[] = [];
  const call: ResourceCall = { services, http, request, resource, user, warnings, ...notes };
  const response = await dispatch(call, signal).catch((error: unknown) => {
    if (!(error instanceof ApiError) || warnings.length === 0) throw error;
    return withWarnings(failureResponse(error), { warnings });
  });
  // Whoever declares a kind can use it at once.
  if (isDefinitionWrite(call)) await services.registry.settle();
  const first = mediaRanges(http.headers['accept'])[0]?.type;
  return first === 'application/yaml' ? asYaml(response) : response;
}

function isDefinitionWrite({ resource, request }: ResourceCall): boolean {
  return (
    resource.kind === 'CustomResourceDefinition' &&
    (request.verb === 'create' || request.verb === 'update' || request.verb === 'patch')
  );
}

async function dispatch(call: ResourceCall, signal: AbortSignal): Promise<ApiResponse> {
  const { request, resource, http } = call;
  if (request.subresource !== '') return handleSubresource(call, signal);
  refuseVerb(call);
  if (!resource.custom)
    refuseForeign(http.headers['accept'], {
      isList: request.verb === 'list' || request.verb === 'watch',
    });
  switch (request.verb) {
    case 'get':
      return getObject(readingOf(call));
    case 'list':
      return listObjects(readingOf(call));
    case 'watch':
      return watchObjects({ ...readingOf(call), ...watchParts(call) }, signal);
    case 'create':
      return create(call);
    case 'update':
      return update(call);
    case 'patch':
      return patchObject(call, 'main');
    case 'delete':
      return remove(call, deleteObject);
    case 'deletecollection':
      return remove(call, deleteCollection);
  }
}

function watchParts({ services, user }: ResourceCall) {
  const { random, watchLimits, closed, guards } = services;
  return { random, limits: watchLimits, closed, place: () => guards.watch(user) };
}

function refuseVerb({ request, resource, http }: ResourceCall): void {
  const isHead = http.method === 'HEAD';
  if (resource.answered && resource.namespaced && request.namespace === '') {
    throw noSuchResource({ isBuiltIn: true });
  }
  if (resource.answered && request.verb !== 'create') throw methodNotKnown();
  const { verb, name, namespace } = request;
  if (isHead && !resource.custom) throw methodNotKnown();
  const misplaced =
    verb === 'create' ? name !== '' : verb === 'update' || verb === 'patch' ? name === '' : false;
  const homeless = resource.namespaced && namespace === '' && !['list', 'watch'].includes(verb);
  if (misplaced || homeless || !resource.verbs.includes(verb)) {
    throw methodNotAllowed(resource, verb);
  }
}

async function create(call: ResourceCall): Promise<ApiResponse> {
  const writing = writingOf(call, 'CreateOptions');
  if (call.resource.answered) {
    const question = await bodyDraft(call, writing);
    return withWarnings(await answerQuestion(call, question), writing);
  }
  return withWarnings(await createObject(writing, await bodyDraft(call, writing)), writing);
}

async function update(call: ResourceCall): Promise<ApiResponse> {
  const writing = writingOf(call, 'UpdateOptions');
  const draft = await bodyDraft(call, writing);
  return withWarnings(await replaceObject(writing, draft, 'main'), writing);
}

async function remove(
  call: ResourceCall,
  act: (writing: Writing, options: DeleteOptions) => Promise<ApiResponse>,
): Promise<ApiResponse> {
  const writing = writingOf(call, 'DeleteOptions');
  const options = deleteOptionsOf((await decodeBody(call.http)).value, call.request.query);
  return withWarnings(await act(writing, options), writing);
}
