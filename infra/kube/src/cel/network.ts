// IP addresses and prefixes as expressions hold them.

import type { Environment } from '@marcbachmann/cel-js';

import { goQuote } from '../go-format.ts';
import { isCidr, isIpv4, isIpv6 } from '../schema/formats.ts';

class CelAddress {
  readonly bits: bigint;
  readonly family: 4 | 6;

  constructor(text: string) {
    if (!isIpv4(text) && !isIpv6(text)) {
      throw new Error(
        `IP Address ${goQuote(text)} parse error during conversion from string: ParseAddr(${goQuote(text)}): unable to parse IP`,
      );
    }
    this.family = isIpv4(text) ? 4 : 6;
    this.bits = this.family === 4 ? bitsOfIpv4(text) : bitsOfIpv6(text);
  }
}

class CelPrefix {
  readonly address: CelAddress;
  readonly length: number;

  constructor(text: string) {
    if (!isCidr(text)) throw new Error(prefixMessage(text));
    const [address = '', length = ''] = text.split('/');
    this.address = new CelAddress(address);
    this.length = Number(length);
  }

  contains(address: CelAddress, length: number): boolean {
    if (address.family !== this.address.family || length < this.length) return false;
    const shift = BigInt((address.family === 4 ? 32 : 128) - this.length);
    return address.bits >> shift === this.address.bits >> shift;
  }
}

function prefixMessage(text: string): string {
  const message = 'network address parse error during conversion from string';
  const reason = text.includes('/') ? 'invalid address or prefix length' : "no '/'";
  return `${message}: ${message}: netip.ParsePrefix(${goQuote(text)}): ${reason}`;
}

function bitsOfIpv4(text: string): bigint {
  return text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function bitsOfIpv6(text: string): bigint {
  const host = new URL(`http://[${text}]/`).hostname.slice(1, -1); // canonical: hexadecimal groups, one `::` at most
  const [head = '', tail] = host.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros: string[] = Array(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce(
    (bits, group) => (bits << 16n) | BigInt(`0x${group}`),
    0n,
  );
}

function within({ bits, family }: CelAddress, prefix: string): boolean {
  const range = new CelPrefix(prefix);
  return range.contains({ bits, family }, family === 4 ? 32 : 128);
}

/** Adds `ip`, `cidr` and their methods. */
export function registerNetwork(environment: Environment): void {
  const ip = 'net.IP';
  const cidr = 'net.CIDR';
  const width = ({ family }: CelAddress): number => (family === 4 ? 32 : 128);
  environment
    .registerType(ip, CelAddress)
    .registerType(cidr, CelPrefix)
    .registerOperator(
      `${ip} == ${ip}`,
      (left: CelAddress, right: CelAddress) =>
        left.family === right.family && left.bits === right.bits,
    )
    .registerOperator(
      `${cidr} == ${cidr}`,
      (left: CelPrefix, right: CelPrefix) =>
        left.length === right.length &&
        left.address.family === right.address.family &&
        left.address.bits === right.address.bits,
    )
    .registerFunction(`ip(string): ${ip}`, (text: string) => new CelAddress(text))
    .registerFunction('isIP(string): bool', (text: string) => isIpv4(text) || isIpv6(text))
    .registerFunction(`${ip}.family(): int`, ({ family }: CelAddress) => BigInt(family))
    .registerFunction(`${ip}.isUnspecified(): bool`, ({ bits }: CelAddress) => bits === 0n)
    .registerFunction(`${ip}.isLoopback(): bool`, (each: CelAddress) =>
      within(each, each.family === 4 ? '127.0.0.0/8' : '::1/128'),
    )
    .registerFunction(`${ip}.isLinkLocalUnicast(): bool`, (each: CelAddress) =>
      within(each, each.family === 4 ? '169.254.0.0/16' : 'fe80::/10'),
    )
    .registerFunction(`cidr(string): ${cidr}`, (text: string) => new CelPrefix(text))
    .registerFunction('isCIDR(string): bool', isCidr)
    .registerFunction(`${cidr}.prefixLength(): int`, ({ length }: CelPrefix) => BigInt(length))
    .registerFunction(`${cidr}.ip(): ${ip}`, ({ address }: CelPrefix) => address)
    .registerFunction(`${cidr}.containsIP(${ip}): bool`, (prefix: CelPrefix, address: CelAddress) =>
      prefix.contains(address, width(address)),
    )
    .registerFunction(`${cidr}.containsIP(string): bool`, (prefix: CelPrefix, text: string) => {
      const address = new CelAddress(text);
      return prefix.contains(address, width(address));
    })
    .registerFunction(
      `${cidr}.containsCIDR(${cidr}): bool`,
      (prefix: CelPrefix, other: CelPrefix) => prefix.contains(other.address, other.length),
    )
    .registerFunction(`${cidr}.containsCIDR(string): bool`, (prefix: CelPrefix, text: string) => {
      const other = new CelPrefix(text);
      return prefix.contains(other.address, other.length);
    });
}
