// Bindings put a pod on a node, once. They are told to the pod, as pods/binding, or in the older way to its namespace.
// Rules and texts: upstream's BindingREST and LegacyBindingREST.

import {
  type ApiResponse,
  type FieldError,
  fieldErrorText,
  fieldNotSupported,
  fieldRequired,
  joinErrorTexts,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { admitSubresource } from './admission/subresource.ts';
import { type Draft, listAt, objectAt, objectIn, textAt } from './draft.ts';
import { badRequest, conflict, noSuchPath, plainFailure } from './failures.ts';
import type { ServedResource } from './registry.ts';
import { bodyDraft, type ResourceCall, withWarnings, writingOf } from './resource-call.ts';
import { jsonResponse } from './response.ts';
import { invalidObject, updateObject } from './update.ts';
import type { Writing } from './writing.ts';

/** Answers POST of a Binding to a pod. @throws ApiError Conflict when the pod has a node already. */
export async function bindPod(call: ResourceCall): Promise<ApiResponse> {
  const bindings = resourceOf(call, 'bindings');
  const writing = writingOf(call, 'CreateOptions');
  const told = { ...writing, resource: bindings };
  const sent = await bodyDraft({ ...call, resource: bindings }, told);
  const admitted = await admitSubresource(writing, {
    operation: 'CREATE',
    subresource: 'binding',
    kind: { group: '', version: 'v1', kind: 'Binding' },
    object: placed(sent, call.request.namespace),
    refuse: (binding) => refuseInvalid(binding, call.request.name),
  });
  await bind(writing, admitted);
  return withWarnings(bound(), writing);
}

/** Answers POST of a Binding to a namespace: the pod is the one of its name. @throws ApiError as {@link bindPod}. */
export async function createBinding(call: ResourceCall, sent: Draft): Promise<ApiResponse> {
  const writing = writingOf(call, 'CreateOptions');
  delete sent.metadata.uid; // only of subresources it is looked at
  const binding = placed(sent, call.request.namespace);
  const name = binding.metadata.name ?? '';
  const request = { ...call.request, name };
  const admitted = await admitSubresource(
    { ...writing, request },
    {
      operation: 'CREATE',
      subresource: '',
      kind: { group: '', version: 'v1', kind: 'Binding' },
      object: binding,
      refuse: (object) => refuseInvalid(object, object.metadata.name ?? ''),
    },
  );
  const { namespace } = request;
  const pod = { ...request, plural: 'pods', name: admitted.metadata.name ?? '', namespace };
  await bind({ ...writing, resource: resourceOf(call, 'pods'), request: pod }, admitted);
  return bound();
}

function resourceOf({ services }: ResourceCall, plural: string): ServedResource {
  const resource = services.registry.find('', 'v1', plural);
  if (!resource) throw noSuchPath();
  return resource;
}

function placed(binding: Draft, namespace: string): Draft {
  const { metadata } = binding;
  metadata.namespace ||= namespace;
  if (metadata.namespace === namespace) return binding;
  throw badRequest(
    'the namespace of the provided object does not match the namespace sent on the request',
  );
}

function refuseInvalid(binding: Draft, name: string): void {
  if (name !== (binding.metadata.name ?? '')) {
    throw badRequest('name in URL does not match name in Binding object');
  }
  const problems = bindingProblems(objectAt(binding, 'target'));
  if (problems.length > 0) throw plainFailure(joinErrorTexts(problems.map(fieldErrorText)));
  if (name === '') throw badRequest('Name parameter required.');
}

function bindingProblems(target: object): readonly FieldError[] {
  const kind = textAt(target, 'kind');
  const isOther = kind !== '' && kind !== 'Node';
  return [
    ...(isOther ? [fieldNotSupported('target.kind', kind, ['Node', '<empty>'])] : []),
    ...(textAt(target, 'name') === '' ? [fieldRequired('target.name')] : []),
  ];
}

/** `writing` is of the pod. */
async function bind(writing: Writing, binding: Draft): Promise<void> {
  const { annotations = {} } = binding.metadata;
  await updateObject(writing, {
    part: 'binding',
    make: (pod) => {
      refuseStale(writing, pod, binding);
      refuseBound(pod);
      if (Object.keys(annotations).length > 0) {
        pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
      }
      objectIn(pod, 'spec')['nodeName'] = textAt(objectAt(binding, 'target'), 'name');
      const status = objectIn(pod, 'status');
      status['conditions'] = withScheduled(status, writing.clock.nowMs());
      return pod;
    },
  });
}

/** A binding says of which pod, and of which state of it, it speaks. */
function refuseStale(writing: Writing, pod: Draft, { metadata }: Draft): void {
  const { uid = '', resourceVersion = '' } = metadata;
  const { resource, request } = writing;
  const failed = (field: string, asked: string, present: string | undefined): string =>
    invalidObject(
      writing,
      `${field} in precondition: ${asked}, ${field} in object meta: ${present}`,
    );
  if (uid !== '' && uid !== pod.metadata.uid) {
    throw conflict(resource, request.name, failed('UID', uid, pod.metadata.uid));
  }
  const present = pod.metadata.resourceVersion;
  if (resourceVersion !== '' && resourceVersion !== present) {
    throw conflict(resource, request.name, failed('ResourceVersion', resourceVersion, present));
  }
}

const podBinding = { group: '', plural: 'pods/binding' };

function refuseBound({ metadata, ...pod }: Draft): void {
  const { name = '' } = metadata;
  if (metadata.deletionTimestamp !== undefined) {
    throw conflict(podBinding, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  const node = textAt(pod['spec'], 'nodeName');
  if (node !== '') {
    const why = `pod ${name} is already assigned to node ${JSON.stringify(node)}`;
    throw conflict(podBinding, name, why);
  }
  if (listAt(pod['spec'], 'schedulingGates').length > 0) {
    throw conflict(podBinding, name, `pod ${name} has non-empty .spec.schedulingGates`);
  }
}

function withScheduled(status: object, nowMs: number): readonly unknown[] {
  const others = listAt(status, 'conditions').filter(({ type }) => type !== 'PodScheduled');
  const lastTransitionTime = timestampOf(nowMs);
  return [
    ...others,
    { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime },
  ];
}

function bound(): ApiResponse {
  const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return jsonResponse(201, success);
}
