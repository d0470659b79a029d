// Who is served next: requests of one level wait in a line per user, and the lines take turns.

import { assert, type Clock } from '@tweendeck/std';
import type { GuardLimits } from './limits.ts';

/** Why a request was sent away; in the words of upstream's metrics. */
export type Refusal = 'queue-full' | 'time-out';

/** Held while a request is worked on; disposing it serves the next. */
export type Seat = Disposable;

export interface FairQueueOptions {
  readonly seats: number;
  readonly limits: Pick<GuardLimits, 'queuedPerUser' | 'queuedPerLevel' | 'queueWaitMs'>;
  readonly clock: Pick<Clock, 'timer'>;
  /** Shared by all levels: whether the event loop may take up one more request now. */
  readonly slice: Slice;
}

/** Requests let in from a line in one turn of the event loop at most, beside those that take the place of others. */
const wakeupsMax = 16;

interface Waiter {
  readonly flow: string;
  readonly width: number;
  readonly grant: (seat: Seat | Refusal) => void;
}

/** One level of fairness. */
export class FairQueue {
  readonly seats: number;
  readonly #options: FairQueueOptions;
  /** Lines by flow, the next one to be served first: whoever was served goes to the end. */
  readonly #lines = new Map<string, Waiter[]>();
  #seatsTaken = 0;
  #executing = 0;
  #queued = 0;
  #wakeups = 0;

  constructor(options: FairQueueOptions) {
    this.seats = options.seats;
    this.#options = options;
  }

  get executing(): number {
    return this.#executing;
  }

  get seatsTaken(): number {
    return this.#seatsTaken;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Gives a seat, at once where one is free and nobody waits, or says why there is none. A request that needs more seats than there are takes them all. */
  enter(flow: string, width: number): Promise<Seat | Refusal> | Seat | Refusal {
    const wide = Math.min(width, this.seats);
    if (this.#queued === 0 && this.#fits(wide) && this.#options.slice.open())
      return this.#sit(wide);
    const line = this.#lines.get(flow) ?? [];
    const { queuedPerUser, queuedPerLevel, queueWaitMs } = this.#options.limits;
    if (line.length >= queuedPerUser || this.#queued >= queuedPerLevel) return 'queue-full';
    return new Promise((resolve) => {
      const waiter: Waiter = {
        flow,
        width: wide,
        grant: (outcome) => {
          timer[Symbol.dispose]();
          resolve(outcome);
        },
      };
      const timer = this.#options.clock.timer(queueWaitMs, () => this.#giveUp(waiter), {
        keepAlive: false,
      });
      line.push(waiter);
      this.#lines.set(flow, line);
      this.#queued++;
      this.#wake();
    });
  }

  #fits(width: number): boolean {
    return this.#seatsTaken + width <= this.seats;
  }

  #sit(width: number): Seat {
    this.#seatsTaken += width;
    this.#executing++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#seatsTaken -= width;
        this.#executing--;
        if (this.#queued > 0) this.#serveNext();
      },
    };
  }

  /** Lets waiters in when the event loop comes round, after it has looked for new requests. */
  #wake(): void {
    while (this.#wakeups < Math.min(this.#queued, wakeupsMax)) {
      this.#wakeups++;
      this.#options.slice.later(() => {
        this.#wakeups--;
        this.#serveNext();
      });
    }
  }

  /** One is let in now; who is let in does his work before the next is looked at. */
  #serveNext(): void {
    const [entry] = this.#lines;
    if (!entry) return;
    const [flow, line] = entry;
    const [waiter] = line;
    assert(waiter !== undefined, 'a line without a waiter is not kept');
    if (!this.#fits(waiter.width)) return; // whoever leaves calls again
    if (!this.#options.slice.open()) {
      this.#wake();
      return;
    }
    line.shift();
    this.#queued--;
    this.#lines.delete(flow);
    if (line.length > 0) this.#lines.set(flow, line);
    waiter.grant(this.#sit(waiter.width));
    this.#wake();
  }

  #giveUp(waiter: Waiter): void {
    const line = this.#lines.get(waiter.flow) ?? [];
    const position = line.indexOf(waiter);
    if (position < 0) return;
    line.splice(position, 1);
    this.#queued--;
    if (line.length === 0) this.#lines.delete(waiter.flow);
    waiter.grant('time-out');
  }
}

/** Time of the event loop that is given to requests before others can be read off their sockets. */
export class Slice {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #sliceMs: number;
  readonly #defer: (run: () => void) => void;
  #startMs: number | undefined;

  constructor(
    clock: Pick<Clock, 'monotonicMs'>,
    sliceMs: number,
    /** Runs a function after the event loop has looked at its sockets: `setImmediate`. */
    defer: (run: () => void) => void,
  ) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#defer = defer;
  }

  /** Whether there is time left in this turn of the event loop. */
  open(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#startMs === undefined) {
      this.#startMs = nowMs;
      this.#defer(() => {
        this.#startMs = undefined;
      });
      return true;
    }
    return nowMs - this.#startMs < this.#sliceMs;
  }

  /** Calls `run` when the event loop has come round; what it starts is done before the next is called. */
  later(run: () => void): void {
    this.#defer(run);
  }
}
