// What networks do to requests: a transport that cuts, delays and refuses, as a seed decides.

import { ApiError, type ApiRequest, type ApiResponse, type ApiTransport } from '@tweendeck/kube';
import type { Clock, Random } from '@tweendeck/std';

/** Chances are between 0 and 1, per request unless said otherwise. Fields may be changed while running. */
export interface Faults {
  /** Nothing goes wrong while false. */
  active: boolean;
  /** The connection breaks before the request arrives. */
  cutBefore: number;
  /** The request takes effect and its answer is lost. */
  cutAfter: number;
  /** Per piece of a watch: the stream breaks there, half the time in the middle of it. */
  cutWatch: number;
  /** Each piece of a watch comes up to this much late. */
  lateMs: number;
  /** Each answer comes up to this much late; other than 0, it takes a millisecond also when nothing goes wrong. */
  slowMs: number;
  /** The server answers 429, 500 or 503 and does nothing. */
  refuse: number;
  /** A write is answered with 409 Conflict and does nothing. */
  conflict: number;
  /** A watch is answered with 410 Expired. */
  expire: number;
}

/** No faults; spread and override what a test wants. */
export const noFaults: Faults = {
  active: true,
  cutBefore: 0,
  cutAfter: 0,
  cutWatch: 0,
  lateMs: 0,
  slowMs: 0,
  refuse: 0,
  conflict: 0,
  expire: 0,
};

const requestMs = 1;

/** What the wrapped transport throws when it breaks a connection. */
export class ConnectionCut extends Error {
  override name = 'ConnectionCut';
}

/** `transport` with faults. Aborting a request's signal ends its delays too. */
export function faultyTransport(
  transport: ApiTransport,
  faults: Faults,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): ApiTransport {
  const happens = (chance: number): boolean => faults.active && random.next() < chance;
  return {
    async request(request, signal) {
      // Else whoever tries again and again before others heard of it would keep time from passing.
      if (faults.slowMs > 0)
        await clock.sleep(faults.active ? random.integer(faults.slowMs + 1) : requestMs, signal);
      if (happens(faults.cutBefore)) throw new ConnectionCut('cut before the request arrived');
      const refusal = refusalOf(request, faults, { happens, random });
      if (refusal) return refusal;
      const response = await transport.request(request, signal);
      if (happens(faults.cutAfter)) {
        await discard(response);
        throw new ConnectionCut('cut before the answer arrived');
      }
      if (!isWatch(request)) return response;
      return { ...response, body: faultyBody(response.body, { faults, clock, random }, signal) };
    },
  };
}

/** Whether a request is a watch. */
export function isWatch(request: Pick<ApiRequest, 'method' | 'path'>): boolean {
  return request.method === 'GET' && /[?&]watch=(true|1)(&|$)/.test(request.path);
}

/** A failure as an API server sends it. */
export function refusalResponse(error: ApiError): ApiResponse {
  const bytes = new TextEncoder().encode(JSON.stringify(error.toStatus()));
  const seconds = error.details?.retryAfterSeconds;
  return {
    status: error.code,
    headers: {
      'content-type': 'application/json',
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
    },
    body: (async function* () {
      yield bytes;
    })(),
  };
}

function refusalOf(
  request: ApiRequest,
  faults: Faults,
  { happens, random }: { readonly happens: (chance: number) => boolean; readonly random: Random },
): ApiResponse | undefined {
  if (isWatch(request) && happens(faults.expire))
    return refusalResponse(new ApiError(410, 'Expired', 'too old resource version'));
  if (['PUT', 'PATCH'].includes(request.method) && happens(faults.conflict))
    return refusalResponse(new ApiError(409, 'Conflict', 'the object has been modified'));
  if (!happens(faults.refuse)) return undefined;
  const kinds = [
    new ApiError(429, 'TooManyRequests', 'too many requests', { retryAfterSeconds: 1 }),
    new ApiError(500, 'InternalError', 'something went wrong'),
    new ApiError(503, 'ServiceUnavailable', 'not ready'),
  ];
  const error = kinds[random.integer(kinds.length)];
  return error && refusalResponse(error);
}

async function discard(response: ApiResponse): Promise<void> {
  await response.body[Symbol.asyncIterator]().return?.();
}

async function* faultyBody(
  body: AsyncIterable<Uint8Array>,
  { faults, clock, random }: { faults: Faults; clock: Clock; random: Random },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of body) {
    if (faults.active && faults.lateMs > 0)
      await clock.sleep(random.integer(faults.lateMs + 1), signal);
    if (faults.active && random.next() < faults.cutWatch) {
      if (random.next() < 0.5) yield piece.subarray(0, piece.length >> 1);
      throw new ConnectionCut('cut in the middle of a watch');
    }
    yield piece;
  }
}
