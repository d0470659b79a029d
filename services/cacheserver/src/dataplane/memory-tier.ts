// The hot values in memory, within a bound of bytes: the least recently used go first.

interface Resident {
  readonly segment: number;
  readonly bytes: Buffer;
  readonly cost: number;
  holds: number;
  dropped: boolean;
}

/** A resident value that is being sent: it counts against the bound until released, evicted or not. */
export interface HeldValue {
  readonly bytes: Buffer;
  release(): void;
}

/** What a resident value costs beside its bytes. */
const overheadBytes = 256;
/** Smaller values are as fast from the page cache. */
const valueBytesMin = 4_096;

/** Keys are places on disk (segment and offset), so an overwritten value is simply never asked for again. */
export class MemoryTier {
  readonly bytesMax: number;
  readonly #residents = new Map<number, Resident>(); // in order of use
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Bytes of everything resident, held or reserved; never above `bytesMax`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a value of this size may be resident: not a tiny one, and one value takes an eighth of the tier at most. */
  admits(sizeBytes: number): boolean {
    return sizeBytes >= valueBytesMin && sizeBytes + overheadBytes <= this.bytesMax / 8;
  }

  /** The value, to be used at once. */
  get(segment: number, offset: number): Buffer | undefined {
    return this.#touch(segment, offset)?.bytes;
  }

  /** The value, to be used until released. */
  hold(segment: number, offset: number): HeldValue | undefined {
    const resident = this.#touch(segment, offset);
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

  /** Makes `bytes` resident if there is room; nobody may change them from now on. */
  put(segment: number, offset: number, bytes: Buffer): void {
    const cost = bytes.length + overheadBytes;
    if (!this.admits(bytes.length) || !this.#makeRoom(cost)) return;
    this.drop(segment, offset);
    this.#bytes += cost;
    const resident = { segment, bytes, cost, holds: 0, dropped: false };
    this.#residents.set(placeKey(segment, offset), resident);
  }

  /** Counts memory that is about to be filled, until `unreserve`; false when it does not fit. */
  reserve(sizeBytes: number): boolean {
    if (!this.admits(sizeBytes) || !this.#makeRoom(sizeBytes + overheadBytes)) return false;
    this.#bytes += sizeBytes + overheadBytes;
    return true;
  }

  unreserve(sizeBytes: number): void {
    this.#bytes -= sizeBytes + overheadBytes;
  }

  drop(segment: number, offset: number): void {
    const key = placeKey(segment, offset);
    const resident = this.#residents.get(key);
    if (resident !== undefined) this.#drop(key, resident);
  }

  #touch(segment: number, offset: number): Resident | undefined {
    const key = placeKey(segment, offset);
    const resident = this.#residents.get(key);
    if (resident === undefined || resident.segment !== segment) return undefined;
    this.#residents.delete(key);
    this.#residents.set(key, resident);
    return resident;
  }

  #drop(key: number, resident: Resident): void {
    this.#residents.delete(key);
    resident.dropped = true;
    if (resident.holds === 0) this.#bytes -= resident.cost;
  }

  #makeRoom(cost: number): boolean {
    for (const [key, resident] of this.#residents) {
      if (this.#bytes + cost <= this.bytesMax) return true;
      this.#drop(key, resident);
    }
    return this.#bytes + cost <= this.bytesMax;
  }
}

/** Distinct for all places of 2^21 consecutive segments, and exact; the resident itself names its segment in full. */
function placeKey(segment: number, offset: number): number {
  return (segment % 2 ** 21) * 2 ** 32 + offset;
}
