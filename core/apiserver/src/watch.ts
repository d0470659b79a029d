// WATCH: what is there, then every change in order, bookmarks between, until its time is over.

import type { ApiResponse } from '@tweendeck/kube';
import { BoundedQueue, isPlatformError, onAbort, type Random } from '@tweendeck/std';
import { expired } from './failures.ts';
import { type WatchOptions, watchOptionsOf } from './list-options.ts';
import { oneOf, type Piece, sharedParts } from './piece.ts';
import type { Reading } from './read.ts';
import {
  bookmarkObject,
  type EventType,
  type Rendering,
  renderEventPieces,
  renderRecord,
  renderValueEvent,
} from './rendering.ts';
import type { WatchRecord } from './resource-cache.ts';
import { streamResponse } from './response.ts';
import { type Selection, selectionOf } from './selection.ts';
import type { StoredObject } from './stored-object.ts';

export interface WatchLimits {
  /** Events a reader may fall behind before it is cut off. */
  readonly queueLengthMax: number;
  /** Bytes of events a reader may fall behind before it is cut off. Events are shared: a thousand slow readers hold hardly more than one. */
  readonly queueBytesMax: number;
  readonly bookmarkMs: number;
  /** A watch that names no timeout lasts this long, to twice this long. */
  readonly timeoutMs: number;
}

export interface Watching extends Reading {
  readonly random: Random;
  readonly limits: WatchLimits;
  /** Takes a place among the watches until it is disposed. @throws ApiError TooManyRequests. */
  readonly place: () => Disposable;
  /** Ends when the server closes. */
  readonly closed: AbortSignal;
}

/** Starts a watch. It is over when `signal` aborts, its body is left, its time is out, or its reader is too slow. */
export async function watchObjects(watching: Watching, signal: AbortSignal): Promise<ApiResponse> {
  const { resource, request, state } = watching;
  const options = watchOptionsOf(request.query);
  const selection = selectionOf(request, resource);
  if (options.sendInitialEvents !== undefined) await state.untilFresh(options.resourceVersion ?? 0);
  const stream = new WatchStream(watching, { options, selection }, signal);
  return { ...streamResponse('application/json', stream.body()), cut: stream.cut };
}

/** One watcher: subscribed from the moment it is made, so that nothing is lost before its body is read. */
class WatchStream {
  readonly #watching: Watching;
  readonly #options: WatchOptions;
  readonly #selection: Selection;
  readonly #queue: BoundedQueue<Buffer>;
  readonly #resources = new DisposableStack();
  readonly #cut = new AbortController();
  #initial: Iterable<Piece>;
  #queuedBytes = 0;
  /** Whether an event has told the columns of a table. */
  #hasTold = false;

  constructor(
    watching: Watching,
    { options, selection }: { readonly options: WatchOptions; readonly selection: Selection },
    signal: AbortSignal,
  ) {
    this.#watching = watching;
    this.#options = options;
    this.#selection = selection;
    const lengthMax = watching.limits.queueLengthMax;
    this.#queue = new BoundedQueue({ lengthMax, whenFull: 'fail' });
    this.#resources.use(watching.place());
    try {
      this.#initial = this.#start();
    } catch (error) {
      this.#resources.dispose();
      throw error;
    }
    this.#resources.use(onAbort(signal, () => this.#end()));
    this.#resources.use(onAbort(watching.closed, () => this.#end()));
    const { retired } = watching.resource;
    if (retired) this.#resources.use(onAbort(retired, () => this.#end()));
  }

  /** Aborts when the reader is too slow. */
  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    using _resources = this.#resources;
    const initial = this.#initial;
    this.#initial = [];
    try {
      yield* joined(initial);
      for await (const first of this.#queue) yield* joined(this.#queued(first));
    } catch (error) {
      // Too slow a reader: its stream ends, and it starts again from what it has seen.
      if (error !== tooSlow && !isPlatformError(error, 'QUEUE_OVERFLOW')) throw error;
    }
  }

  /** What is queued at this moment, from the event on that was just taken. */
  *#queued(first: Buffer): Generator<Buffer> {
    for (let event: Buffer | undefined = first; event; event = this.#queue.poll()) {
      this.#queuedBytes -= event.byteLength;
      yield event;
    }
  }

  /** Nothing comes any more; what is queued can still be read. */
  #end(): void {
    this.#queue.close();
    this.#resources.dispose();
  }

  #push(event: Buffer): void {
    this.#queuedBytes += event.byteLength;
    const { queueBytesMax } = this.#watching.limits;
    // One event alone may be larger.
    if (this.#queuedBytes > queueBytesMax && this.#queue.length > 0) this.#queue.fail(tooSlow);
    if (this.#queue.push(event)) return;
    this.#end();
    this.#cut.abort(tooSlow);
  }

  /** For the next event. Columns of a table are told once. */
  #rendering(): Rendering {
    const { resource, form, clock } = this.#watching;
    const isHeadless = this.#hasTold;
    this.#hasTold = true;
    return { resource, form, nowMs: clock.nowMs(), isHeadless };
  }

  #start(): Iterable<Piece> {
    const { state, resource } = this.#watching;
    const cache = state.resource(resource.storagePrefix);
    const { resourceVersion, sendInitialEvents } = this.#options;
    const fromNow = sendInitialEvents === false && !resourceVersion;
    const listed = sendInitialEvents ?? !resourceVersion;
    let initial: Iterable<Piece>;
    if (listed) {
      initial = this.#everything();
    } else {
      const records = fromNow ? [] : cache.since(resourceVersion ?? 0);
      if (records === undefined) return this.#tooOld(cache.forgottenRevision);
      initial = records.flatMap((record) => this.#encode(record) ?? []);
    }
    const floor = resourceVersion ?? 0;
    this.#resources.use(
      cache.subscribe((record) => {
        if (record.revision <= floor) return;
        const event = this.#encode(record);
        if (event) this.#push(event);
      }),
    );
    this.#scheduleEnd();
    if (this.#options.bookmarks) this.#scheduleBookmark();
    return initial;
  }

  /** What is there now. Encoded only as it is read: a reader that stalls holds the objects, which all share. */
  #everything(): Iterable<Piece> {
    const { state, resource } = this.#watching;
    const cache = state.resource(resource.storagePrefix);
    const { only, prefix } = this.#selection;
    const one = only === undefined ? undefined : cache.get(only);
    const candidates = only === undefined ? cache.range(prefix) : one ? [one] : [];
    const objects: StoredObject[] = [];
    for (const object of candidates) if (this.#selection.matches(object)) objects.push(object);
    const { sendInitialEvents, bookmarks } = this.#options;
    const end = sendInitialEvents && bookmarks ? [this.#bookmark(true)] : [];
    // Read later than what is encoded meanwhile, and before it.
    const first = this.#rendering();
    this.#hasTold = objects.length > 0;
    return this.#added(objects, { first, end });
  }

  *#added(
    objects: readonly StoredObject[],
    { first, end }: { readonly first: Rendering; readonly end: readonly Buffer[] },
  ): Generator<Piece> {
    let rendering: Rendering = { ...first, isHeadless: false };
    for (const object of objects) {
      yield* renderEventPieces(rendering, 'ADDED', object);
      rendering = { ...first, isHeadless: true };
    }
    yield* end;
  }

  #tooOld(oldest: number): readonly Buffer[] {
    this.#queue.close();
    const error = expired(
      `too old resource version: ${this.#options.resourceVersion ?? 0} (${oldest})`,
    );
    return [renderValueEvent('ERROR', error.toStatus())];
  }

  #encode(record: WatchRecord): Buffer | undefined {
    const { current, previous } = record;
    const matched = previous !== undefined && this.#selection.matches(previous);
    const matches = current !== undefined && this.#selection.matches(current);
    if (!matched && !matches) return undefined;
    const type: EventType = !matches ? 'DELETED' : matched ? 'MODIFIED' : 'ADDED';
    return renderRecord(this.#rendering(), type, record);
  }

  #bookmark(initialEventsEnd: boolean): Buffer {
    const { state } = this.#watching;
    const revision = Math.max(state.revision, this.#options.resourceVersion ?? 0);
    const { resource, form, clock } = this.#watching;
    const rendering = { resource, form, nowMs: clock.nowMs() };
    const object = bookmarkObject(rendering, revision, initialEventsEnd);
    return renderValueEvent('BOOKMARK', object);
  }

  #scheduleEnd(): void {
    const { clock, limits, random } = this.#watching;
    const seconds = this.#options.timeoutSeconds;
    const timeoutMs =
      seconds && seconds > 0 ? seconds * 1_000 : limits.timeoutMs * (1 + random.next());
    const end = (): void => {
      // The last word is how far we came, so that the next watch need not go back.
      if (this.#options.bookmarks) this.#push(this.#bookmark(false));
      this.#end();
    };
    this.#resources.use(clock.timer(Math.min(timeoutMs, 2 ** 31 - 1), end, { keepAlive: false }));
  }

  #scheduleBookmark(): void {
    const { clock, limits } = this.#watching;
    const timers = this.#resources.adopt({ timer: undefined as Disposable | undefined }, (held) =>
      held.timer?.[Symbol.dispose](),
    );
    const tick = (): void => {
      this.#push(this.#bookmark(false));
      timers.timer = clock.timer(limits.bookmarkMs, tick, { keepAlive: false });
    };
    timers.timer = clock.timer(limits.bookmarkMs, tick, { keepAlive: false });
  }
}

/** A write costs more than the events in it, so small ones go together. */
const writtenBytes = 64 * 1024;

function* joined(events: Iterable<Piece>): Generator<Uint8Array> {
  let batch: Piece[] = [];
  let bytes = 0;
  for (const event of events) {
    if (event.byteLength >= writtenBytes) {
      if (bytes > 0) yield oneOf(batch, bytes);
      yield* sharedParts(event);
      batch = [];
      bytes = 0;
      continue;
    }
    batch.push(event);
    bytes += event.byteLength;
    if (bytes < writtenBytes) continue;
    yield oneOf(batch, bytes);
    batch = [];
    bytes = 0;
  }
  if (bytes > 0) yield oneOf(batch, bytes);
}

/** The reader fell too many bytes behind. */
const tooSlow: Error = new Error('the reader fell too far behind');
