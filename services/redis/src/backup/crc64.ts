// The checksum of Redis' own formats: CRC-64 of Jones' polynomial, reflected, in two halves of 32 bits. Pure.

import { Buffer } from 'node:buffer';

const polynomial = { high: 0x95ac9329, low: 0xac4bc9b5 } as const; // 0xad93d23594c935a9 in reverse

const { highs, lows } = (() => {
  const highs = new Uint32Array(256);
  const lows = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let high = 0;
    let low = byte;
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = (low & 1) === 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (!isOdd) continue;
      low ^= polynomial.low;
      high ^= polynomial.high;
    }
    highs[byte] = high;
    lows[byte] = low;
  }
  return { highs, lows };
})();

/** Of these parts behind one another, as eight bytes, the lowest first. */
export function crc64(parts: readonly Uint8Array[]): Buffer {
  let high = 0;
  let low = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) {
      const byte = (low ^ (part[at] ?? 0)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (lows[byte] ?? 0);
      high = (high >>> 8) ^ (highs[byte] ?? 0);
    }
  }
  const sum = Buffer.alloc(8);
  sum.writeUInt32LE(low >>> 0, 0);
  sum.writeUInt32LE(high >>> 0, 4);
  return sum;
}
