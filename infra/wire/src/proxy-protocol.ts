// Reads the header that a proxy puts in front of a connection: PROXY protocol, versions 1 and 2.

import { isIP } from 'node:net';

/** What a header says. `local`: the connection is the proxy's own, or the proxy does not know whose it is. */
export type ProxyHeader =
  | { readonly kind: 'local' }
  | { readonly kind: 'proxied'; readonly source: string; readonly sourcePort: number };

export type ProxyHeaderProgress =
  /** What came so far is the start of a header. */
  | { readonly state: 'more' }
  /** The header ended after `bytes`. */
  | { readonly state: 'whole'; readonly header: ProxyHeader; readonly bytes: number }
  | { readonly state: 'malformed' };

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const textStart = Buffer.from('PROXY ', 'latin1');
const textBytesMax = 107;
const fixedBytes = 16;
/** Addresses and TLVs together; the longest that proxies in use send has about 600 bytes. */
const tailBytesMax = 4_096;
const localCommand = 0x20;
const proxyCommand = 0x21;
const overTcp4 = 0x11;
const overTcp6 = 0x21;
const unspecified = 0x00;
const overUnixStream = 0x31;
const more: ProxyHeaderProgress = { state: 'more' };
const malformed: ProxyHeaderProgress = { state: 'malformed' };
const local: ProxyHeader = { kind: 'local' };

/** The longest header that is read: what is longer is malformed. */
export const proxyHeaderBytesMax: number = fixedBytes + tailBytesMax;

/**
 * Looks at the first bytes of a connection; to be called with all of them again as more come. Decides at the first
 * byte that no header has there. By the specification of HAProxy (proxy-protocol.txt, 2.4); TLVs are skipped.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeaderProgress {
  if (startsLike(bytes, signature))
    return bytes.length < fixedBytes ? partOf(bytes) : binary(bytes);
  return startsLike(bytes, textStart) ? text(bytes) : malformed;
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function text(bytes: Buffer): ProxyHeaderProgress {
  const end = bytes.indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length < textBytesMax && isText(bytes) ? more : malformed;
  if (end + 2 > textBytesMax) return malformed;
  const header = textHeader(bytes.toString('latin1', 0, end));
  return header === undefined ? malformed : { state: 'whole', header, bytes: end + 2 };
}

/** Whether the bytes can be the start of a line: printable, with a carriage return at most at the end. */
function isText(bytes: Buffer): boolean {
  const last = bytes.length - 1;
  return bytes.every((byte, at) => (byte >= 0x20 && byte < 0x7f) || (byte === 0x0d && at === last));
}

function textHeader(line: string): ProxyHeader | undefined {
  if (/^PROXY UNKNOWN(?: [ -~]*)?$/.test(line)) return local;
  const [, family, source = '', target = '', sourcePort, targetPort] =
    /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line) ?? [];
  const wanted = Number(family);
  const ports = [Number(sourcePort), Number(targetPort)];
  const plain = [source, target].every((text) => isIP(text) === wanted && !text.includes('%'));
  if (!plain || !ports.every((port) => port <= 65_535)) return undefined;
  return { kind: 'proxied', source, sourcePort: Number(sourcePort) };
}

/** Version, command and family are decided as they come. */
function partOf(bytes: Buffer): ProxyHeaderProgress {
  const command = bytes[12];
  const family = bytes[13];
  if (command !== undefined && command !== localCommand && command !== proxyCommand)
    return malformed;
  if (family !== undefined && !isFamily(family)) return malformed;
  return more;
}

function binary(bytes: Buffer): ProxyHeaderProgress {
  if (partOf(bytes.subarray(0, fixedBytes - 1)).state === 'malformed') return malformed;
  const [command, family = 0] = [bytes[12], bytes[13]];
  const tailBytes = bytes.readUInt16BE(14);
  const least = command === localCommand ? 0 : addressBytesOf(family);
  if (tailBytes < least || tailBytes > tailBytesMax) return malformed;
  const end = fixedBytes + tailBytes;
  if (bytes.length < end) return more;
  const tlvs = bytes.subarray(fixedBytes + addressBytesOf(family), end);
  if (command === proxyCommand && !areTlvs(tlvs)) return malformed;
  const header = command === localCommand ? local : binaryHeader(bytes, family);
  return { state: 'whole', header, bytes: end };
}

function binaryHeader(bytes: Buffer, family: number): ProxyHeader {
  const address = bytes.subarray(fixedBytes);
  if (family === overTcp4) {
    const source = address.subarray(0, 4).join('.');
    return { kind: 'proxied', source, sourcePort: address.readUInt16BE(8) };
  }
  if (family === overTcp6) {
    const words = Array.from({ length: 8 }, (_, at) => address.readUInt16BE(at * 2).toString(16));
    return { kind: 'proxied', source: words.join(':'), sourcePort: address.readUInt16BE(32) };
  }
  return local; // a Unix socket, or an address that the proxy does not say
}

function isFamily(family: number): boolean {
  return [unspecified, overTcp4, overTcp6, overUnixStream].includes(family);
}

function addressBytesOf(family: number): number {
  switch (family) {
    case overTcp4:
      return 12;
    case overTcp6:
      return 36;
    case overUnixStream:
      return 216;
    default:
      return 0;
  }
}

/** Whether the bytes are whole type-length-value records. */
function areTlvs(bytes: Buffer): boolean {
  let at = 0;
  while (at + 3 <= bytes.length) at += 3 + bytes.readUInt16BE(at + 1);
  return at === bytes.length;
}
