// Addresses of clients and ranges of them, IPv4 and IPv6.

import { isIP } from 'node:net';

/** An address in the one form that is compared: IPv4-mapped IPv6 is IPv4. */
export interface ClientAddress {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** Of a link-local IPv6 address, such as `eth0`; empty without one. */
  readonly zone: string;
  /** As people write it: mapped addresses as IPv4, the zone at the end. */
  readonly text: string;
}

/** All addresses that begin with the same bits. */
export interface AddressRange {
  readonly bytes: Uint8Array;
  readonly bits: number;
  /** Only of this zone; empty: of any. */
  readonly zone: string;
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Reads an address, with or without a zone; undefined for everything else. */
export function parseAddress(text: string): ClientAddress | undefined {
  const [plain = '', zone = ''] = text.split('%', 2);
  const family = text.endsWith('%') ? 0 : isIP(plain);
  if (family === 4) return zone === '' ? addressOf(bytesOfV4(plain), '') : undefined;
  return family === 6 ? addressOf(bytesOfV6(plain), zone) : undefined;
}

/** The address of raw bytes, 4 or 16 of them. */
function addressOf(raw: Uint8Array, zone: string): ClientAddress {
  const mapped = raw.length === 16 && mappedPrefix.every((byte, index) => raw[index] === byte);
  const bytes = mapped ? raw.slice(12) : raw;
  const text = bytes.length === 4 ? bytes.join('.') : textOfV6(bytes);
  return { bytes, zone, text: zone === '' ? text : `${text}%${zone}` };
}

/** Reads `10.0.0.0/8`, `2001:db8::/32`, `fe80::%eth0/64`, or one address. Bits behind the prefix do not count. */
export function parseRange(text: string): AddressRange | undefined {
  const [, base = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(base);
  if (address === undefined) return undefined;
  const { bytes, zone } = address;
  const writtenBits = base.includes(':') ? 128 : 32;
  const written = prefix === undefined ? writtenBits : Number(prefix);
  if (written > writtenBits) return undefined;
  const bits = written - (writtenBits - bytes.length * 8); // a mapped range is one of IPv4
  return bits < 0 ? undefined : { bytes, bits, zone };
}

export function inRange(address: ClientAddress, range: AddressRange): boolean {
  if (address.bytes.length !== range.bytes.length) return false;
  if (range.zone !== '' && range.zone !== address.zone) return false;
  const whole = range.bits >> 3;
  for (let at = 0; at < whole; at++) {
    if (address.bytes[at] !== range.bytes[at]) return false;
  }
  const rest = range.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((address.bytes[whole] ?? 0) & mask) === ((range.bytes[whole] ?? 0) & mask);
}

function bytesOfV4(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number);
}

function bytesOfV6(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const tail = dotted?.[2] === undefined ? [] : wordsOfV4(dotted[2]);
  const colons = dotted?.[1] === undefined ? text : dotted[1].replace(/([^:]):$/, '$1');
  const [head = '', rest] = colons.split('::', 2);
  const left = words(head);
  const right = [...(rest === undefined ? [] : words(rest)), ...tail];
  const zeros = new Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0);
  return Uint8Array.from([...left, ...zeros, ...right].flatMap((word) => [word >> 8, word & 0xff]));
}

function wordsOfV4(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = bytesOfV4(text);
  return [a * 256 + b, c * 256 + d];
}

/** RFC 5952: lower case, no leading zeros, the first longest run of zeros left out. */
function textOfV6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  );
  let [bestAt, bestLength] = [0, 1];
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (words[at + length] === '0') length++;
    if (length > bestLength) [bestAt, bestLength] = [at, length];
  }
  if (bestLength < 2) return words.join(':');
  return `${words.slice(0, bestAt).join(':')}::${words.slice(bestAt + bestLength).join(':')}`;
}
