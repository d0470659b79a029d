// How long keys must have been unused to go, so that enough bytes go: found by counting, without a list of keys.

/** Bytes by idle time: exact to the second up to `buckets` seconds between the youngest and the oldest. */
const buckets = 8_192;

export interface IdleRange {
  readonly leastSeconds: number;
  readonly mostSeconds: number;
}

export class IdleHistogram {
  readonly #bytes = new Float64Array(buckets);
  readonly #range: IdleRange;
  readonly #widthSeconds: number;

  constructor(range: IdleRange) {
    this.#range = range;
    this.#widthSeconds = Math.max(1, (range.mostSeconds - range.leastSeconds + 1) / buckets);
  }

  add(idleSeconds: number, sizeBytes: number): void {
    const at = this.#bucketOf(idleSeconds);
    this.#bytes[at] = (this.#bytes[at] ?? 0) + sizeBytes;
  }

  /** The first bucket, from the oldest on, in which `neededBytes` are reached: older ones go whole, it goes in part. */
  cutoff(neededBytes: number): Cutoff {
    let bytes = 0;
    for (let bucket = buckets - 1; bucket >= 0; bucket--) {
      const here = this.#bytes[bucket] ?? 0;
      if (bytes + here >= neededBytes) return this.#cutoffAt(bucket, neededBytes - bytes);
      bytes += here;
    }
    return this.#cutoffAt(0, Number.POSITIVE_INFINITY);
  }

  #cutoffAt(bucket: number, partBytes: number): Cutoff {
    let left = partBytes;
    return {
      goes: (idleSeconds, sizeBytes) => {
        const at = this.#bucketOf(idleSeconds);
        if (at !== bucket) return at > bucket;
        if (left <= 0) return false;
        left -= sizeBytes;
        return true;
      },
    };
  }

  #bucketOf(idleSeconds: number): number {
    const at = Math.floor((idleSeconds - this.#range.leastSeconds) / this.#widthSeconds);
    return Math.min(Math.max(at, 0), buckets - 1);
  }
}

/** To be asked once for each key. */
export interface Cutoff {
  goes(idleSeconds: number, sizeBytes: number): boolean;
}
