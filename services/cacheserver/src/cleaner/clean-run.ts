// One run of the cleaner: what has expired goes, then the least recently used, then the space comes back.

import type { CleanableStore, VisitedKey } from './cleanable-store.ts';
import { type CleanReason, type CleanReport, CleanTally } from './cleaner-report.ts';
import type { CleanerRules } from './cleaner-rules.ts';
import { IdleHistogram } from './least-used.ts';
import type { Pace } from './pace.ts';

export interface CleanRunOptions {
  readonly store: CleanableStore;
  readonly rules: CleanerRules;
  readonly dryRun: boolean;
  readonly pace: Pace;
}

/** What a key takes beside its files: its commit record. */
const keyOverheadBytes = 96;
/** Space comes back in whole segments, so a first estimate may be too low. */
const roundsMax = 4;

interface Limit {
  readonly bytes: number;
  readonly reason: CleanReason;
}

export type CleanOutcome = Omit<CleanReport, 'durationMs'>;

export async function cleanOnce(options: CleanRunOptions): Promise<CleanOutcome> {
  return new CleanRun(options).run();
}

class CleanRun {
  readonly #store: CleanableStore;
  readonly #rules: CleanerRules;
  readonly #dryRun: boolean;
  readonly #pace: Pace;
  readonly #tally = new CleanTally();
  #reclaimedBytes = 0;
  #reclaimedSegments = 0;
  #leftSegments = 0;

  constructor({ store, rules, dryRun, pace }: CleanRunOptions) {
    this.#store = store;
    this.#rules = rules;
    this.#dryRun = dryRun;
    this.#pace = pace;
  }

  async run(): Promise<CleanOutcome> {
    await this.#expire();
    if (this.#dryRun) await this.#wouldDrop();
    else await this.#makeRoom();
    const { visited, oldestSeconds, reasons, sum } = this.#tally;
    return {
      ...sum,
      oldestSeconds,
      dryRun: this.#dryRun,
      reasons,
      visited,
      reclaimedBytes: this.#reclaimedBytes,
      reclaimedSegments: this.#reclaimedSegments,
      leftSegments: this.#leftSegments,
      storageBytes: this.#store.usedBytes,
    };
  }

  #hasExpired({ ageSeconds, idleSeconds }: VisitedKey): boolean {
    const { ttlSeconds = Number.POSITIVE_INFINITY, renewOnHit = true } = this.#rules;
    return (renewOnHit ? idleSeconds : ageSeconds) >= ttlSeconds;
  }

  async #expire(): Promise<void> {
    await this.#eachKey((key) => {
      this.#tally.visited++;
      if (this.#hasExpired(key)) this.#drop('expired', key);
    });
  }

  async #makeRoom(): Promise<void> {
    await this.#reclaim(undefined);
    for (let round = 0; round < roundsMax; round++) {
      const limit = await this.#limit();
      if (this.#store.usedBytes <= limit.bytes) return;
      await this.#reclaim(limit.bytes);
      const before = this.#store.usedBytes;
      const dropped = await this.#dropLeastUsed(before - limit.bytes, limit.reason);
      if (dropped === 0 && round > 0) return; // what is left is held by readers, or overhead
      await this.#reclaim(limit.bytes);
    }
  }

  async #wouldDrop(): Promise<void> {
    const { bytes, reason } = await this.#limit();
    const gone = this.#store.deadBytes + this.#tally.sum.bytes;
    await this.#dropLeastUsed(this.#store.usedBytes - gone - bytes, reason);
  }

  async #reclaim(storageBytesTarget: number | undefined): Promise<void> {
    const goal = storageBytesTarget === undefined ? {} : { storageBytesTarget };
    const { bytes, segments, left } = await this.#store.reclaim(goal, this.#pace);
    this.#reclaimedBytes += bytes;
    this.#reclaimedSegments += segments;
    this.#leftSegments = left;
  }

  /** How much may be used on disk, and which rule says so. */
  async #limit(): Promise<Limit> {
    const { maxBytes = Number.POSITIVE_INFINITY, freeBytes } = this.#rules;
    if (freeBytes === undefined) return { bytes: maxBytes, reason: 'max-bytes' };
    const missing = Math.max(0, freeBytes - (await this.#store.freeBytes()));
    const floor =
      missing > 0 ? Math.max(0, this.#store.usedBytes - missing) : Number.POSITIVE_INFINITY;
    return floor < maxBytes
      ? { bytes: floor, reason: 'free-bytes' }
      : { bytes: maxBytes, reason: 'max-bytes' };
  }

  /** Drops the least recently used keys, as many as hold so many bytes; returns how many went. */
  async #dropLeastUsed(neededBytes: number, reason: CleanReason): Promise<number> {
    if (!(neededBytes > 0)) return 0;
    const range = { leastSeconds: Number.POSITIVE_INFINITY, mostSeconds: 0 };
    await this.#eachLeft(({ idleSeconds }) => {
      range.leastSeconds = Math.min(range.leastSeconds, idleSeconds);
      range.mostSeconds = Math.max(range.mostSeconds, idleSeconds);
    });
    if (range.leastSeconds > range.mostSeconds) return 0;
    const histogram = new IdleHistogram(range);
    await this.#eachLeft(({ idleSeconds, sizeBytes }) =>
      histogram.add(idleSeconds, sizeBytes + keyOverheadBytes),
    );
    const cutoff = histogram.cutoff(neededBytes);
    let dropped = 0;
    await this.#eachLeft((key) => {
      if (!cutoff.goes(key.idleSeconds, key.sizeBytes + keyOverheadBytes)) return;
      this.#drop(reason, key);
      dropped++;
    });
    return dropped;
  }

  #drop(reason: CleanReason, { record, sizeBytes, idleSeconds }: VisitedKey): void {
    this.#tally.add(reason, sizeBytes, idleSeconds);
    if (!this.#dryRun) this.#store.forget(record);
  }

  /** The keys that have not expired: a dry run has them all still. */
  #eachLeft(see: (key: VisitedKey) => void): Promise<void> {
    return this.#eachKey((key) => {
      if (!this.#dryRun || !this.#hasExpired(key)) see(key);
    });
  }

  async #eachKey(see: (key: VisitedKey) => void): Promise<void> {
    let from: number | undefined = 0;
    while (from !== undefined) {
      from = this.#store.visit(from, see);
      const rest = this.#pace.turn();
      if (rest !== undefined) await rest;
    }
  }
}
