// The memory in which one turn's replies are put together, shared by all connections: nothing in it outlives the turn.

import type { UnityCacheFileType } from '@tweendeck/wire';

type ByType = Record<UnityCacheFileType, number>;

/** Small replies are gathered here and leave in one write. */
export class ReplyBatch {
  /** The bytes; valid up to `used`. */
  buffer: Buffer;
  used = 0;
  /** Answers in it, by type. */
  readonly hits: ByType = { a: 0, i: 0, r: 0 };
  readonly misses: ByType = { a: 0, i: 0, r: 0 };
  readonly #bytes: number;

  /** `bytes`: the largest batch. */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  get free(): number {
    return this.#bytes - this.used;
  }

  /** The batch as it stands, empty afterwards: valid until something is added. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.used);
    this.used = 0;
    return taken;
  }

  get answers(): number {
    const { hits, misses } = this;
    return hits.a + hits.i + hits.r + misses.a + misses.i + misses.r;
  }

  forgetAnswers(): void {
    const { hits, misses } = this;
    hits.a = hits.i = hits.r = misses.a = misses.i = misses.r = 0;
  }

  /** Drops everything in it. */
  clear(): void {
    this.used = 0;
    this.forgetAnswers();
  }

  /** The last taken batch is still being sent: leave it alone. */
  replace(): void {
    this.buffer = Buffer.allocUnsafeSlow(this.#bytes);
  }
}
