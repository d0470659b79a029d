// The hot values in memory, within a bound of bytes: what is asked for often stays, what is asked for once does not come.

import { FrequencySketch } from './frequency-sketch.ts';
import { type Resident, ResidentRound } from './resident-round.ts';

/** A resident value that is being sent: it counts against the bound until released, evicted or not. */
export interface HeldValue {
  readonly bytes: Buffer;
  release(): void;
}

/** Where something lies on disk. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

/** What a resident value costs beside its bytes. */
const overheadBytes = 256;
/** Smaller values are held in the blocks that they lie in. */
export const valueBytesMin = 4_096;
/** How often residents are asked for, on the average, before half of that is forgotten. */
const memoryTurns = 8;
const residentsMin = 32;

/**
 * Keys are places on disk (segment and offset), so an overwritten value is simply never asked for again. Who needs room
 * goes round (CLOCK): what was used since the last round is passed over. What is read comes only where it is asked for
 * twice as often as what would have to go (after TinyLFU, Einziger et al. 2017): going through more than fits, again and
 * again, does not empty the tier. What was just written comes always.
 */
export class MemoryTier {
  readonly bytesMax: number;
  readonly #residents = new Map<number, Resident>();
  readonly #round = new ResidentRound();
  readonly #asked = new FrequencySketch();
  #bytes = 0;
  /** Of the block that went last: nobody looks at a block for longer than a call, so the next one may have it. */
  #spareBlock: Buffer | undefined;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Bytes of everything resident, held or reserved; never above `bytesMax`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a value of this size may be resident: not a tiny one, and one value takes an eighth of the tier at most. */
  admits(sizeBytes: number): boolean {
    return sizeBytes >= valueBytesMin && this.#fits(sizeBytes);
  }

  /** The value, to be used at once. */
  get({ segment, offset }: Place): Buffer | undefined {
    return this.#touch(segment, keyOf(segment, offset))?.bytes;
  }

  /** The value, to be used until released. */
  hold({ segment, offset }: Place): HeldValue | undefined {
    const resident = this.#touch(segment, keyOf(segment, offset));
    if (resident === undefined) return undefined;
    resident.holds++;
    let released = false;
    return {
      bytes: resident.bytes,
      release: () => {
        if (released) return;
        released = true;
        if (--resident.holds === 0 && resident.dropped) this.#bytes -= resident.cost;
      },
    };
  }

  /** Makes what was just written resident if there is room; nobody may change `bytes` from now on. */
  put(place: Place, bytes: Buffer): void {
    if (!this.admits(bytes.length) || !this.#makeRoom(bytes.length + overheadBytes)) return;
    this.#add(place.segment, keyOf(place.segment, place.offset), bytes);
  }

  /** Counts memory that is about to be filled with what is read at a place, until `unreserve`; false when it is not worth it. */
  reserve(place: Place, sizeBytes: number): boolean {
    const key = keyOf(place.segment, place.offset);
    if (!this.admits(sizeBytes) || !this.#earnsRoom(key, sizeBytes + overheadBytes)) return false;
    this.#bytes += sizeBytes + overheadBytes;
    return true;
  }

  unreserve(sizeBytes: number): void {
    this.#bytes -= sizeBytes + overheadBytes;
  }

  /** The block that begins at a place, to be used at once. */
  block({ segment, offset }: Place): Buffer | undefined {
    return this.#touch(segment, blockKeyOf(segment, offset))?.bytes;
  }

  /** Memory for the block at a place, resident from now on, where it was asked for before and earns its room. */
  makeBlock({ segment, offset }: Place, sizeBytes: number): Buffer | undefined {
    const key = blockKeyOf(segment, offset);
    const worthIt = this.#fits(sizeBytes) && this.#asked.countOf(key) > 1;
    if (!worthIt || !this.#earnsRoom(key, sizeBytes + overheadBytes)) return undefined;
    const spare = this.#spareBlock?.length === sizeBytes ? this.#spareBlock : undefined;
    this.#spareBlock = undefined;
    const bytes = spare ?? Buffer.allocUnsafeSlow(sizeBytes);
    this.#add(segment, key, bytes);
    return bytes;
  }

  drop({ segment, offset }: Place): void {
    this.#dropAt(keyOf(segment, offset));
  }

  dropBlock({ segment, offset }: Place): void {
    this.#dropAt(blockKeyOf(segment, offset));
  }

  #fits(sizeBytes: number): boolean {
    return sizeBytes + overheadBytes <= this.bytesMax / 8;
  }

  #touch(segment: number, key: number): Resident | undefined {
    const additionsMax = memoryTurns * Math.max(this.#residents.size, residentsMin);
    this.#asked.add(key, additionsMax);
    const resident = this.#residents.get(key);
    if (resident === undefined || resident.segment !== segment) return undefined;
    resident.used = true;
    return resident;
  }

  #add(segment: number, key: number, bytes: Buffer): void {
    this.#dropAt(key);
    const cost = bytes.length + overheadBytes;
    this.#bytes += cost;
    const state = { slot: 0, holds: 0, dropped: false, used: false, chosen: false };
    const resident = { key, segment, bytes, cost, ...state };
    this.#residents.set(key, resident);
    this.#round.add(resident);
  }

  #dropAt(key: number): void {
    const resident = this.#residents.get(key);
    if (resident === undefined) return;
    this.#residents.delete(key);
    this.#round.remove(resident);
    resident.dropped = true;
    if (resident.holds === 0) this.#bytes -= resident.cost;
  }

  /** Room for what is asked for as often as `key`: only where that is twice as often as what goes, byte by byte. */
  #earnsRoom(key: number, cost: number): boolean {
    return this.#makeRoom(cost, (this.#asked.countOf(key) - 1) / 2);
  }

  /** Drops what has to go, or nothing when that is not enough, or was asked for as often as `asked` on the average. */
  #makeRoom(cost: number, asked: number = Number.POSITIVE_INFINITY): boolean {
    const needed = this.#bytes + cost - this.bytesMax;
    if (needed <= 0) return true;
    const victims = this.#round.victims(needed);
    if (victims === undefined) return false;
    let freed = 0;
    let lost = 0;
    for (const { key, cost: freeing } of victims) {
      freed += freeing;
      lost += freeing * this.#asked.countOf(key);
    }
    if (lost >= asked * freed) {
      this.#round.spare(victims);
      return false;
    }
    for (const { key, bytes } of victims) {
      if (isBlockKey(key)) this.#spareBlock = bytes;
      this.#dropAt(key);
    }
    return true;
  }
}

/** Distinct for all places of 2^20 consecutive segments, and exact; the resident itself names its segment in full. */
function keyOf(segment: number, offset: number): number {
  return ((segment % 2 ** 20) * 2 ** 32 + offset) * 2;
}

function blockKeyOf(segment: number, offset: number): number {
  return keyOf(segment, offset) + 1;
}

function isBlockKey(key: number): boolean {
  return key % 2 === 1;
}
