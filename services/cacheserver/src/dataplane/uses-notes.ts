// Keeps the two notes of last uses within the space of a store.

import type { Pace } from '../cleaner/pace.ts';
import type { CacheDisk } from './cache-disk.ts';
import type { KeyIndex } from './key-index.ts';
import { readLastUses, usesNames, writeLastUses } from './last-uses.ts';
import { blocksOf } from './segment.ts';
import type { SegmentSpace } from './segment-space.ts';

const entryBytes = 36;

interface UsesHost {
  readonly disk: CacheDisk;
  readonly index: KeyIndex;
  readonly space: SegmentSpace;
}

export class UsesNotes {
  readonly #host: UsesHost;
  #turn: 0 | 1 = 0;
  readonly #bytes: [number, number] = [0, 0];

  constructor(host: UsesHost) {
    this.#host = host;
  }

  /** Applies the newest note to an index that holds all keys; returns when it was made. */
  read(): number {
    const { disk, index } = this.#host;
    const noted = readLastUses(disk, index);
    this.#turn = noted.nextTurn;
    for (const turn of [0, 1] as const) this.#count(turn, noted.bytes[turn]);
    return noted.madeMs;
  }

  /** Writes the next note where there is room for it. */
  async write(nowMs: number, pace: Pace): Promise<void> {
    const { index, space } = this.#host;
    if (!space.hasRoom(blocksOf(index.count * entryBytes))) return;
    const turn = this.#turn;
    const bytes = await writeLastUses(this.#host, { name: usesNames[turn], nowMs }, pace);
    this.#count(turn, bytes);
    this.#turn = turn === 0 ? 1 : 0;
  }

  #count(turn: 0 | 1, bytes: number): void {
    this.#host.space.count(blocksOf(bytes) - this.#bytes[turn]);
    this.#bytes[turn] = blocksOf(bytes);
  }
}
