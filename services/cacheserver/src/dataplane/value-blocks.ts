// Small values out of blocks of their segment in memory: one read of the disk serves the neighbours too.

import { type MemoryTier, valueBytesMin } from './memory-tier.ts';
import type { OpenFiles, Segment } from './segment.ts';

/** To read so much costs about as much as two small values. */
export const blockBytes: number = 16 * 1_024;

/** A value of a pinned segment. */
interface Range {
  readonly segment: Segment;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Blocks begin at multiples of their size, and are only taken once they are written to their end. */
export class ValueBlocks {
  readonly #tier: MemoryTier;
  readonly #files: OpenFiles;

  constructor(tier: MemoryTier, files: OpenFiles) {
    this.#tier = tier;
    this.#files = files;
  }

  /** Copies a small value; false when it is large, or its blocks cannot be had or are not worth their memory. */
  copy({ segment, offset, sizeBytes }: Range, target: Buffer, at: number): boolean {
    if (sizeBytes >= valueBytesMin) return false;
    const end = offset + sizeBytes;
    for (let position = offset; position < end; ) {
      const start = position - (position % blockBytes);
      const until = Math.min(end, start + blockBytes);
      const block = this.#block(segment, start);
      if (block === undefined) return false;
      block.copy(target, at + position - offset, position - start, until - start);
      position = until;
    }
    return true;
  }

  #block(segment: Segment, start: number): Buffer | undefined {
    if (start + blockBytes > segment.valuesBytes - segment.stagedBytes) return undefined;
    const place = { segment: segment.number, offset: start };
    return this.#tier.block(place) ?? this.#load(segment, start);
  }

  #load(segment: Segment, start: number): Buffer | undefined {
    const place = { segment: segment.number, offset: start };
    const block = this.#tier.makeBlock(place, blockBytes);
    if (block === undefined) return undefined;
    let count = 0;
    try {
      count = this.#files.use(segment).readNow(block, 0, blockBytes, start);
    } catch {
      // Neighbours may be unreadable: the value itself is asked for next.
    }
    if (count === blockBytes) return block;
    this.#tier.dropBlock(place);
    return undefined;
  }
}
