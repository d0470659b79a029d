// The 96 bytes that make a transaction real: which key, which files, where they lie, and the checksums of all of it.

import { crc32 } from 'node:zlib';

/** Bytes of a commit record; all have the same length, so that a log is read by stride. */
export const commitRecordBytes = 96;

/** Where the bytes of one file lie in its segment. */
export interface FilePlace {
  readonly offset: number;
  /** At least 1. */
  readonly sizeBytes: number;
  readonly crc: number;
}

/** The files of a transaction in the order a, i, r. */
export type FilePlaces = readonly [
  FilePlace | undefined,
  FilePlace | undefined,
  FilePlace | undefined,
];

export interface CommitRecord {
  /** Commit order over all segments of a store; from 1. */
  readonly sequence: number;
  /** Wall time of the commit, by the store's clock. */
  readonly committedMs: number;
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly files: FilePlaces;
  /** Files taken away as of this sequence, a bit each (1 a, 2 i, 4 r): versions up to it are void. */
  readonly removed: number;
}

/** Spells `UWD1`: to be changed with the layout. */
export const commitRecordMagic = 0x31445755;

/** Layout, little endian: crc of the rest, magic, sequence f64, wall time f64, id 32, 3 x (offset, size, crc), removed. */
export function encodeCommitRecord(record: CommitRecord, target: Buffer, at: number): void {
  target.fill(0, at, at + commitRecordBytes);
  target.writeUInt32LE(commitRecordMagic, at + 4);
  target.writeDoubleLE(record.sequence, at + 8);
  target.writeDoubleLE(record.committedMs, at + 16);
  target.set(record.id, at + 24);
  for (let index = 0; index < 3; index++) {
    const file = record.files[index];
    if (file === undefined) continue;
    const place = at + 56 + index * 12;
    target.writeUInt32LE(file.offset, place);
    target.writeUInt32LE(file.sizeBytes, place + 4);
    target.writeUInt32LE(file.crc, place + 8);
  }
  target.writeUInt32LE(record.removed, at + 92);
  target.writeUInt32LE(crc32(target.subarray(at + 4, at + commitRecordBytes)), at);
}

/** The record at `at`, or undefined when it is torn, damaged or not a record. The id is a view. */
export function decodeCommitRecord(source: Buffer, at: number): CommitRecord | undefined {
  if (source.length - at < commitRecordBytes) return undefined;
  if (source.readUInt32LE(at + 4) !== commitRecordMagic) return undefined;
  if (crc32(source.subarray(at + 4, at + commitRecordBytes)) !== source.readUInt32LE(at)) {
    return undefined;
  }
  return {
    sequence: source.readDoubleLE(at + 8),
    committedMs: source.readDoubleLE(at + 16),
    id: source.subarray(at + 24, at + 56),
    files: [placeAt(source, at + 56), placeAt(source, at + 68), placeAt(source, at + 80)],
    removed: source.readUInt32LE(at + 92) & 7,
  };
}

/** A record without files. */
export const noFiles: FilePlaces = [undefined, undefined, undefined];

/** The first byte behind the files of a record. */
export function filesEnd(files: FilePlaces): number {
  return Math.max(...files.map((file) => (file === undefined ? 0 : file.offset + file.sizeBytes)));
}

function placeAt(source: Buffer, at: number): FilePlace | undefined {
  const sizeBytes = source.readUInt32LE(at + 4);
  if (sizeBytes === 0) return undefined;
  return { offset: source.readUInt32LE(at), sizeBytes, crc: source.readUInt32LE(at + 8) };
}
