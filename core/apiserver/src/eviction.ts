// pods/eviction: deletes a pod if the disruption budgets that select it allow that. Rules and texts: upstream's EvictionREST.

import {
  ApiError,
  type ApiResponse,
  isApiError,
  type LabelSelector,
  labelSelectorFromObject,
} from '@tweendeck/kube';
import { isJsonObject, isPlatformError, timestampOf } from '@tweendeck/std';
import { admitSubresource } from './admission/subresource.ts';
import { decodeObject } from './body.ts';
import { deleteObject } from './delete.ts';
import { type DeleteOptions, deleteOptionsOf } from './delete-options.ts';
import { type Draft, type Fields, listAt, numberAt, objectAt, objectIn, textAt } from './draft.ts';
import { badRequest, conflict, forbidden, internal, notFound } from './failures.ts';
import { internalWriting } from './internal-writing.ts';
import { requestKey } from './read.ts';
import { type ResourceCall, writingOf } from './resource-call.ts';
import { jsonResponse } from './response.ts';
import { updateObject } from './update.ts';
import type { Writing } from './writing.ts';

/** Pods noted as going, which a controller has not seen gone yet. */
const disruptedPodsMax = 2_000;
/** As upstream: conflicts are tried again so often. */
const triesMax = 20;
const budgets = { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' };

/** Answers POST of an Eviction. @throws ApiError TooManyRequests when a budget does not allow it now. */
export async function evictPod(call: ResourceCall): Promise<ApiResponse> {
  const writing = writingOf(call, 'CreateOptions');
  const { value: body } = await decodeObject(call.http, 'Eviction');
  const kind = textAt(body, 'kind');
  if (kind !== '' && kind !== 'Eviction') throw badRequest(`not a Eviction object: ${kind}`);
  if (textAt(objectAt(body, 'metadata'), 'name') !== call.request.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const options = optionsOf(body, writing);
  await admitSubresource(writing, {
    operation: 'CREATE',
    subresource: 'eviction',
    kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
    object: {
      ...body,
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: objectAt(body, 'metadata'),
    },
  });
  await evict(call, writing, options);
  return jsonResponse(201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  });
}

function optionsOf(body: Fields, { options: { dryRun } }: Writing): DeleteOptions {
  const given = deleteOptionsOf(objectAt(body, 'deleteOptions'), new URLSearchParams());
  return { ...given, dryRun: given.dryRun || dryRun };
}

async function evict(call: ResourceCall, writing: Writing, options: DeleteOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const pod = readPod(call);
    if (!mayIgnoreBudgets(pod)) break;
    const guards = !isEnded(pod) && options.resourceVersion === undefined;
    const guarded = guards ? { ...options, resourceVersion: versionOf(pod) } : options;
    try {
      await remove(call, writing, guarded);
      return;
    } catch (error) {
      const again = isApiError(error, 'Conflict') && options.resourceVersion === undefined;
      if (!again || attempt >= triesMax) throw error;
    }
  }
  const pod = readPod(call);
  const budget = budgetOf(call, pod);
  const free = budget !== undefined && !isReady(pod) && sparesUnready(budget);
  if (budget && !free) await takeFrom(call, budget, { pod, options });
  try {
    await remove(call, writing, free ? { ...options, resourceVersion: versionOf(pod) } : options);
  } catch (error) {
    const raced = free && options.resourceVersion === undefined && isApiError(error, 'Conflict');
    throw raced ? stillProcessed(budget?.metadata.name ?? '') : error;
  }
}

function readPod({ services, request, resource }: ResourceCall): Draft {
  const cache = services.state.resource(resource.storagePrefix);
  const pod = cache.get(requestKey(request, resource))?.draft();
  if (!pod) throw notFound(resource, request.name);
  return pod;
}

function versionOf({ metadata }: Draft): string {
  return metadata.resourceVersion ?? '';
}

function isEnded({ status, metadata }: Draft): boolean {
  const phase = textAt(status, 'phase');
  return phase === 'Succeeded' || phase === 'Failed' || metadata.deletionTimestamp !== undefined;
}

/** A pod that does not run yet, or no more, disrupts nothing by going. */
function mayIgnoreBudgets(pod: Draft): boolean {
  return isEnded(pod) || textAt(pod['status'], 'phase') === 'Pending';
}

function isReady({ status }: Draft): boolean {
  return listAt(status, 'conditions').some(
    (each) => each['type'] === 'Ready' && each['status'] === 'True',
  );
}

/** The one budget that selects the pod. @throws ApiError InternalError when several do. */
function budgetOf({ services }: ResourceCall, pod: Draft): Draft | undefined {
  const resource = services.registry.find(budgets.group, budgets.version, budgets.plural);
  if (!resource) return undefined;
  const cache = services.state.resource(resource.storagePrefix);
  const found = [...cache.range(`${pod.metadata.namespace}/`)]
    .map((stored) => stored.draft())
    .filter((budget) => selects(budget, pod));
  if (found.length <= 1) return found[0];
  throw new ApiError(
    500,
    '',
    'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    {},
  );
}

/** A budget without a selector selects nothing, an empty selector everything. */
function selects({ spec }: Draft, pod: Draft): boolean {
  const selector = objectAt({ spec }, 'spec')['selector'];
  if (!isJsonObject(selector)) return false;
  try {
    // It was checked when it was written.
    return labelSelectorFromObject(selector as LabelSelector).matches(pod.metadata.labels);
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return false;
  }
}

/** Whether pods that are not ready may go without counting. */
function sparesUnready({ spec, status }: Draft): boolean {
  if (textAt(spec, 'unhealthyPodEvictionPolicy') === 'AlwaysAllow') return true;
  const desired = numberAt(status, 'desiredHealthy') ?? 0;
  return desired > 0 && (numberAt(status, 'currentHealthy') ?? 0) >= desired;
}

function refused(message: string, retryAfterSeconds?: number): ApiError {
  return new ApiError(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      causes: [{ reason: 'DisruptionBudget', message }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  );
}

function stillProcessed(budget: string): ApiError {
  return refused(`The disruption budget ${budget} is still being processed by the server.`, 10);
}

/** Takes one disruption from the budget and notes for whom. @throws ApiError when there is none to take. */
async function takeFrom(
  { services }: ResourceCall,
  budget: Draft,
  { pod, options }: { readonly pod: Draft; readonly options: DeleteOptions },
): Promise<void> {
  const { namespace = '', name = '' } = budget.metadata;
  if (options.dryRun) {
    refuseIfSpent(budget);
    return;
  }
  const resource = services.registry.find(budgets.group, budgets.version, budgets.plural);
  if (!resource) throw internal('there are no disruption budgets');
  const writing = internalWriting(services, { resource, verb: 'update', namespace, name });
  await updateObject(writing, {
    part: 'status',
    make(present) {
      refuseIfSpent(present);
      const status = objectIn(present, 'status');
      const left = (numberAt(status, 'disruptionsAllowed') ?? 0) - 1;
      const nowMs = services.clock.nowMs();
      status['disruptionsAllowed'] = left;
      if (left === 0) status['conditions'] = withoutDisruptions(status, nowMs);
      objectIn(status, 'disruptedPods')[pod.metadata.name ?? ''] = timestampOf(nowMs);
      return present;
    },
  });
}

function refuseIfSpent({ metadata, status }: Draft): void {
  const { name = '', generation = 0 } = metadata;
  const allowed = numberAt(status, 'disruptionsAllowed') ?? 0;
  if ((numberAt(status, 'observedGeneration') ?? 0) < generation) throw stillProcessed(name);
  const resource = { group: budgets.group, plural: 'poddisruptionbudget' };
  if (allowed < 0) throw forbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(objectAt(status, 'disruptedPods')).length > disruptedPodsMax) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(resource, name, why);
  }
  if (allowed > 0) return;
  const desired = numberAt(status, 'desiredHealthy') ?? 0;
  const current = numberAt(status, 'currentHealthy') ?? 0;
  throw refused(
    `The disruption budget ${name} needs ${desired} healthy pods and has ${current} currently`,
  );
}

function withoutDisruptions(status: Fields, nowMs: number): readonly unknown[] {
  const conditions = listAt(status, 'conditions');
  const before = conditions.find(({ type }) => type === 'DisruptionAllowed');
  const same = before?.['status'] === 'False';
  const observedGeneration = numberAt(status, 'observedGeneration');
  return [
    ...conditions.filter((each) => each !== before),
    {
      type: 'DisruptionAllowed',
      status: 'False',
      ...(observedGeneration ? { observedGeneration } : {}),
      lastTransitionTime: same ? before['lastTransitionTime'] : timestampOf(nowMs),
      reason: 'InsufficientPods',
      message: '',
    },
  ];
}

/** Says on the pod why it goes, and deletes it. */
async function remove(call: ResourceCall, writing: Writing, options: DeleteOptions): Promise<void> {
  let { resourceVersion } = options;
  if (!options.dryRun) {
    const { resource, request } = call;
    const { object } = await updateObject(writing, {
      part: 'status',
      make(present) {
        if (resourceVersion !== undefined && resourceVersion !== versionOf(present)) {
          const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${versionOf(present)}). The object might have been modified`;
          throw conflict(resource, request.name, why);
        }
        const status = objectIn(present, 'status');
        status['conditions'] = withDisruption(status, writing.clock.nowMs());
        return present;
      },
    });
    // It is we who changed it.
    if (resourceVersion !== undefined) resourceVersion = String(object.revision);
  }
  await deleteObject(writing, { ...options, resourceVersion });
}

function withDisruption(status: Fields, nowMs: number): readonly unknown[] {
  const conditions = listAt(status, 'conditions');
  const before = conditions.find(({ type }) => type === 'DisruptionTarget');
  const same = before?.['status'] === 'True';
  return [
    ...conditions.filter((each) => each !== before),
    {
      type: 'DisruptionTarget',
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: same ? before['lastTransitionTime'] : timestampOf(nowMs),
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    },
  ];
}
