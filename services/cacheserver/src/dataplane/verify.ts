// Reads the files of a key from the disk, past all memory, and gives up what is not what was stored.

import { crc32 } from 'node:zlib';
import type { CompactionHost } from './compaction.ts';
import type { IndexedFile } from './key-index.ts';
import type { Segment } from './segment.ts';

export interface Verified {
  readonly bytes: number;
  /** Files that were given up. */
  readonly damaged: number;
  /** Files that the disk would not read; they stay, for it may later. */
  readonly unreadable: number;
}

const partBytes = 256 * 1_024;

export async function verifyKey(host: CompactionHost, record: number): Promise<Verified> {
  const sum = { bytes: 0, damaged: 0, unreadable: 0 };
  for (let file = 0; file < 3; file++) {
    const place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
    if (record >= host.index.recordsEnd || !host.index.read(record, file, place)) continue;
    const segment = host.segmentOf(place.segment);
    if (segment === undefined) continue;
    host.space.pin(segment);
    try {
      const crc = await crcOf(host, segment, place);
      sum.bytes += place.sizeBytes;
      if (crc === place.crc || !isThere(host, record, file, place)) continue;
      sum.damaged++;
      host.damagedAt(record, file, place);
    } catch (error) {
      sum.unreadable++;
      host.trouble(error);
    } finally {
      host.space.unpin(segment);
    }
  }
  return sum;
}

/** Undefined when the file is shorter than it should be. */
async function crcOf(
  host: CompactionHost,
  segment: Segment,
  { offset, sizeBytes }: IndexedFile,
): Promise<number | undefined> {
  const part = Buffer.allocUnsafe(Math.min(sizeBytes, partBytes));
  let crc = 0;
  for (let done = 0; done < sizeBytes; ) {
    const length = Math.min(part.length, sizeBytes - done);
    const file = host.files.use(segment);
    const count = await host.track(file.read(part, 0, length, offset + done));
    if (count === 0) return undefined;
    crc = crc32(part.subarray(0, count), crc);
    done += count;
  }
  return crc;
}

/** Whether the key still points to where was read: it may have been stored anew, moved or removed meanwhile. */
function isThere(
  host: CompactionHost,
  record: number,
  file: number,
  { segment, offset }: IndexedFile,
): boolean {
  const found: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };
  const alive = record < host.index.recordsEnd && host.index.read(record, file, found);
  return alive && found.segment === segment && found.offset === offset;
}
