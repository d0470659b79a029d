// Commit records read and written where they lie, number by number: a start looks at millions of them.

import { type CommitRecord, commitRecordBytes, commitRecordMagic } from './commit-record.ts';

/** 32-bit words of a record. */
const recordWords: number = commitRecordBytes / 4;

const idBytes = 32;
const magicAt = 1;
const idAt = 6;
const filesAt = 14;
const fileWords = 3;
const removedAt = 23;

/** Some records one behind the other, as `encodeCommitRecord` writes them; like it, for machines that count from the little end. */
export class CommitLog {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly #doubles: Float64Array;

  /** Room for so many records. */
  constructor(records: number) {
    this.bytes = Buffer.allocUnsafeSlow(records * commitRecordBytes);
    const { buffer, byteOffset, length } = this.bytes;
    this.words = new Uint32Array(buffer, byteOffset, length / 4);
    this.#doubles = new Float64Array(buffer, byteOffset, length / 8);
  }

  get records(): number {
    return this.bytes.length / commitRecordBytes;
  }

  /** Whether a record is whole: a record at all, with the checksum that it had. */
  isWhole(record: number): boolean {
    const at = record * recordWords;
    return (
      this.words[at + magicAt] === commitRecordMagic &&
      this.words[at] === crcOfWords(this.words, at + 1, at + recordWords)
    );
  }

  /** Writes a record. */
  set(record: number, { sequence, committedMs, id, files, removed }: CommitRecord): void {
    const { words } = this;
    const at = record * recordWords;
    words[at + magicAt] = commitRecordMagic;
    this.#doubles[at / 2 + 1] = sequence;
    this.#doubles[at / 2 + 2] = committedMs;
    for (let byte = 0; byte < idBytes; byte++) this.bytes[4 * (at + idAt) + byte] = id[byte] ?? 0;
    for (let file = 0; file < 3; file++) {
      const place = files[file];
      const placeAt = at + filesAt + file * fileWords;
      words[placeAt] = place?.offset ?? 0;
      words[placeAt + 1] = place?.sizeBytes ?? 0;
      words[placeAt + 2] = place?.crc ?? 0;
    }
    words[at + removedAt] = removed;
    words[at] = crcOfWords(words, at + 1, at + recordWords);
  }

  sequence(record: number): number {
    return this.#doubles[(record * recordWords) / 2 + 1] ?? 0;
  }

  committedMs(record: number): number {
    return this.#doubles[(record * recordWords) / 2 + 2] ?? 0;
  }

  /** Where the id begins in `words`. */
  idAt(record: number): number {
    return record * recordWords + idAt;
  }

  /** Where offset, size and checksum of file 0, 1 or 2 begin in `words`. */
  fileAt(record: number, file: number): number {
    return record * recordWords + filesAt + file * fileWords;
  }

  removed(record: number): number {
    return (this.words[record * recordWords + removedAt] ?? 0) & 7;
  }

  /** The first byte behind the files of a record. */
  valuesEnd(record: number): number {
    let end = 0;
    for (let file = 0; file < 3; file++) {
      const at = this.fileAt(record, file);
      const size = this.words[at + 1] ?? 0;
      if (size > 0) end = Math.max(end, (this.words[at] ?? 0) + size);
    }
    return end;
  }
}

/** The checksum that `crc32` of zlib gives, four bytes at a time: a call into zlib for 92 bytes takes longer. */
function crcOfWords(words: Uint32Array, from: number, end: number): number {
  let crc = -1;
  for (let at = from; at < end; at++) {
    crc ^= words[at] ?? 0;
    crc =
      (tables[768 + (crc & 255)] ?? 0) ^
      (tables[512 + ((crc >>> 8) & 255)] ?? 0) ^
      (tables[256 + ((crc >>> 16) & 255)] ?? 0) ^
      (tables[crc >>> 24] ?? 0);
  }
  return ~crc >>> 0;
}

/** Slicing by four (Kounavis and Berry 2005). */
const tables = crcTables();

function crcTables(): Int32Array {
  const made = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] ?? 0;
    made[at] = (before >>> 8) ^ (made[before & 255] ?? 0);
  }
  return made;
}
