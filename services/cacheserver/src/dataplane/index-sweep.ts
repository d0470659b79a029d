// Takes files off their keys whose segment is gone, a slice at a time: an index of millions is not looked through at once.

import type { Clock, Timer } from '@tweendeck/std';
import type { IndexedFile, KeyIndex } from './key-index.ts';

/** A millisecond, if all of them go. */
const sliceRecords = 1_024;
const restMs = 2;

/** Until its turn comes such a file is still in the index: whoever reads a place looks whether its segment is there. */
export class IndexSweep implements Disposable {
  readonly #index: KeyIndex;
  readonly #isThere: (segment: number) => boolean;
  readonly #clock: Pick<Clock, 'timer'>;
  readonly #place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  /** The record to look at next, and how many are left. */
  #next = 0;
  #left = 0;
  #timer: Timer | undefined;

  constructor(index: KeyIndex, isThere: (segment: number) => boolean, clock: Pick<Clock, 'timer'>) {
    this.#index = index;
    this.#isThere = isThere;
    this.#clock = clock;
  }

  /** A segment is gone: goes once round all keys from here on. */
  begin(): void {
    this.#left = this.#index.recordsEnd;
    this.#timer ??= this.#later();
  }

  /** Looks at a slice now; false when there is nothing left to look at. */
  step(): boolean {
    if (this.#left <= 0) return false;
    if (this.#next >= this.#index.recordsEnd) this.#next = 0;
    const end = Math.min(this.#next + sliceRecords, this.#index.recordsEnd);
    this.#left -= Math.max(1, end - this.#next);
    for (; this.#next < end; this.#next++) this.tidy(this.#next);
    return true;
  }

  /** Takes off one key what is gone. */
  tidy(record: number): void {
    for (let file = 0; file < 3; file++) {
      this.#index.read(record, file, this.#place);
      const { segment } = this.#place;
      if (segment !== 0 && !this.#isThere(segment)) this.#index.clear(record, file);
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#left = 0;
  }

  #later(): Timer {
    const run = (): void => {
      this.#timer = this.step() ? this.#later() : undefined;
    };
    return this.#clock.timer(restMs, run, { keepAlive: false });
  }
}
