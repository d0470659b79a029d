// How long things took, in buckets that never change: plain numbers, cheap enough for every request.

import type { UnityCacheFileType } from '@tweendeck/wire';

/** Upper bounds in milliseconds, the last bucket has none. */
export const latencyBoundsMs: readonly number[] = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1_000, 5_000,
];

/** Counts by bucket, not yet added up; one more than there are bounds. */
export interface LatencyValues {
  readonly counts: readonly number[];
  readonly sumMs: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(latencyBoundsMs.length + 1);
  #sumMs = 0;

  /** Notes that `count` things took this long each. */
  observe(tookMs: number, count = 1): void {
    let bucket = 0;
    while (bucket < latencyBoundsMs.length && tookMs > (latencyBoundsMs[bucket] ?? 0)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#sumMs += tookMs * count;
  }

  values(): LatencyValues {
    return { counts: [...this.#counts], sumMs: this.#sumMs };
  }
}

type ByType<Value> = Readonly<Record<UnityCacheFileType, Value>>;

/** What a namespace times. */
export interface LatencyStats {
  /** From the arrival of a get's last byte until its answer was handed to the kernel, or queued behind earlier ones. */
  readonly hit: ByType<LatencyValues>;
  readonly miss: ByType<LatencyValues>;
  /** From the arrival of `te` until the transaction was stored. */
  readonly commit: LatencyValues;
}

const byType = <Value>(make: () => Value): ByType<Value> => ({ a: make(), i: make(), r: make() });

export class Latencies {
  readonly hit: ByType<LatencyHistogram> = byType(() => new LatencyHistogram());
  readonly miss: ByType<LatencyHistogram> = byType(() => new LatencyHistogram());
  readonly commit: LatencyHistogram = new LatencyHistogram();

  values(): LatencyStats {
    const of = ({ a, i, r }: ByType<LatencyHistogram>): ByType<LatencyValues> => ({
      a: a.values(),
      i: i.values(),
      r: r.values(),
    });
    return { hit: of(this.hit), miss: of(this.miss), commit: this.commit.values() };
  }
}
