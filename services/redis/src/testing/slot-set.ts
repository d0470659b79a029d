// Sets of slots as members tell each other of them, a bit each, and the slot of a key (redis.io/docs/reference/cluster-spec).

import { rangesOf, type SlotRange, slotCount } from '../cluster/slots.ts';

const slotBytes: number = slotCount / 8;

/** A set that is copied when it changes after somebody was given it. */
export class SlotSet {
  #bits: Uint8Array = new Uint8Array(slotBytes);
  #count = 0;
  #isShared = false;
  #ranges: readonly SlotRange[] | undefined;

  get size(): number {
    return this.#count;
  }

  /** As it is now; it changes no more. */
  share(): Uint8Array {
    this.#isShared = true;
    return this.#bits;
  }

  has(slot: number): boolean {
    return hasSlot(this.#bits, slot);
  }

  add(slot: number): void {
    if (this.has(slot)) return;
    this.#own();
    this.#bits[slot >> 3] = (this.#bits[slot >> 3] ?? 0) | (1 << (slot & 7));
    this.#count++;
  }

  addAll(other: SlotSet): void {
    for (const [first, last] of other.ranges) {
      for (let slot = first; slot <= last; slot++) this.add(slot);
    }
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    this.#own();
    this.#bits[slot >> 3] = (this.#bits[slot >> 3] ?? 0) & ~(1 << (slot & 7));
    this.#count--;
  }

  /** Whether these bits are the same. */
  is(bits: Uint8Array): boolean {
    return bits === this.#bits || Buffer.compare(bits, this.#bits) === 0;
  }

  /** Those of `bits` that are not in it, in order. It may change on the way. */
  eachMissing(bits: Uint8Array, run: (slot: number) => void): void {
    for (let at = 0; at < bits.length; at++) {
      const byte = (bits[at] ?? 0) & ~(this.#bits[at] ?? 0);
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) run(at * 8 + bit);
    }
  }

  get ranges(): readonly SlotRange[] {
    if (this.#ranges) return this.#ranges;
    const slots: number[] = [];
    eachSlot(this.#bits, (slot) => slots.push(slot));
    this.#ranges = rangesOf(slots);
    return this.#ranges;
  }

  #own(): void {
    this.#ranges = undefined;
    if (!this.#isShared) return;
    this.#bits = this.#bits.slice();
    this.#isShared = false;
  }
}

export function hasSlot(bits: Uint8Array, slot: number): boolean {
  return ((bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
}

/** In order. */
export function eachSlot(bits: Uint8Array, run: (slot: number) => void): void {
  for (let at = 0; at < bits.length; at++) {
    const byte = bits[at] ?? 0;
    if (byte === 0) continue;
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) run(at * 8 + bit);
  }
}

/** CRC-16/XMODEM, by table. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** What is between the first braces counts, if there is anything. */
export function slotOfKey(key: string): number {
  const [, tag] = /^[^{]*\{([^}]+)\}/.exec(key) ?? [];
  let crc = 0;
  for (const byte of Buffer.from(tag ?? key, 'latin1')) {
    crc = ((crc << 8) & 0xffff) ^ (table[((crc >> 8) ^ byte) & 0xff] ?? 0);
  }
  return crc & (slotCount - 1);
}
