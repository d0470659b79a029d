// pods/binding: puts a pod on a node, once.

import { type ApiResponse, fieldRequired, invalidError } from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { admitSubresource } from './admission/subresource.ts';
import { decodeObject } from './body.ts';
import { type Draft, listAt, objectAt, objectIn, textAt } from './draft.ts';
import { conflict } from './failures.ts';
import { type ResourceCall, writingOf } from './resource-call.ts';
import { jsonResponse } from './response.ts';
import { updateObject } from './update.ts';

/** Answers POST of a Binding. @throws ApiError Conflict when the pod has a node already. */
export async function bindPod(call: ResourceCall): Promise<ApiResponse> {
  const writing = writingOf(call, 'CreateOptions');
  const { value: body } = await decodeObject(call.http, 'Binding');
  const node = textAt(objectAt(body, 'target'), 'name');
  if (node === '') {
    throw invalidError({ group: '', kind: 'Binding' }, call.request.name, [
      fieldRequired('target.name'),
    ]);
  }
  const metadata = objectAt(body, 'metadata');
  await admitSubresource(writing, {
    operation: 'CREATE',
    subresource: 'binding',
    kind: { group: '', version: 'v1', kind: 'Binding' },
    object: { ...body, apiVersion: 'v1', kind: 'Binding', metadata },
  });
  await updateObject(writing, {
    part: 'binding',
    make: (pod) => {
      refuseBound(call, pod, metadata);
      // Texts to texts, as in every object's metadata.
      const annotations = objectAt(metadata, 'annotations') as Record<string, string>;
      if (Object.keys(annotations).length > 0) {
        pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
      }
      objectIn(pod, 'spec')['nodeName'] = node;
      const status = objectIn(pod, 'status');
      status['conditions'] = withScheduled(status, writing.clock.nowMs());
      return pod;
    },
  });
  return jsonResponse(201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  });
}

function refuseBound({ resource, request }: ResourceCall, pod: Draft, metadata: object): void {
  const name = request.name;
  const uid = textAt(metadata, 'uid');
  if (uid !== '' && uid !== pod.metadata.uid) {
    const detail = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`;
    throw conflict(resource, name, detail);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(resource, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  const node = textAt(pod['spec'], 'nodeName');
  if (node !== '')
    throw conflict(
      resource,
      name,
      `pod ${name} is already assigned to node ${JSON.stringify(node)}`,
    );
  if (listAt(pod['spec'], 'schedulingGates').length > 0) {
    throw conflict(resource, name, `pod ${name} has non-empty .spec.schedulingGates`);
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
