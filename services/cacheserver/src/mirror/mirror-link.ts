// One mirror: how far it is, and the loop that brings it further.

import { isDeepStrictEqual } from 'node:util';
import {
  abortable,
  backoffMs,
  type Clock,
  isPlatformError,
  type Logger,
  linkedAbort,
  messageOf,
  PlatformError,
  type Random,
} from '@tweendeck/std';
import type { FarCache } from '../client/far-cache.ts';
import { addressText } from '../dataplane/listen.ts';
import type { ValueStore } from '../dataplane/value-store.ts';
import type { NodeId } from './mirror-mark.ts';
import type { MirrorPlace } from './mirror-places.ts';
import type { MirrorQueue, QueuePlace } from './mirror-queue.ts';
import { type Delivery, type MirrorItem, MirrorSession } from './mirror-session.ts';

/** How mirrors are treated, all of them alike. */
export interface MirrorTiming {
  /** A connection with nothing to do is closed after so long. */
  readonly idleMs: number;
  /** Longest silence of a mirror that has to answer, or to take bytes. */
  readonly timeoutMs: number;
  /** Pause after a first failure; it doubles up to `retryMaxMs`, with jitter. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

export const defaultMirrorTiming: MirrorTiming = {
  idleMs: 10_000,
  timeoutMs: 30_000,
  retryBaseMs: 500,
  retryMaxMs: 60_000,
};

/** What a link needs of those around it. */
export interface MirrorHost {
  readonly store: ValueStore;
  readonly node: NodeId;
  readonly queue: MirrorQueue;
  readonly timing: MirrorTiming;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The last transaction whose outcome is known, with all before it. */
  committed(): QueuePlace;
  /** Keeps where a mirror is. */
  moved(target: string, place: MirrorPlace): void;
  nowMs(): number;
}

export interface MirrorStats {
  readonly target: string;
  /**
   * `self`: the mirror is this very namespace; nothing is ever sent. `refused`: it takes everything and keeps nothing.
   * `untrusted`: its certificate is not trusted here, or ours or the token is not there.
   */
  readonly state: 'idle' | 'sending' | 'backfilling' | 'failing' | 'untrusted' | 'refused' | 'self';
  /** What it does not have yet, and since when the oldest of it has been stored here. */
  readonly lagTransactions: number;
  readonly lagBytes: number;
  readonly lagSeconds: number;
  /** Whether it has still to be asked for everything that is stored. */
  readonly backfill: boolean;
  readonly sent: number;
  readonly sentBytes: number;
  readonly present: number;
  readonly refused: number;
  readonly gone: number;
  readonly damaged: number;
  /** Went from the queue before they were sent: a backfill follows. */
  readonly skipped: number;
  readonly failures: number;
  readonly lastFailure: string;
}

const batchLengthMax = 256;
const batchBytesMax = 16 * 2 ** 20;
/** So often a mirror may keep nothing of a batch before it is left to the next backfill. */
const refusalsMax = 10;

export class MirrorLink {
  readonly name: string;
  #target: FarCache;
  readonly #host: MirrorHost;
  readonly #delivered: Delivery = {
    sent: 0,
    sentBytes: 0,
    refused: 0,
    confirmed: 0,
    present: 0,
    gone: 0,
    damaged: 0,
  };
  #place: MirrorPlace;
  #cursor: string | undefined;
  #session: MirrorSession | undefined;
  /** The session was made in another way than a new one would be. */
  #stale = false;
  #wake: (() => void) | undefined;
  #isSelf = false;
  /** Failures in a row, and batches in a row of which nothing was kept. */
  #failed = 0;
  #refusals = 0;
  /** Whether batches were given up, and whether anything was found there, since the last backfill ended. */
  #gaveUp = false;
  #kept = false;
  #skipped = 0;
  #failures = 0;
  #lastFailure: unknown;
  /** Ends the pause behind a failure. */
  #retry: (() => void) | undefined;

  constructor(target: FarCache, host: MirrorHost, place: MirrorPlace) {
    this.#target = target;
    this.name = addressText(target);
    this.#host = host;
    this.#place = place;
  }

  /** Everything up to this sequence is done. */
  get done(): number {
    return this.#isSelf ? Number.POSITIVE_INFINITY : this.#place.sequence;
  }

  /** A transaction could not be put into the queue: a backfill finds it. */
  miss(): void {
    if (!this.#place.backfill || this.#cursor !== undefined) this.#restartBackfill();
    this.wake();
  }

  /** The same mirror from now on, which is reached in this way; one that failed is tried at once. */
  change(target: FarCache): void {
    if (!isDeepStrictEqual(target, this.#target)) this.#stale = true;
    this.#target = target;
    this.#retry?.();
    this.wake();
  }

  /** Looks at the queue anew. */
  wake(): void {
    this.#wake?.();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#hasWork()) await this.#work(signal);
        else await this.#rest(signal);
      } catch (error) {
        this.#closeSession();
        if (signal.aborted) return;
        this.#fail(error);
        await this.#pause(signal);
      }
    }
    this.#closeSession();
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { timing, random, clock } = this.#host;
    const pause = { baseMs: timing.retryBaseMs, maxMs: timing.retryMaxMs };
    using resting = linkedAbort(signal);
    this.#retry = () => resting.abort();
    await clock
      .sleep(backoffMs(pause, this.#failed - 1, random), resting.signal)
      .catch(() => undefined);
    this.#retry = undefined;
  }

  stats(): MirrorStats {
    const { queue } = this.#host;
    const end = queue.end;
    const lag = this.#isSelf ? 0 : end.sequence - this.#place.sequence;
    const oldest = lag > 0 ? queue.read(this.#place.sequence + 1, 1)[0] : undefined;
    const { sent, sentBytes, present, refused, gone, damaged } = this.#delivered;
    return {
      target: this.name,
      state: this.#state(),
      lagTransactions: lag,
      lagBytes: lag === 0 ? 0 : end.totalBytes - this.#place.totalBytes,
      lagSeconds: oldest ? Math.max(0, (this.#host.nowMs() - oldest.storedMs) / 1_000) : 0,
      backfill: this.#place.backfill,
      ...{ sent, sentBytes, present, refused, gone, damaged },
      skipped: this.#skipped,
      failures: this.#failures,
      lastFailure: this.#lastFailure === undefined ? '' : messageOf(this.#lastFailure),
    };
  }

  #state(): MirrorStats['state'] {
    if (this.#isSelf) return 'self';
    if (this.#refusals > 0) return 'refused';
    if (this.#failed > 0) return isMistrust(this.#lastFailure) ? 'untrusted' : 'failing';
    if (this.#place.sequence < this.#host.committed().sequence) return 'sending';
    return this.#place.backfill ? 'backfilling' : 'idle';
  }

  #hasWork(): boolean {
    if (this.#isSelf) return false;
    return this.#place.backfill || this.#place.sequence < this.#host.committed().sequence;
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const { clock, timing } = this.#host;
    using _idle =
      this.#session === undefined
        ? undefined
        : clock.timer(timing.idleMs, () => this.#closeSession(), { keepAlive: false });
    await abortable(promise, signal);
  }

  async #work(signal: AbortSignal): Promise<void> {
    const session = await this.#open(signal);
    if (session === undefined) return;
    this.#skipLost();
    const batch = this.#batch();
    if (batch.items.length > 0) await this.#deliver(session, batch.items, signal);
    if (batch.place.sequence > this.#place.sequence) {
      this.#move({ ...batch.place, backfill: this.#place.backfill || batch.holes });
    } else if (batch.items.length === 0) await this.#backfill(session, signal);
    this.#failed = 0;
  }

  async #open(signal: AbortSignal): Promise<MirrorSession | undefined> {
    if (this.#stale) this.#closeSession();
    this.#stale = false;
    if (this.#session !== undefined) return this.#session;
    const { store, node, timing, clock, log } = this.#host;
    const { timeoutMs } = timing;
    const session = await MirrorSession.open(
      { target: this.#target, store, node, timeoutMs, clock },
      signal,
    );
    this.#session = session;
    if (session.peer?.equals(node) !== true) return session;
    this.#isSelf = true;
    log.error('cache mirrors itself', { target: this.name });
    this.#closeSession();
    return undefined;
  }

  /** What went from the queue is left to a backfill. */
  #skipLost(): void {
    const { queue, log } = this.#host;
    const lost = queue.first - 1 - this.#place.sequence;
    if (lost <= 0) return;
    this.#skipped += lost;
    log.warn('cache mirror too far behind', { target: this.name, transactions: lost });
    this.#restartBackfill();
    const next = queue.read(queue.first, 1)[0];
    const totalBytes = next === undefined ? queue.end.totalBytes : next.totalBytes - next.sizeBytes;
    this.#move({ sequence: queue.first - 1, totalBytes, backfill: true });
  }

  /** The next transactions, as many as go together, and where they end. */
  #batch(): {
    readonly items: readonly MirrorItem[];
    readonly place: QueuePlace;
    readonly holes: boolean;
  } {
    const committed = this.#host.committed();
    const { sequence } = this.#place;
    const countMax = Math.min(batchLengthMax, committed.sequence - sequence);
    const found = this.#host.queue
      .read(sequence + 1, Math.max(countMax, 0))
      .filter((transaction) => transaction.sequence <= committed.sequence);
    const bytesEnd = this.#place.totalBytes + batchBytesMax;
    const cut = found.findIndex(({ totalBytes }) => totalBytes > bytesEnd);
    const items = cut < 0 ? found : found.slice(0, Math.max(cut, 1));
    const last = items.at(-1);
    const place = last ?? (countMax > 0 ? committed : this.#place);
    const holes = place.sequence - sequence !== items.length;
    return { items: items.map((item) => ({ ...item, ask: false })), place, holes };
  }

  async #backfill(session: MirrorSession, signal: AbortSignal): Promise<void> {
    const cursor = this.#cursor === undefined ? {} : { cursor: this.#cursor };
    const page = await this.#host.store.keys({ ...cursor, keysMax: batchLengthMax });
    const items = page.keys.map(({ id, sizes }) => ({
      id,
      sizeBytes: (sizes.a ?? 0) + (sizes.i ?? 0) + (sizes.r ?? 0),
      origin: undefined,
      ask: true,
    }));
    if (items.length > 0) await this.#deliver(session, items, signal);
    this.#cursor = page.next;
    if (page.next !== undefined) return;
    const inVain = this.#gaveUp && !this.#kept;
    this.#gaveUp = false;
    this.#kept = false;
    if (inVain) return; // it kept nothing at all: from the start again, as slowly
    this.#move({ ...this.#place, backfill: false });
    this.#host.log.info('cache mirror has everything', { target: this.name });
  }

  /**
   * Sends items. Throws CACHE_MIRROR_REFUSED when the mirror keeps nothing of them: it may do so for ever, so from then
   * on one small transaction is tried at a time.
   */
  async #deliver(
    session: MirrorSession,
    items: readonly MirrorItem[],
    signal: AbortSignal,
  ): Promise<void> {
    const refusedBefore = this.#refusals > 0;
    const smallest = refusedBefore ? await this.#trySmallest(session, items, signal) : 'unknown';
    if (smallest === 'refused') return;
    const delivery = await session.deliver(items, signal);
    if (delivery.refused > 0 && delivery.confirmed === 0) {
      if (!refusedBefore) this.#refused();
      if (smallest === 'unknown') this.#giveUp();
    }
    this.#count(delivery);
  }

  /** What the mirror does with the smallest of the items; when it refuses it too often, all are given up. */
  async #trySmallest(
    session: MirrorSession,
    items: readonly MirrorItem[],
    signal: AbortSignal,
  ): Promise<'kept' | 'refused' | 'unknown'> {
    const smallest = items.reduce((least, item) =>
      item.sizeBytes < least.sizeBytes ? item : least,
    );
    const delivery = await session.deliver([smallest], signal);
    if (delivery.refused > 0) {
      if (this.#refusals < refusalsMax) this.#refused();
      this.#refusals = 1;
      this.#delivered.refused += items.length;
      this.#giveUp();
      return 'refused';
    }
    this.#refusals = 0;
    return delivery.confirmed > 0 ? 'kept' : 'unknown';
  }

  /** What was not kept is left to a backfill. */
  #giveUp(): void {
    this.#gaveUp = true;
    if (!this.#place.backfill) this.#restartBackfill();
  }

  #refused(): never {
    this.#refusals++;
    throw new PlatformError(
      'CACHE_MIRROR_REFUSED',
      `${this.name} takes transactions and keeps none`,
      {
        hint: 'Look whether it lets this address put, has room, and is not in high reliability mode.',
      },
    );
  }

  #restartBackfill(): void {
    this.#cursor = undefined;
    this.#move({ ...this.#place, backfill: true });
  }

  #count(delivery: Delivery): void {
    if (delivery.confirmed + delivery.present > 0) this.#kept = true;
    for (const key of Object.keys(delivery) as (keyof Delivery)[]) {
      this.#delivered[key] += delivery[key]; // its own keys
    }
  }

  #move(place: MirrorPlace): void {
    const { sequence, totalBytes, backfill } = place;
    this.#place = { sequence, totalBytes, backfill };
    this.#host.moved(this.name, this.#place);
  }

  /** Says it once until something succeeds again. */
  #fail(error: unknown): void {
    this.#failures++;
    this.#failed++;
    this.#lastFailure = error;
    if (this.#failed === 1) this.#host.log.warn('cache mirror fails', { target: this.name, error });
  }

  #closeSession(): void {
    this.#session?.[Symbol.dispose]();
    this.#session = undefined;
  }
}

/** Whether two servers did not come together since one does not trust the other. */
export function isMistrust(error: unknown): boolean {
  return (
    isPlatformError(error, 'CACHE_SERVER_UNTRUSTED') || isPlatformError(error, 'CACHE_NOT_ADMITTED')
  );
}
