// The world of the pods as an API: what they read comes from caches, what they write goes to the server.

import type { Client, Informer } from '@tweendeck/client';
import type { EventRecorder } from '@tweendeck/controller';
import {
  configMapResource,
  isApiError,
  type Pod,
  type PodStatus,
  persistentVolumeClaimResource,
  persistentVolumeResource,
  podResource,
  refOf,
  type Service,
  secretResource,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { NamedInputs } from './named-inputs.ts';
import type { PodHost, PodToken } from './runtime.ts';

export interface ApiHostOptions {
  readonly client: Client;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly inputs: Pick<NamedInputs, 'configMap' | 'secret'>;
  readonly services: Informer<Service>;
}

export function apiHost(options: ApiHostOptions): PodHost {
  const { client, events, inputs, services } = options;
  return {
    async writeStatus(pod, status, signal) {
      const body = statusPatch(pod, status);
      const write = { subresource: 'status' } as const;
      try {
        await client.patch(podResource, refOf(pod), { type: 'strategic', body }, write, signal);
      } catch (error) {
        if (!(await isGone(client, { pod, error }, signal))) throw error;
      }
    },
    async deletePod(pod, signal) {
      const { uid } = pod.metadata;
      const how = { graceSeconds: 0, preconditions: { uid } };
      try {
        await client.delete(podResource, refOf(pod), how, signal);
      } catch (error) {
        if (!(await isGone(client, { pod, error }, signal))) throw error;
      }
    },
    event: (pod, event) => events.record({ ...event, about: pod }),
    // A pod may be seen before what it names: what the cache lacks is asked for.
    configMap: async (ref, signal) =>
      inputs.configMap(ref) ?? (await client.get(configMapResource, ref, signal)),
    secret: async (ref, signal) =>
      inputs.secret(ref) ?? (await client.get(secretResource, ref, signal)),
    claim: (ref, signal) => client.get(persistentVolumeClaimResource, ref, signal),
    volume: (name, signal) => client.get(persistentVolumeResource, { name }, signal),
    token: (pod, request, signal) => requestToken(client, pod, request, signal),
    services: (namespace) => services.list({ namespace }),
  };
}

async function requestToken(
  client: Client,
  { metadata, spec }: Pod,
  {
    audience,
    expirationSeconds,
  }: { readonly audience: string; readonly expirationSeconds: number },
  signal: AbortSignal,
): Promise<PodToken> {
  const { name, namespace = '', uid } = metadata;
  const account = spec.serviceAccountName || 'default';
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: audience === '' ? [] : [audience],
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const answer = await client.request('POST', path, { body }, signal);
  const status = isJsonObject(answer) ? answer['status'] : undefined;
  const { token, expirationTimestamp } = isJsonObject(status) ? status : {};
  return { token: String(token), expiresMs: Date.parse(String(expirationTimestamp)) };
}

/** The patch that makes a pod's status this one, if it still is this pod. Conditions are merged by type, so what a condition no longer says is taken out by name. */
function statusPatch(pod: Pod, status: PodStatus): unknown {
  const conditions = (status.conditions ?? []).map((condition) => ({
    ...condition,
    reason: condition.reason ?? null,
    message: condition.message ?? null,
  }));
  return {
    metadata: { uid: pod.metadata.uid },
    status: {
      ...status,
      reason: status.reason ?? null,
      message: status.message ?? null,
      conditions,
    },
  };
}

/** Whether a refusal means that the pod is no longer there, or another of its name is. */
async function isGone(
  client: Client,
  refused: { readonly pod: Pod; readonly error: unknown },
  signal: AbortSignal,
): Promise<boolean> {
  if (isApiError(refused.error, 'NotFound')) return true;
  if (!isApiError(refused.error, 'Conflict')) return false;
  const now = await client.get(podResource, refOf(refused.pod), signal);
  return now?.metadata.uid !== refused.pod.metadata.uid;
}
