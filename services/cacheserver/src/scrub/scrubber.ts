// Reads every value once in a period, slowly, so that damage is found before somebody asks for it.

import { type Clock, type Logger, messageOf } from '@tweendeck/std';
import type { CleanableStore } from '../cleaner/cleanable-store.ts';

/** What a scrub needs of a store. */
export interface ScrubbableStore extends Pick<CleanableStore, 'visit'> {
  /** Bytes of all files that can be found. */
  readonly liveBytes: number;
  /** Reads the files of a key from the disk, and gives up those that are damaged. */
  verify(record: number): Promise<{
    readonly bytes: number;
    readonly damaged: number;
    readonly unreadable: number;
  }>;
}

export interface ScrubRules {
  /** Every value is read once in so many seconds, if the rate allows; 0 reads nothing. */
  readonly periodSeconds: number;
  /** Bytes a second at most. */
  readonly bytesPerSecondMax: number;
}

/** A week, and 16 MiB a second. */
export const defaultScrubRules: ScrubRules = {
  periodSeconds: 7 * 86_400,
  bytesPerSecondMax: 16 * 1_048_576,
};

export interface ScrubStats {
  /** Whole passes. */
  readonly passes: number;
  readonly verifiedKeys: number;
  readonly verifiedBytes: number;
  /** Files given up. */
  readonly damaged: number;
  readonly unreadable: number;
  /** Of the pass that is under way: the part of the bytes that was read, 0 to 1. */
  readonly progress: number;
  /** How long the last whole pass took; undefined before its end. */
  readonly lastPassSeconds: number | undefined;
}

/** What is read before the next rest. */
const burstMs = 250;
/** Between passes over nearly nothing. */
const passSecondsMin = 60;

export class Scrubber implements AsyncDisposable {
  readonly #store: ScrubbableStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #rules: ScrubRules;
  #work: Promise<void> | undefined;
  #passes = 0;
  #verifiedKeys = 0;
  #verifiedBytes = 0;
  #damaged = 0;
  #unreadable = 0;
  #passBytes = 0;
  #lastPassSeconds: number | undefined;

  constructor(options: {
    readonly store: ScrubbableStore;
    readonly rules?: Partial<ScrubRules>;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#rules = { ...defaultScrubRules, ...options.rules };
  }

  /** Begins; ends when disposed. */
  start(): void {
    this.#work ??= this.#run();
  }

  /** Takes effect within a minute, also inside a pass. */
  change(rules: Partial<ScrubRules>): void {
    this.#rules = { ...defaultScrubRules, ...rules };
  }

  stats(): ScrubStats {
    const whole = Math.max(1, this.#store.liveBytes);
    return {
      passes: this.#passes,
      verifiedKeys: this.#verifiedKeys,
      verifiedBytes: this.#verifiedBytes,
      damaged: this.#damaged,
      unreadable: this.#unreadable,
      progress: Math.min(1, this.#passBytes / whole),
      lastPassSeconds: this.#lastPassSeconds,
    };
  }

  /** To be waited for before the store is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the scrub was stopped'));
    await this.#work;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for (;;) {
        const startedMs = this.#clock.monotonicMs();
        if (this.#rules.periodSeconds > 0) {
          await this.#pass(signal);
          this.#passes++;
          this.#lastPassSeconds = (this.#clock.monotonicMs() - startedMs) / 1_000;
        }
        this.#passBytes = 0;
        await this.#restOfPeriod(startedMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#log.error('cache scrub failed', { error: messageOf(error) });
    }
  }

  /** A period that is changed meanwhile counts from the start of the pass. */
  async #restOfPeriod(startedMs: number, signal: AbortSignal): Promise<void> {
    do {
      await this.#clock.sleep(passSecondsMin * 1_000, signal);
    } while (
      this.#rules.periodSeconds === 0 ||
      this.#clock.monotonicMs() - startedMs < this.#rules.periodSeconds * 1_000
    );
  }

  async #pass(signal: AbortSignal): Promise<void> {
    let burstBytes = 0;
    let from: number | undefined = 0;
    while (from !== undefined && this.#rules.periodSeconds > 0) {
      const records: number[] = [];
      from = this.#store.visit(from, ({ record }) => records.push(record));
      for (const record of records) {
        signal.throwIfAborted();
        burstBytes += await this.#verify(record);
        if (burstBytes < (this.#bytesPerSecond() * burstMs) / 1_000) continue;
        await this.#rest(burstBytes, signal);
        burstBytes = 0;
      }
      await this.#clock.sleep(1, signal); // also where there is nothing to read
    }
  }

  /** As long as so many bytes may take; in parts, for the rules may change. */
  async #rest(bytes: number, signal: AbortSignal): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const rate = this.#bytesPerSecond();
      const restMs = Math.min(Math.ceil((left / rate) * 1_000), 60_000);
      await this.#clock.sleep(restMs, signal);
      left -= (rate * restMs) / 1_000;
    }
  }

  async #verify(record: number): Promise<number> {
    const { bytes, damaged, unreadable } = await this.#store.verify(record);
    this.#verifiedKeys++;
    this.#verifiedBytes += bytes;
    this.#passBytes += bytes;
    this.#damaged += damaged;
    this.#unreadable += unreadable;
    return bytes;
  }

  /** As slow as the period allows, with a tenth to spare. */
  #bytesPerSecond(): number {
    const { periodSeconds, bytesPerSecondMax } = this.#rules;
    const needed = (this.#store.liveBytes / Math.max(1, periodSeconds)) * 1.1;
    return Math.max(1, Math.min(bytesPerSecondMax, needed));
  }
}
