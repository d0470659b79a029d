// Cleans on a schedule and when told; one run at a time, beside serving.

import { abortable, type Clock, type Logger, messageOf, type Timer } from '@tweendeck/std';
import { cleanOnce } from './clean-run.ts';
import type { CleanableStore } from './cleanable-store.ts';
import type { CleanReport } from './cleaner-report.ts';
import { type CleanerRules, checkCleanerRules } from './cleaner-rules.ts';
import { Pace, type PaceOptions } from './pace.ts';

export interface CleanerOptions {
  readonly store: CleanableStore;
  readonly rules: CleanerRules;
  /** From the end of a run to the next; default a minute, 0 runs only when told. */
  readonly intervalMs?: number;
  readonly pace?: PaceOptions;
  /** Told of each run that is no dry run. */
  readonly onReport?: (report: CleanReport) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Sums since the start, dry runs left out. */
export interface CleanerStats {
  readonly runs: number;
  readonly failedRuns: number;
  readonly running: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly reclaimedBytes: number;
  readonly busyMs: number;
  readonly last: CleanReport | undefined;
  /** When the last run ended, by the wall clock. */
  readonly lastEndedMs: number | undefined;
}

const intervalMsStandard = 60_000;
/** What a killed process forgets of the last uses at most, beside one interval. */
const notedEveryMs = 600_000;

export class Cleaner implements AsyncDisposable {
  readonly #options: CleanerOptions;
  readonly #stop = new AbortController();
  #rules: CleanerRules;
  #intervalMs: number;
  #started = false;
  #timer: Timer | undefined;
  /** The last run that was asked for; the next begins when it is over. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Runs that wait for their turn, by what they are to do: one of a kind is enough. */
  readonly #waiting = new Map<boolean, Promise<CleanReport>>();
  #notedMs = Number.NEGATIVE_INFINITY;
  #runs = 0;
  #failedRuns = 0;
  #running = false;
  #objects = 0;
  #bytes = 0;
  #reclaimedBytes = 0;
  #busyMs = 0;
  #last: CleanReport | undefined;
  #lastEndedMs: number | undefined;

  /** Throws CACHE_CLEANER_RULES. */
  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#rules = checkCleanerRules(options.rules);
    this.#intervalMs = options.intervalMs ?? intervalMsStandard;
  }

  get rules(): CleanerRules {
    return this.#rules;
  }

  /** Begins the schedule, which ends when the cleaner is disposed. */
  start(): void {
    this.#started = true;
    this.#schedule(this.#intervalMs);
  }

  /** Rules from the next run on, which on a schedule begins at once; throws CACHE_CLEANER_RULES and keeps the old ones. */
  change(rules: CleanerRules, intervalMs: number = this.#intervalMs): void {
    this.#rules = checkCleanerRules(rules);
    this.#intervalMs = intervalMs;
    if (this.#started) this.#schedule(0);
  }

  /**
   * Cleans now, or after the run that is under way; who asks while such a run waits already gets the report of that one.
   * Rejects when the cleaner stops, with what the disk says, and when the signal aborts, which stops only the waiting.
   */
  run({ dryRun }: { readonly dryRun: boolean }, signal: AbortSignal): Promise<CleanReport> {
    return abortable(this.#ask(dryRun), signal);
  }

  stats(): CleanerStats {
    return {
      runs: this.#runs,
      failedRuns: this.#failedRuns,
      running: this.#running,
      objects: this.#objects,
      bytes: this.#bytes,
      reclaimedBytes: this.#reclaimedBytes,
      busyMs: this.#busyMs,
      last: this.#last,
      lastEndedMs: this.#lastEndedMs,
    };
  }

  /** Stops a run between two steps and waits for it: before the store is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#stop.abort(new Error('the cleaner was stopped'));
    await this.#queue;
  }

  #schedule(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#stop.signal.aborted || this.#intervalMs === 0) return;
    const run = (): void => void this.#scheduled();
    this.#timer = this.#options.clock.timer(delayMs, run, { keepAlive: false });
  }

  async #scheduled(): Promise<void> {
    const timer = this.#timer;
    await this.#ask(false).catch(() => undefined); // counted and told by the run
    if (timer === this.#timer) this.#schedule(this.#intervalMs);
  }

  #ask(dryRun: boolean): Promise<CleanReport> {
    const waiting = this.#waiting.get(dryRun);
    if (waiting !== undefined) return waiting;
    const run = this.#queue.then(() => {
      this.#waiting.delete(dryRun);
      return this.#run(dryRun);
    });
    this.#waiting.set(dryRun, run);
    this.#queue = run.catch(() => undefined);
    return run;
  }

  async #run(dryRun: boolean): Promise<CleanReport> {
    const { store, clock, log } = this.#options;
    this.#stop.signal.throwIfAborted();
    const startedMs = clock.monotonicMs();
    this.#running = true;
    try {
      const pace = new Pace(clock, this.#options.pace ?? {}, this.#stop.signal);
      const outcome = await cleanOnce({ store, rules: this.#rules, dryRun, pace });
      if (!dryRun) await this.#noteUses(pace);
      const report = { ...outcome, durationMs: Math.round(clock.monotonicMs() - startedMs) };
      if (!dryRun) this.#count(report);
      const { objects, bytes, reclaimedBytes, durationMs } = report;
      if (objects > 0 || reclaimedBytes > 0)
        log.info('cache cleaned', { dryRun, objects, bytes, reclaimedBytes, durationMs });
      return report;
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#failedRuns++;
        log.error('cache cleaner failed', { error: messageOf(error) });
      }
      throw error;
    } finally {
      this.#running = false;
    }
  }

  async #noteUses(pace: Pace): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#notedMs < notedEveryMs) return;
    this.#notedMs = nowMs;
    await this.#options.store.noteUses(pace);
  }

  #count(report: CleanReport): void {
    this.#runs++;
    this.#objects += report.objects;
    this.#bytes += report.bytes;
    this.#reclaimedBytes += report.reclaimedBytes;
    this.#busyMs += report.durationMs;
    this.#last = report;
    this.#lastEndedMs = this.#options.clock.nowMs();
    this.#options.onReport?.(report);
  }
}
