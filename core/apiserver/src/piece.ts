// Bodies in pieces that are copied only when they are sent: who reads slowly holds no copies.

/** Bytes that are there, or are put together when they are written. */
export type Piece = Uint8Array | LazyPiece;

interface LazyPiece {
  readonly byteLength: number;
  /** Writes all of it. */
  copyTo(target: Buffer, at: number): void;
  /** The same in parts that are there. */
  parts(): readonly Uint8Array[];
}

/** What to write of a large piece: not copied, for many readers share it. */
export function sharedParts(piece: Piece): readonly Uint8Array[] {
  if (piece instanceof Uint8Array) return [piece];
  return piece.parts();
}

/** Bytes with a text of ASCII in them that they do not hold themselves. */
export class SplicedPiece implements LazyPiece {
  readonly #bytes: Buffer;
  readonly #skip: number;
  readonly #at: number;
  readonly #text: string;

  /** `bytes` from `skip` on, with `text` before the byte at `at`; `skip` is not beyond `at`. */
  constructor(bytes: Buffer, splice: { readonly at: number; readonly text: string }, skip = 0) {
    this.#bytes = bytes;
    this.#skip = skip;
    this.#at = splice.at;
    this.#text = splice.text;
  }

  get byteLength(): number {
    return this.#bytes.length - this.#skip + this.#text.length;
  }

  /** Loops, for what comes before the rest is short: calls would take longer. */
  copyTo(target: Buffer, at: number): void {
    const bytes = this.#bytes;
    const text = this.#text;
    let to = at;
    for (let from = this.#skip; from < this.#at; from++) target[to++] = bytes[from] ?? 0;
    for (let from = 0; from < text.length; from++) target[to++] = text.charCodeAt(from);
    bytes.copy(target, to, this.#at);
  }

  parts(): readonly Uint8Array[] {
    const before = this.#bytes.subarray(this.#skip, this.#at);
    return [before, Buffer.from(this.#text), this.#bytes.subarray(this.#at)];
  }

  /** Without what it begins with, which must end before the text; undefined: it begins otherwise. */
  without(beginning: Uint8Array): SplicedPiece | undefined {
    if (this.#skip > 0 || beginning.length > this.#at) return undefined;
    for (let at = 0; at < beginning.length; at++)
      if (this.#bytes[at] !== beginning[at]) return undefined;
    return new SplicedPiece(this.#bytes, { at: this.#at, text: this.#text }, beginning.length);
  }
}

export function lengthOf(pieces: readonly Piece[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.byteLength;
  return length;
}

/** All of them as one. */
export function oneOf(pieces: readonly Piece[], length: number = lengthOf(pieces)): Uint8Array {
  const [first] = pieces;
  if (first instanceof Uint8Array && pieces.length === 1) return first;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const piece of pieces) {
    if (!(piece instanceof Uint8Array)) piece.copyTo(bytes, at);
    else if (piece.length === 1) bytes[at] = piece[0] ?? 0;
    else bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
