// Segments that go together: a note of them outlives a death half-way, so that the next start drops the rest.

import { crc32 } from 'node:zlib';
import type { CacheDisk } from './cache-disk.ts';

/** Must not be lost among the files of segments: its name is no segment's. */
export const dropNoteName = 'dropping';

/** Writes the note; false when the disk does not take it. */
export function writeDropNote(disk: CacheDisk, numbers: readonly number[]): boolean {
  try {
    disk.remove(dropNoteName);
    const file = disk.create(dropNoteName);
    try {
      const text = numbers.join(' ');
      const bytes = Buffer.from(`${crc32(text)} ${text}`);
      file.writeNow(bytes, bytes.length, 0);
    } finally {
      file.close();
    }
    return true;
  } catch {
    return false;
  }
}

/** The segments of a note that was left; none when it is torn, for then nothing was dropped yet. */
export function readDropNote(disk: CacheDisk): readonly number[] {
  const file = disk.open(dropNoteName);
  try {
    const bytes = Buffer.alloc(file.sizeNow());
    const count = file.readNow(bytes, 0, bytes.length, 0);
    const text = bytes.toString('latin1', 0, count);
    const [crc = '', ...numbers] = text.split(' ');
    if (Number(crc) !== crc32(text.slice(crc.length + 1))) return [];
    return numbers.filter((number) => /^\d{1,10}$/.test(number)).map(Number);
  } finally {
    file.close();
  }
}
