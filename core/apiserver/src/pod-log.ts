// pods/log: the lines of a container, from whoever runs it.

import { ApiError, type ApiResponse, fieldInvalid, invalidError, type Pod } from '@tweendeck/kube';
import { isPlatformError, messageOf } from '@tweendeck/std';
import { type Draft, listAt, textAt } from './draft.ts';
import { badRequest, notFound } from './failures.ts';
import { requestKey } from './read.ts';
import { isTrue } from './request.ts';
import type { ResourceCall } from './resource-call.ts';
import { streamResponse } from './response.ts';

/** What a client asks of a container's log. */
export interface PodLogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly sinceSeconds: number | undefined;
  /** RFC 3339. */
  readonly sinceTime: string | undefined;
  readonly limitBytes: number | undefined;
}

/** Where the logs of pods are read. A followed log ends when the container does, or the signal aborts. */
export type PodLogSource = (
  pod: Pod,
  options: PodLogOptions,
  signal: AbortSignal,
) => Promise<AsyncIterable<Uint8Array>>;

/** Answers GET of `log`. @throws ApiError. */
export async function readPodLog(
  { services, request, resource }: ResourceCall,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const { state, podLogs } = services;
  const found = state.resource(resource.storagePrefix).get(requestKey(request, resource));
  if (!found) throw notFound(resource, request.name);
  const pod = found.draft();
  const options = optionsOf(request.query, pod);
  if (!podLogs)
    throw new ApiError(501, 'MethodNotAllowed', 'this server has no source of pod logs');
  if (textAt(pod['spec'], 'nodeName') === '') {
    return streamResponse('text/plain', nothing()); // no node, so no lines yet
  }
  try {
    // What is stored passed the schema of pods.
    const lines = await podLogs(pod as unknown as Pod, options, signal);
    return streamResponse('text/plain', lines);
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    throw badRequest(messageOf(error));
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function optionsOf(query: URLSearchParams, pod: Draft): PodLogOptions {
  const sinceSeconds = countOf(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime') || undefined;
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    throw invalidLog(
      'sinceSeconds',
      sinceSeconds,
      'at most one of `sinceTime` or `sinceSeconds` may be specified',
    );
  }
  return {
    container: containerOf(query, pod),
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines: countOf(query, 'tailLines', 0),
    sinceSeconds,
    sinceTime,
    limitBytes: countOf(query, 'limitBytes', 1),
  };
}

function containerOf(query: URLSearchParams, pod: Draft): string {
  const spec = pod['spec'];
  const ordinary = listAt(spec, 'containers').map((each) => textAt(each, 'name'));
  const initial = listAt(spec, 'initContainers').map((each) => textAt(each, 'name'));
  const name = pod.metadata.name ?? '';
  const asked = query.get('container') ?? '';
  if (asked !== '') {
    if ([...ordinary, ...initial].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [first, ...more] = ordinary;
  const marked = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (marked !== undefined && ordinary.includes(marked)) return marked;
  if (first !== undefined && more.length === 0) return first;
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${[...ordinary].join(' ')}]${initial.length > 0 ? ` or one of the init containers: [${initial.join(' ')}]` : ''}`,
  );
}

function countOf(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = Number(text);
  if (value >= least) return value;
  throw invalidLog(name, value, `must be greater than or equal to ${least}`);
}

function invalidLog(field: string, value: unknown, detail: string): ApiError {
  return invalidError({ group: '', kind: 'PodLogOptions' }, '', [
    fieldInvalid(field, value, detail),
  ]);
}
