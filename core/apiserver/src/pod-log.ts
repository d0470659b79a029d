// pods/log: the lines of a container, from whoever runs it.

import {
  type ApiResponse,
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  goQuote,
  goTimeProblem,
  invalidError,
  type Pod,
  readGoTime,
} from '@tweendeck/kube';
import { isPlatformError, messageOf, timestampOf } from '@tweendeck/std';
import { textAt } from './draft.ts';
import { badRequest, noKubelet, notFound } from './failures.ts';
import { requestKey } from './read.ts';
import { isTrue } from './request.ts';
import type { ResourceCall } from './resource-call.ts';
import { streamResponse } from './response.ts';
import { containerOf } from './streams/pod-streams.ts';

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
  const asked = optionsOf(request.query, request.name);
  const found = state.resource(resource.storagePrefix).get(requestKey(request, resource));
  if (!found) throw notFound(resource, request.name);
  const pod = found.draft();
  const container = containerOf(request.query.get('container') ?? '', pod);
  const options = { ...asked, container };
  if (textAt(pod['spec'], 'nodeName') === '') {
    return streamResponse('text/plain', nothing()); // no node, so no lines yet
  }
  if (!podLogs) throw noKubelet();
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

const least = { tailLines: 0, limitBytes: 1, sinceSeconds: 1 } as const;

/** What a query asks for. @throws ApiError BadRequest for what cannot be read, Invalid for what cannot be had. After upstream's ValidatePodLogOptions. */
function optionsOf(query: URLSearchParams, name: string): Omit<PodLogOptions, 'container'> {
  const tailLines = countOf(query, 'tailLines');
  const limitBytes = countOf(query, 'limitBytes');
  const sinceSeconds = countOf(query, 'sinceSeconds');
  const sinceTime = timeOf(query);
  const twice = sinceSeconds !== undefined && query.has('sinceTime');
  const problems = [
    ...belowLeast('tailLines', tailLines, 'must be greater than or equal to 0'),
    ...belowLeast('limitBytes', limitBytes, 'must be greater than 0'),
    ...(twice
      ? [fieldForbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified')]
      : belowLeast('sinceSeconds', sinceSeconds, 'must be greater than 0')),
    // One stream alone is behind a feature gate that is off in 1.34.
    ...(query.has('stream') ? [fieldForbidden('stream', 'may not be specified')] : []),
  ];
  if (problems.length > 0) {
    throw invalidError({ group: '', kind: 'PodLogOptions' }, name, problems);
  }
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines,
    sinceSeconds,
    sinceTime,
    limitBytes,
  };
}

function belowLeast(
  field: keyof typeof least,
  value: number | undefined,
  detail: string,
): readonly FieldError[] {
  return value === undefined || value >= least[field] ? [] : [fieldInvalid(field, value, detail)];
}

function countOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  const why = /^[+-]?\d+$/.test(text) ? 'value out of range' : 'invalid syntax';
  throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: ${why}`);
}

/** In whole seconds, as it reaches a kubelet. */
function timeOf(query: URLSearchParams): string | undefined {
  const text = query.get('sinceTime') ?? '';
  if (text === '' || text === 'null') return undefined;
  const problem = goTimeProblem(text, 'seconds');
  if (problem !== undefined) throw badRequest(problem);
  return timestampOf(readGoTime(text)?.secondMs ?? 0);
}
