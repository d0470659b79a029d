// Keys of a backup as commands, in portions that a server takes at once.

import { Buffer } from 'node:buffer';
import type { Command } from '../redis-link.ts';
import { crc64 } from './crc64.ts';
import type { RdbEntry } from './rdb-scanner.ts';

/** What a server takes as one argument; a value that is larger could not be moved between shards either. */
export const valueBytesMax: number = 512 * 2 ** 20;

/** `RESTORE` of one key, with the value as `DUMP` would give it. It refuses to replace what is there. */
export function restoreCommand(entry: RdbEntry, version: number): Command {
  const { key, type, value, expiresMs, idleSeconds, frequency } = entry;
  const format = Buffer.alloc(2);
  format.writeUInt16LE(version);
  const body = [Buffer.from([type]), ...value, format];
  const payload = Buffer.concat([...body, crc64(body)]);
  return [
    ...['RESTORE', key, expiresMs === undefined ? 0 : String(expiresMs), payload, 'ABSTTL'],
    ...(idleSeconds === undefined ? [] : ['IDLETIME', idleSeconds]),
    ...(frequency === undefined ? [] : ['FREQ', frequency]),
  ];
}

/** Of the slot of a key: CRC-16 (XMODEM) of what is between the first braces, if anything is, else of all. */
export function slotOf(key: Uint8Array): number {
  const open = key.indexOf(0x7b);
  const close = open < 0 ? -1 : key.indexOf(0x7d, open + 1);
  const hashed = close > open + 1 ? key.subarray(open + 1, close) : key;
  let sum = 0;
  for (const byte of hashed) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) sum = sum & 0x8000 ? (sum << 1) ^ 0x1021 : sum << 1;
  }
  return sum & 0x3fff;
}
