// Chance comes in by the door: everything below the applications is handed a Random.

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** `length` bytes, 4,096 at most; unguessable when the source is. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** A version 4 UUID, lower case. */
  uuid(): string;
}

/** What an ambient source is made of; `globalThis.crypto` of Node has this shape. */
export interface AmbientEntropy {
  getRandomValues(target: Uint8Array<ArrayBuffer>): unknown;
}

/** Makes a Random of the ambient source, which only `apps/` and tests may name: `randomOf(globalThis.crypto)`. */
export function randomOf(ambient: AmbientEntropy): Random {
  // One call of the ambient source costs as much for 4 KiB as for 16 bytes. Bytes are handed out once and wiped.
  const pool = new Uint8Array(4_096);
  let used = pool.length;
  const bytes = (length: number): Uint8Array<ArrayBuffer> => {
    if (length > pool.length) throw new RangeError(`${length} random bytes at once`);
    if (used + length > pool.length) {
      ambient.getRandomValues(pool);
      used = 0;
    }
    const taken = pool.slice(used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return taken;
  };
  return randomFrom(bytes);
}

/** Builds the whole of Random on a source of bytes. */
export function randomFrom(bytes: (length: number) => Uint8Array<ArrayBuffer>): Random {
  const next = (): number => {
    const view = new DataView(bytes(8).buffer);
    return ((view.getUint32(0) >>> 5) * 2 ** 26 + (view.getUint32(4) >>> 6)) / 2 ** 53;
  };
  return {
    next,
    integer: (bound) => Math.floor(next() * bound),
    bytes,
    uuid() {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      const hex = Buffer.from(raw).toString('hex');
      return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        hex.slice(12, 16),
        hex.slice(16, 20),
        hex.slice(20),
      ].join('-');
    },
  };
}

/** A reproducible Random: one seed, one sequence (mulberry32; not for secrets). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const random = randomFrom((length) => Uint8Array.from({ length }, () => word() >>> 24));
  // The same numbers as of eight bytes, without the bytes: simulations draw millions.
  const half = (): number =>
    ((word() & 0xff000000) | ((word() >>> 24) << 16) | ((word() >>> 24) << 8) | (word() >>> 24)) >>>
    0;
  const next = (): number => ((half() >>> 5) * 2 ** 26 + (half() >>> 6)) / 2 ** 53;
  return { ...random, next, integer: (bound) => Math.floor(next() * bound) };
}

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The random tail of a generated name, in the alphabet Kubernetes uses for it. */
export function nameSuffix(random: Random, length = 5): string {
  return Array.from({ length }, () => nameAlphabet[random.integer(nameAlphabet.length)]).join('');
}
