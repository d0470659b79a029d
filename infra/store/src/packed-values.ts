// Many values in one buffer, so that a message between threads moves one thing and copies each byte once.

export interface PackedValues {
  /** Bytes of each value, in order; -1 where there is none. */
  readonly sizes: readonly number[];
  /** The values, one after the other; may be longer than they are. */
  readonly bytes: ArrayBuffer;
}

/** Buffers are made at least this long, so that they serve again. */
const bufferBytesMin = 64 * 1_024;

/** Copies the values into `spare` where it is long enough, else into a new buffer. */
export function packValues(
  values: readonly (Uint8Array | undefined)[],
  spare?: ArrayBuffer,
): PackedValues {
  const sizes = values.map((value) => value?.byteLength ?? -1);
  const total = sizes.reduce((sum, size) => sum + Math.max(0, size), 0);
  const reusable = spare !== undefined && spare.byteLength >= total;
  const bytes = reusable ? spare : new ArrayBuffer(Math.max(total, spare ? bufferBytesMin : 0));
  const target = new Uint8Array(bytes);
  let offset = 0;
  for (const value of values) {
    if (value === undefined) continue;
    target.set(value, offset);
    offset += value.byteLength;
  }
  return { sizes, bytes };
}

/** Views of the values; they share the buffer. */
export function unpackValues(packed: PackedValues): readonly (Uint8Array | undefined)[] {
  let offset = 0;
  return packed.sizes.map((size) => {
    if (size < 0) return undefined;
    offset += size;
    return new Uint8Array(packed.bytes, offset - size, size);
  });
}
