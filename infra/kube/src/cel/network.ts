// IP addresses and prefixes as expressions hold them; texts and rules are those of Go's net/netip.

import { goQuote } from '../go-format.ts';
import { isIpv4, isIpv6 } from '../schema/formats.ts';

/** An address. */
export class CelAddress {
  readonly bits: bigint;
  readonly family: 4 | 6;

  constructor(bits: bigint, family: 4 | 6) {
    this.bits = bits;
    this.family = family;
  }

  /** An address, or what is wrong with the text. */
  static parse(text: string): CelAddress | { readonly problem: string } {
    const refuse = (why: string): { readonly problem: string } => ({
      problem: `IP Address ${goQuote(text)} parse error during conversion from string: ${why}`,
    });
    if (/%/.test(text) && isIpv6(text.replace(/%.*$/, '')))
      return refuse(`IP address with zone value is not allowed`);
    if (isIpv4(text)) return new CelAddress(bitsOfIpv4(text), 4);
    if (!isIpv6(text)) return refuse(`ParseAddr(${goQuote(text)}): ${addressFault(text)}`);
    const bits = bitsOfIpv6(text);
    if (bits >> 32n === 0xffffn) return refuse('IPv4-mapped IPv6 address is not allowed');
    return new CelAddress(bits, 6);
  }

  get width(): number {
    return this.family === 4 ? 32 : 128;
  }

  equals(other: CelAddress): boolean {
    return this.family === other.family && this.bits === other.bits;
  }

  /** Whether it lies in a block, given by its first address and the number of bits that count. */
  within(first: bigint, length: number): boolean {
    const shift = BigInt(this.width - length);
    return this.bits >> shift === first >> shift;
  }

  toString(): string {
    return this.family === 4 ? textOfIpv4(this.bits) : textOfIpv6(this.bits);
  }
}

/** A block of addresses. */
export class CelPrefix {
  readonly address: CelAddress;
  readonly length: number;

  constructor(address: CelAddress, length: number) {
    this.address = address;
    this.length = length;
  }

  /** A prefix, or what is wrong with the text. */
  static parse(text: string): CelPrefix | { readonly problem: string } {
    const refuse = (why: string): { readonly problem: string } => ({
      problem: `network address parse error during conversion from string: ${why}`,
    });
    const slash = text.lastIndexOf('/');
    const prefix = `netip.ParsePrefix(${goQuote(text)})`;
    const told = `network address parse error during conversion from string: ${prefix}`;
    if (slash < 0) return refuse(`${told}: no '/'`);
    const address = CelAddress.parse(text.slice(0, slash));
    if ('problem' in address) {
      const why = /(?:string: )(.*)$/.exec(address.problem)?.[1] ?? '';
      return refuse(why.startsWith('ParseAddr') ? `${told}: ${why}` : why);
    }
    const digits = text.slice(slash + 1);
    if (!/^(?:0|[1-9]\d*)$/.test(digits))
      return refuse(`${told}: bad bits after slash: ${goQuote(digits)}`);
    if (Number(digits) > address.width) return refuse(`${told}: prefix length out of range`);
    return new CelPrefix(address, Number(digits));
  }

  contains(address: CelAddress): boolean {
    return address.family === this.address.family && address.within(this.address.bits, this.length);
  }

  masked(): CelPrefix {
    const shift = BigInt(this.address.width - this.length);
    const bits = (this.address.bits >> shift) << shift;
    return new CelPrefix(new CelAddress(bits, this.address.family), this.length);
  }

  equals(other: CelPrefix): boolean {
    return this.length === other.length && this.address.equals(other.address);
  }

  toString(): string {
    return `${this.address}/${this.length}`;
  }
}

/** Why a text is no address, as Go's parser goes through it. */
function addressFault(text: string): string {
  const first = /[.:%]/.exec(text)?.[0];
  if (first === '.') return ipv4Fault(text);
  if (first === ':') return ipv6Fault(text);
  return first === '%' ? 'missing IPv6 address' : 'unable to parse IP';
}

function ipv4Fault(text: string): string {
  const at = (index: number): string => ` (at ${goQuote(text.slice(index))})`;
  let value = 0;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    if (/\d/.test(char)) {
      if (digits === 1 && value === 0) return 'IPv4 field has octet with leading zero';
      value = value * 10 + Number(char);
      digits++;
      if (value > 255) return 'IPv4 field has value >255';
    } else if (char === '.') {
      if (index === 0 || index === text.length - 1 || text.charAt(index - 1) === '.')
        return `IPv4 field must have at least one digit${at(index)}`;
      if (dots === 3) return 'IPv4 address too long';
      dots++;
      value = 0;
      digits = 0;
    } else return `unexpected character${at(index)}`;
  }
  return 'IPv4 address too short';
}

function ipv6Fault(text: string): string {
  let rest = text.replace(/%.*$/s, '');
  if (rest !== text && text.endsWith('%')) return 'zone must be a non-empty string';
  const at = (): string => ` (at ${goQuote(rest)})`;
  let groups = 0;
  let hasGap = false;
  if (rest.startsWith('::')) {
    hasGap = true;
    rest = rest.slice(2);
  }
  while (groups < 8) {
    const digits = /^[0-9a-fA-F]*/.exec(rest)?.[0] ?? '';
    if (digits.length > 4) return `each group must have 4 or less digits${at()}`;
    if (digits === '') return `each colon-separated field must have at least one digit${at()}`;
    if (rest.charAt(digits.length) === '.') {
      if (!hasGap && groups !== 6)
        return `embedded IPv4 address must replace the final 2 fields of the address${at()}`;
      if (groups > 6)
        return `too many hex fields to fit an embedded IPv4 at the end of the address${at()}`;
      return ipv4Fault(rest);
    }
    groups++;
    rest = rest.slice(digits.length);
    if (rest === '') break;
    if (!rest.startsWith(':')) return `unexpected character, want colon${at()}`;
    if (rest.length === 1) return `colon must be followed by more characters${at()}`;
    rest = rest.slice(1);
    if (!rest.startsWith(':')) continue;
    if (hasGap) return `multiple :: in address${at()}`;
    hasGap = true;
    rest = rest.slice(1);
    if (rest === '') break;
  }
  if (rest !== '') return `trailing garbage after address${at()}`;
  if (groups < 8) return 'address string too short';
  return 'the :: must expand to at least one field of zeros';
}

function bitsOfIpv4(text: string): bigint {
  return text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function textOfIpv4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.');
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

function textOfIpv6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bits >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
