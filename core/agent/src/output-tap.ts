// Those who listen to a program's output while it runs. They hear everything from when they came, in order; the program
// waits for a slow one a little, and then the slow one is sent away.

import { abortable, type Clock, linkedAbort } from '@tweendeck/std';

/** Takes output; resolves when more can be taken, rejects when nobody is there any more. */
export interface OutputListener {
  readonly stdout: (chunk: Uint8Array) => Promise<void>;
  readonly stderr: (chunk: Uint8Array) => Promise<void>;
}

/** A program waits so long for one chunk to be taken. */
const patienceMs = 10_000;

interface Guest {
  readonly listener: OutputListener;
  readonly signal: AbortSignal;
  readonly leave: (failure?: Error) => void;
}

export class OutputTap {
  readonly #clock: Clock;
  readonly #guests = new Set<Guest>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Passes on what the program writes from now on; resolves when it writes no more, or the signal aborts. @throws Error when the listener was too slow. */
  async join(listener: OutputListener, signal: AbortSignal): Promise<void> {
    if (this.#closed) return;
    using gone = linkedAbort(signal);
    const { promise: left, resolve, reject } = Promise.withResolvers<void>();
    const leave = (failure?: Error): void => (failure ? reject(failure) : resolve());
    const guest: Guest = { listener, signal: gone.signal, leave };
    this.#guests.add(guest);
    try {
      await abortable(left, gone.signal);
    } finally {
      this.#guests.delete(guest);
    }
  }

  /** Resolves when every listener has taken the chunk, or was sent away. */
  async hear(stream: 'stdout' | 'stderr', chunk: Uint8Array): Promise<void> {
    if (this.#guests.size === 0) return;
    await Promise.all([...this.#guests].map((guest) => this.#tell(guest, stream, chunk)));
  }

  /** The program writes no more. */
  close(): void {
    this.#closed = true;
    for (const { leave } of this.#guests) leave();
  }

  async #tell(guest: Guest, stream: 'stdout' | 'stderr', chunk: Uint8Array): Promise<void> {
    const late = Promise.withResolvers<void>();
    using _patience = this.#clock.timer(patienceMs, () =>
      late.reject(new Error(`nothing was read for ${patienceMs / 1_000} s`)),
    );
    const taken = guest.listener[stream](chunk);
    try {
      await abortable(Promise.race([taken, late.promise]), guest.signal);
    } catch (error) {
      this.#guests.delete(guest);
      guest.leave(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
