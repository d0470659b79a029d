// Sends requests and tries again where that is safe: the part of the client that knows nothing of resources.

import {
  ApiError,
  type ApiRequest,
  type ApiResponse,
  type ApiTransport,
  isApiError,
} from '@tweendeck/kube';
import {
  BugError,
  backoffMs,
  type Clock,
  isPlatformError,
  type Logger,
  linkedAbort,
  PlatformError,
  type Random,
} from '@tweendeck/std';
import { failureOf, jsonOf, textOf } from './answer.ts';

export interface RequestsOptions {
  readonly transport: ApiTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly userAgent: string;
  readonly requestTimeoutMs: number;
  readonly attemptsMax: number;
}

interface Call {
  readonly method: ApiRequest['method'];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly contentType?: string;
  readonly accept?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface Requests {
  /** The JSON of the answer, within the request's time limit, tried again where that is safe. */
  json(call: Call, signal: AbortSignal): Promise<unknown>;
  /** An answer of open end, tried once; only its beginning is limited in time. Read its body or leave it by `return`. Failures of the server are thrown as ApiError. */
  open(call: Call, signal: AbortSignal): Promise<ApiResponse>;
}

const retryDelays = { baseMs: 100, maxMs: 5_000 } as const;
const retryAfterMaxMs = 30_000;

export function requestsOver(options: RequestsOptions): Requests {
  const limitTime = (what: string, attempt: AbortController): Disposable =>
    options.clock.timer(options.requestTimeoutMs, () => {
      const seconds = options.requestTimeoutMs / 1_000;
      attempt.abort(new PlatformError('CLIENT_TIMEOUT', `${what}: no answer within ${seconds} s`));
    });
  const once = async (call: Call, signal: AbortSignal): Promise<unknown> => {
    using attempt = linkedAbort(signal);
    const what = `${call.method} ${call.path}`;
    using _timer = limitTime(what, attempt);
    return await reachable(what, attempt.signal, async () => {
      const response = await options.transport.request(
        requestOf(call, options.userAgent),
        attempt.signal,
      );
      return jsonOf(response, what);
    });
  };
  return {
    async json(call, signal) {
      for (let attempt = 0; ; attempt++) {
        signal.throwIfAborted();
        try {
          return await once(call, signal);
        } catch (error) {
          const waitMs = signal.aborted ? undefined : retryDelayMs(call, error, attempt, options);
          if (waitMs === undefined) throw error;
          options.log.debug('trying a request again', { path: call.path, attempt, waitMs, error });
          await options.clock.sleep(waitMs, signal);
        }
      }
    },
    async open(call, signal) {
      const what = `${call.method} ${call.path}`;
      const attempt = linkedAbort(signal);
      try {
        using _timer = limitTime(what, attempt);
        const response = await reachable(what, attempt.signal, async () => {
          const answered = await options.transport.request(
            requestOf(call, options.userAgent),
            attempt.signal,
          );
          if (answered.status >= 400) throw failureOf(answered, await textOf(answered, what));
          return answered;
        });
        return { ...response, body: reachableBody(response.body, what, attempt) };
      } catch (error) {
        attempt[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** Undefined: not again. Reads are tried again after any sign of trouble, writes only when the server says that it did nothing. */
function retryDelayMs(
  call: Call,
  error: unknown,
  attempt: number,
  options: RequestsOptions,
): number | undefined {
  if (attempt + 1 >= options.attemptsMax || !isRetryable(call, error)) return undefined;
  const asked = isApiError(error) ? error.retryAfterMs : undefined;
  const usual = backoffMs(retryDelays, attempt, options.random);
  return asked === undefined ? usual : Math.min(retryAfterMaxMs, Math.max(asked, usual));
}

function isRetryable(call: Call, error: unknown): boolean {
  const reads = call.method === 'GET' || call.method === 'HEAD';
  if (isApiError(error)) {
    if (error.code === 429) return true;
    return error.code === 503 && (reads || error.retryAfterMs !== undefined);
  }
  return reads && isPlatformError(error, 'CLIENT_UNREACHABLE');
}

/** Runs `talk`; whatever breaks it is CLIENT_UNREACHABLE, unless it has a name already. */
async function reachable<Value>(
  what: string,
  signal: AbortSignal,
  talk: () => Promise<Value>,
): Promise<Value> {
  try {
    return await talk();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw named(cause, what);
  }
}

/** The body, as long as `attempt` lives; reading it to the end or leaving it ends that. */
async function* reachableBody(
  body: AsyncIterable<Uint8Array>,
  what: string,
  attempt: AbortController & Disposable,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (cause) {
    if (attempt.signal.aborted) throw attempt.signal.reason;
    throw named(cause, what);
  } finally {
    attempt[Symbol.dispose]();
  }
}

function named(cause: unknown, what: string): unknown {
  if (cause instanceof ApiError || cause instanceof PlatformError || cause instanceof BugError)
    return cause;
  return new PlatformError('CLIENT_UNREACHABLE', `${what}: the connection broke`, { cause });
}

function requestOf(call: Call, userAgent: string): ApiRequest {
  const headers: Record<string, string> = {
    accept: call.accept ?? 'application/json',
    'user-agent': userAgent,
  };
  const path = `${call.path}${queryOf(call.query)}`;
  if (call.body === undefined) return { method: call.method, path, headers };
  headers['content-type'] = call.contentType ?? 'application/json';
  const body = new TextEncoder().encode(JSON.stringify(call.body));
  return { method: call.method, path, headers, body };
}

function queryOf(query: Call['query']): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
