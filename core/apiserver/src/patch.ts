// PATCH: JSON, merge and strategic patches, and server-side apply.

import {
  type ApiRequest,
  type ApiResponse,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicPatch,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { bodyBytesMax, contentTypeOf, draftOf, parseJson, parseYaml, textOf } from './body.ts';
import type { Draft } from './draft.ts';
import { badRequest, tooLarge, unsupportedMediaType } from './failures.ts';
import type { ServedResource } from './registry.ts';
import { admitted, type ResourceCall, withWarnings, writingOf } from './resource-call.ts';
import type { Part } from './strategy.ts';

import { updateObject } from './update.ts';
import { answer } from './writing.ts';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Changes an object in the way a patch document says. */
export type Patcher = (present: unknown) => unknown;

/** Answers PATCH of an object, or of a subresource that has its shape. */
export async function patchObject(call: ResourceCall, part: Part): Promise<ApiResponse> {
  const { resource } = call;
  const patcher = patcherOf(call.http, resource);
  const writing = writingOf(call, 'PatchOptions');
  const make = (present: Draft): Draft =>
    admitted(writing, patchedDraft(patcher(present), present, resource));
  const { object } = await updateObject(writing, { part, make });
  return withWarnings(answer(writing, 200, object), writing);
}

/** The document of a patch request as a function. @throws ApiError UnsupportedMediaType, BadRequest. */
export function patcherOf(http: ApiRequest, resource: Pick<ServedResource, 'strategic'>): Patcher {
  const { strategic } = resource;
  const type = contentTypeOf(http);
  const accepted = Object.values(patchTypes).filter(
    (each) => strategic || each !== patchTypes.strategic,
  );
  if (!accepted.some((each) => each === type)) throw unsupportedMediaType(accepted);
  if ((http.body?.byteLength ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax);
  const document = parseJson(textOf(http.body ?? new Uint8Array()));
  switch (type) {
    case patchTypes.json:
      return (present) => applyJsonPatch(present, document);
    case patchTypes.merge:
      return (present) => applyMergePatch(present, objectOf(document));
    default: {
      const schema = strategic ?? { root: {}, source: { resolve: () => undefined } };
      return (present) => applyStrategicPatch(objectOf(present), objectOf(document), schema);
    }
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (!isJsonObject(value)) throw badRequest('the patch is no JSON object');
  return value;
}

/** What a patch made of an object must still be one, of the same kind. */
function patchedDraft(value: unknown, present: Draft, resource: ServedResource): Draft {
  const draft = draftOf(structuredClone(value), resource);
  draft.metadata.name ??= present.metadata.name ?? '';
  return draft;
}

/** The document of an apply request: YAML or JSON of an object of the kind. @throws ApiError BadRequest. */
export async function appliedOf(http: ApiRequest): Promise<Record<string, unknown>> {
  if ((http.body?.byteLength ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax);
  const text = textOf(http.body ?? new Uint8Array());
  const value = text.trimStart().startsWith('{') ? parseJson(text) : await parseYaml(text);
  if (!isJsonObject(value)) throw badRequest('error decoding YAML: the document is no object');
  return value;
}
