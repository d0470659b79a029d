// The scale subresource: the replicas of an object, whatever its kind.

import {
  type ApiResponse,
  fieldInvalid,
  invalidError,
  labelSelectorFromObject,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { contentTypeOf, decodeObject } from './body.ts';
import { type Draft, type Fields, objectAt, setAt, textAt, valueAt } from './draft.ts';
import { badRequest, notFound } from './failures.ts';
import { patchOf, patchTypes } from './patch.ts';
import { requestKey } from './read.ts';
import type { ScalePaths } from './registry.ts';
import { type ResourceCall, readingOf, withWarnings, writingOf } from './resource-call.ts';
import { jsonResponse } from './response.ts';
import { scaleTable } from './table/scale-table.ts';
import { updateObject } from './update.ts';
import { toServed } from './writing.ts';

/** Answers GET, PUT and PATCH of `scale`. @throws ApiError. */
export async function handleScale(call: ResourceCall, paths: ScalePaths): Promise<ApiResponse> {
  const { resource, request, services } = call;
  const { form, clock } = readingOf(call); // refuses what cannot be answered as JSON
  const answer = (object: Draft): ApiResponse => {
    const scale = draftOfScale(scaleOf(object, paths));
    const nowMs = clock.nowMs();
    return jsonResponse(200, form.type === 'table' ? scaleTable(scale, { form, nowMs }) : scale);
  };
  if (request.verb === 'get') {
    const found = services.state
      .resource(resource.storagePrefix)
      .get(requestKey(request, resource));
    if (!found) throw notFound(resource, request.name);
    return answer(toServed(resource, found.draft()));
  }
  const patch = request.verb === 'patch';
  const writing = writingOf(call, patch ? 'PatchOptions' : 'UpdateOptions');
  const change = patch ? scalePatch(call) : await scaleBody(call);
  const { object } = await updateObject(writing, {
    part: 'scale',
    make: (present) => scaled(present, change(scaleOf(present, paths)), { call, paths }),
    view: {
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      show: (object) => draftOfScale(scaleOf(object, paths)),
      take: (object, shown) => void scaled(object, shown, { call, paths }),
    },
  });
  return withWarnings(answer(toServed(resource, object.draft())), writing);
}

/** A Scale has metadata as every object has. */
function draftOfScale(scale: Fields): Draft {
  const { metadata, ...rest } = scale;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    ...rest,
    metadata: { ...Object(metadata) },
  };
}

type ScaleChange = (present: Fields) => unknown;

function scalePatch({ http }: ResourceCall): ScaleChange {
  if (contentTypeOf(http) === patchTypes.apply) {
    throw badRequest('scale takes merge and JSON patches only');
  }
  return patchOf(http, { strategic: { root: {}, source: { resolve: () => undefined } } }).change;
}

async function scaleBody({ http }: ResourceCall): Promise<ScaleChange> {
  const { value: body } = await decodeObject(http, 'Scale');
  return () => body;
}

/** The `autoscaling/v1` Scale of an object. */
function scaleOf(object: Draft, paths: ScalePaths): Fields {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = valueAt(object, paths.specReplicas);
  const selector = paths.selector && selectorText(valueAt(object, paths.selector));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: typeof replicas === 'number' && replicas !== 0 ? { replicas } : {}, // as Go leaves out a zero
    status: {
      replicas: valueAt(object, paths.statusReplicas) ?? 0,
      ...(selector ? { selector } : {}),
    },
  };
}

function selectorText(value: unknown): string {
  if (typeof value === 'string') return value;
  return isJsonObject(value) ? labelSelectorFromObject(value).toString() : '';
}

function scaled(
  present: Draft,
  wanted: unknown,
  { call, paths }: { readonly call: ResourceCall; readonly paths: ScalePaths },
): Draft {
  if (!isJsonObject(wanted)) throw badRequest('the body of the request is no Scale');
  const kind = textAt(wanted, 'kind');
  if (kind !== '' && kind !== 'Scale') throw badRequest(`the body is a ${kind}, not a Scale`);
  const name = textAt(objectAt(wanted, 'metadata'), 'name') || call.request.name;
  if (name !== call.request.name) {
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${call.request.name})`,
    );
  }
  const replicas = objectAt(wanted, 'spec')['replicas'] ?? 0;
  // Of custom objects the object itself is checked afterwards.
  const isNegative = !call.resource.custom && Number(replicas) < 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || isNegative) {
    throw invalidError({ group: 'autoscaling', kind: 'Scale' }, call.request.name, [
      fieldInvalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const version = textAt(objectAt(wanted, 'metadata'), 'resourceVersion');
  if (version !== '') present.metadata.resourceVersion = version;
  setAt(present, paths.specReplicas, replicas);
  return present;
}
