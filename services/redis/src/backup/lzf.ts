// Unpacks what a redis-server packed: LZF (liblzf), in which short strings of an RDB file are. Pure.

import { Buffer } from 'node:buffer';
import { PlatformError } from '@tweendeck/std';

/** @throws PlatformError REDIS_BACKUP_UNREADABLE */
export function lzfUnpacked(packed: Uint8Array, bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  let to = 0;
  for (let at = 0; at < packed.length; ) {
    const control = packed[at++] ?? 0;
    if (control < 32) {
      const literal = packed.subarray(at, at + control + 1);
      out.set(literal.subarray(0, bytes - to), to);
      at += literal.length;
      to += literal.length;
      continue;
    }
    let length = control >> 5;
    if (length === 7) length += packed[at++] ?? 0;
    const back = ((control & 0x1f) << 8) + (packed[at++] ?? 0) + 1;
    // Byte by byte: what is repeated may reach into what it makes.
    for (let from = to - back, left = length + 2; left > 0; left--) out[to++] = out[from++] ?? 0;
  }
  if (to !== bytes) {
    throw new PlatformError(
      'REDIS_BACKUP_UNREADABLE',
      `a packed string has ${to} bytes, not ${bytes}`,
      {
        hint: 'Look whether the file is what was written.',
      },
    );
  }
  return out;
}
