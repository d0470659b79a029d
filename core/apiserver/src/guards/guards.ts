// Keeps one client from taking what all need: seats, time, watches and memory.

import { type ApiResponse, parseGoDuration, type UserInfo } from '@tweendeck/kube';
import { type Clock, onAbort } from '@tweendeck/std';
import { badRequest, requestTimedOut, tooManyRequests } from '../failures.ts';
import type { ParsedRequest } from '../request.ts';
import { FairQueue, type Refusal, type Seat, Slice } from './fair-queue.ts';
import { type Flow, flowOf, type LevelName, levelShares } from './flow.ts';
import { type Count, GuardMetrics } from './guard-metrics.ts';
import type { GuardLimits } from './limits.ts';
import { Tally } from './tally.ts';

export interface GuardedRequest {
  readonly parsed: ParsedRequest;
  readonly user: UserInfo;
  readonly bodyBytes: number;
  /** Objects that a list would look at. */
  readonly objects: number;
}

export interface GuardOptions {
  readonly limits: GuardLimits;
  readonly clock: Pick<Clock, 'timer' | 'monotonicMs'>;
  /** Runs a function after the event loop has looked at its sockets. */
  readonly defer: (run: () => void) => void;
}

/** Room for a body. */
export interface HeldBody extends Disposable {
  readonly bytes: number;
  readonly take: (bytes: number) => boolean;
}

/** Answers below it are not counted. */
const largeAnswerBytes = 1024 ** 2;

const nothing: Disposable = { [Symbol.dispose]: () => undefined };
/** A list takes a seat for so many objects, ten at most. After upstream's work estimator. */
const objectsPerSeat = 100;
const listSeatsMax = 10;
/** A body takes a seat for so many bytes: decoding is work, and takes memory. */
const bytesPerSeat = 256 * 1024;

export class Guards {
  readonly limits: GuardLimits;
  readonly metrics: GuardMetrics;
  /** Bytes of bodies that are being read or worked on. */
  readonly bodies: Tally;
  /** Bytes of large answers that are under way. */
  readonly answers: Tally;
  readonly #clock: GuardOptions['clock'];
  readonly #levels: ReadonlyMap<LevelName, FairQueue>;
  readonly #watches: Tally;

  constructor({ limits, clock, defer }: GuardOptions) {
    this.limits = limits;
    this.#clock = clock;
    this.bodies = new Tally({ max: limits.bodyBytes, maxPerUser: limits.bodyBytesPerUser });
    this.answers = new Tally({
      max: limits.answerBytes,
      maxPerUser: limits.answerBytesPerUser,
      oneAlways: true,
    });
    this.#watches = new Tally({ max: limits.watches, maxPerUser: limits.watchesPerUser });
    const slice = new Slice(clock, limits.sliceMs, defer);
    const shares = Object.values(levelShares).reduce((sum, each) => sum + each, 0);
    this.#levels = new Map(
      Object.entries(levelShares).map(([name, share]) => {
        const seats = Math.ceil((limits.seats * share) / shares);
        const level = new FairQueue({ seats, limits, clock, slice });
        return [name as LevelName, level]; // its keys are those names
      }),
    );
    this.metrics = new GuardMetrics(this.#levels, () => this.#watches.total);
  }

  /** Runs a request when it is its turn. @throws ApiError TooManyRequests, Timeout. */
  async run(request: GuardedRequest, work: () => Promise<ApiResponse>): Promise<ApiResponse> {
    const flow = flowOf(request.parsed, request.user);
    const count = this.metrics.counted(flow, isMutating(request.parsed));
    using _seat = await this.#seat(flow, request, count);
    using _running = count.running();
    return isLong(request.parsed) ? await work() : await this.#inTime(request, work);
  }

  /** Room for the body of a request; dispose it when the request is done. */
  heldBody({ name }: UserInfo): HeldBody {
    let bytes = 0;
    return {
      get bytes() {
        return bytes;
      },
      take: (more) => {
        if (!this.bodies.take(name, more)) {
          this.metrics.refused('body-bytes');
          return false;
        }
        bytes += more;
        return true;
      },
      [Symbol.dispose]: () => {
        this.bodies.give(name, bytes);
        bytes = 0;
      },
    };
  }

  /** Counts a large answer until it is read, or its connection is gone. @throws ApiError TooManyRequests. */
  answered({ name }: UserInfo, response: ApiResponse, signal: AbortSignal): ApiResponse {
    const bytes = Number(response.headers['content-length'] ?? 0);
    if (bytes < largeAnswerBytes) return response;
    if (!this.answers.take(name, bytes)) {
      this.metrics.refused('answer-bytes');
      throw tooManyRequests('too many large answers are on their way, please read them first');
    }
    let counted = true;
    const done = (): void => {
      if (counted) this.answers.give(name, bytes);
      counted = false;
    };
    return { ...response, body: followed(response.body, onAbort(signal, done), done) };
  }

  /** A place among the watches; dispose it when the watch is over. @throws ApiError TooManyRequests. */
  watch({ name }: UserInfo): Disposable {
    if (!this.#watches.take(name, 1)) {
      this.metrics.refused('watches');
      throw tooManyRequests(
        'too many watches are under way; close some of them, or try again later',
      );
    }
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#watches.give(name, 1);
        held = false;
      },
    };
  }

  async #seat(flow: Flow, request: GuardedRequest, count: Count): Promise<Seat> {
    const level = this.#levels.get(flow.level);
    if (!level) return nothing; // exempt
    const seat = await level.enter(flow.distinguisher, widthOf(request));
    if (typeof seat === 'string') {
      count.rejected(seat);
      throw tooManyRequests(sentAway[seat]);
    }
    return seat;
  }

  /** As upstream: the client is answered, whatever becomes of the work. */
  async #inTime(
    { parsed }: GuardedRequest,
    work: () => Promise<ApiResponse>,
  ): Promise<ApiResponse> {
    const late = Promise.withResolvers<never>();
    const timeoutMs = timeoutOf(parsed, this.limits.requestTimeoutMs);
    using _timer = this.#clock.timer(
      timeoutMs,
      () => {
        this.metrics.refused('timeout');
        late.reject(requestTimedOut());
      },
      { keepAlive: false },
    );
    return await Promise.race([work(), late.promise]);
  }
}

/** Calls `done` when the body was read or left. */
async function* followed(
  body: AsyncIterable<Uint8Array>,
  link: Disposable,
  done: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  using _link = link;
  try {
    yield* body;
  } finally {
    done();
  }
}

const sentAway: Readonly<Record<Refusal, string>> = {
  'queue-full': 'Too many requests, please try again later.',
  'time-out': 'Too many requests, please try again later.',
};

/** Requests whose answers last: their time is their own. */
function isLong(parsed: ParsedRequest): boolean {
  if (parsed.type === 'plain') return parsed.plain.path.startsWith('/tweendeck/');
  const { verb, subresource } = parsed.resource;
  return (
    verb === 'watch' || ['log', 'exec', 'attach', 'portforward', 'proxy'].includes(subresource)
  );
}

function isMutating(parsed: ParsedRequest): boolean {
  return parsed.type === 'resource' && !['get', 'list', 'watch'].includes(parsed.resource.verb);
}

function widthOf({ parsed, bodyBytes, objects }: GuardedRequest): number {
  const verb = parsed.type === 'resource' ? parsed.resource.verb : 'get';
  if (verb === 'list' || verb === 'watch' || verb === 'deletecollection') {
    return Math.min(listSeatsMax, Math.max(1, Math.ceil(objects / objectsPerSeat)));
  }
  return 1 + Math.floor(bodyBytes / bytesPerSeat);
}

/** The client's own limit counts where it is shorter. @throws ApiError BadRequest. */
function timeoutOf(parsed: ParsedRequest, timeoutMs: number): number {
  const { query } = parsed.type === 'plain' ? parsed.plain : parsed.resource;
  const text = query.get('timeout');
  if (!text) return timeoutMs;
  const wanted = parseGoDuration(text);
  if (!wanted.ok) {
    throw badRequest(`invalid timeout specified in the request URL - ${wanted.problem}`);
  }
  const { milliseconds } = wanted;
  return milliseconds > 0 ? Math.min(timeoutMs, Math.ceil(milliseconds)) : timeoutMs;
}
