// Writes the protobuf wire format: tags, varints, doubles and length-delimited bytes.

const utf8 = new TextEncoder();

/** Collects the fields of one message. */
export class WireWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  text(number: number, value: string): void {
    this.bytes(number, utf8.encode(value));
  }

  bytes(number: number, value: Uint8Array): void {
    this.head(number, value.byteLength);
    this.#push(value);
  }

  /** What comes before bytes that are written elsewhere. */
  head(number: number, byteLength: number): void {
    this.#push(varint((BigInt(number) << 3n) | 2n));
    this.#push(varint(BigInt(byteLength)));
  }

  message(number: number, write: (inner: WireWriter) => void): void {
    const inner = new WireWriter();
    write(inner);
    this.bytes(number, inner.finish());
  }

  /** A whole number or a truth; negative ones take ten bytes. */
  integer(number: number, value: bigint): void {
    this.#push(varint(BigInt(number) << 3n));
    this.#push(varint(BigInt.asUintN(64, value)));
  }

  double(number: number, value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#push(varint((BigInt(number) << 3n) | 1n));
    this.#push(bytes);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let offset = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, offset);
      offset += piece.byteLength;
    }
    return bytes;
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.byteLength;
  }
}

function varint(value: bigint): Uint8Array {
  if (value < 0x80n) return Uint8Array.of(Number(value));
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
