// Semantic versions, as blang/semver reads and compares them.

import { goQuote } from '../go-format.ts';

/** `1.2.3-alpha.1+build`. */
export class Semver {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly pre: readonly (bigint | string)[];
  readonly build: readonly string[];

  private constructor(
    numbers: readonly [bigint, bigint, bigint],
    pre: readonly (bigint | string)[],
    build: readonly string[],
  ) {
    [this.major, this.minor, this.patch] = numbers;
    this.pre = pre;
    this.build = build;
  }

  /** A text with what is wrong with it; `normalize` lets it have a `v`, fewer parts and leading zeros. */
  static parse(text: string, normalize: boolean): Semver | { readonly problem: string } {
    const bare = normalize ? normalized(text) : text;
    if (bare === undefined)
      return { problem: 'short version cannot contain PreRelease/Build meta data' };
    return parse(bare, (numbers, pre, build) => new Semver(numbers, pre, build));
  }

  /** Negative, zero or positive. What was built does not count. */
  compare(other: Semver): number {
    for (const [left, right] of [
      [this.major, other.major],
      [this.minor, other.minor],
      [this.patch, other.patch],
    ] as const) {
      if (left !== right) return left < right ? -1 : 1;
    }
    if (this.pre.length === 0 || other.pre.length === 0)
      return Number(this.pre.length === 0) - Number(other.pre.length === 0);
    for (const [index, part] of this.pre.entries()) {
      const against = other.pre[index];
      if (against === undefined) return 1;
      const order = compareParts(part, against);
      if (order !== 0) return order;
    }
    return this.pre.length < other.pre.length ? -1 : 0;
  }

  toString(): string {
    const pre = this.pre.length > 0 ? `-${this.pre.join('.')}` : '';
    const build = this.build.length > 0 ? `+${this.build.join('.')}` : '';
    return `${this.major}.${this.minor}.${this.patch}${pre}${build}`;
  }
}

function compareParts(left: bigint | string, right: bigint | string): number {
  if (left === right) return 0;
  if (typeof left === typeof right) return left < right ? -1 : 1;
  return typeof left === 'bigint' ? -1 : 1; // numbers come first
}

type Make = (
  numbers: readonly [bigint, bigint, bigint],
  pre: readonly (bigint | string)[],
  build: readonly string[],
) => Semver;

function parse(text: string, make: Make): Semver | { readonly problem: string } {
  if (text === '') return { problem: 'Version string empty' };
  const parts = splitAtMost(text, 3);
  if (parts.length !== 3) return { problem: 'No Major.Minor.Patch elements found' };
  const [major = '', minor = '', rest = ''] = parts;
  const buildAt = rest.indexOf('+');
  const build = buildAt < 0 ? [] : rest.slice(buildAt + 1).split('.');
  const beforeBuild = buildAt < 0 ? rest : rest.slice(0, buildAt);
  const preAt = beforeBuild.indexOf('-');
  const pre = preAt < 0 ? [] : beforeBuild.slice(preAt + 1).split('.');
  const patch = preAt < 0 ? beforeBuild : beforeBuild.slice(0, preAt);
  const numbers: bigint[] = [];
  for (const [name, digits] of [
    ['Major', major],
    ['Minor', minor],
    ['Patch', patch],
  ] as const) {
    if (digits === '') return { problem: 'strconv.ParseUint: parsing "": invalid syntax' };
    if (!/^\d+$/.test(digits))
      return {
        problem: `Invalid character(s) found in ${name.toLowerCase()} number ${goQuote(digits)}`,
      };
    if (digits.length > 1 && digits.startsWith('0'))
      return { problem: `${name} number must not contain leading zeroes "${digits}"` };
    numbers.push(BigInt(digits));
  }
  const identifiers: (bigint | string)[] = [];
  for (const part of pre) {
    if (part === '') return { problem: 'Prerelease is empty' };
    if (/^\d+$/.test(part)) {
      if (part.length > 1 && part.startsWith('0'))
        return { problem: `Numeric PreRelease version must not contain leading zeroes "${part}"` };
      identifiers.push(BigInt(part));
    } else if (/^[0-9A-Za-z-]+$/.test(part)) identifiers.push(part);
    else return { problem: `Invalid character(s) found in prerelease ${goQuote(part)}` };
  }
  for (const part of build) {
    if (part === '') return { problem: 'Build meta data is empty' };
    if (!/^[0-9A-Za-z-]+$/.test(part))
      return { problem: `Invalid character(s) found in build meta data ${goQuote(part)}` };
  }
  const [first = 0n, second = 0n, third = 0n] = numbers;
  return make([first, second, third], identifiers, build);
}

function splitAtMost(text: string, count: number): string[] {
  const parts = text.split('.');
  return parts.length <= count
    ? parts
    : [...parts.slice(0, count - 1), parts.slice(count - 1).join('.')];
}

/** Undefined for a short version with more than numbers. */
function normalized(text: string): string | undefined {
  const parts = splitAtMost(text.replace(/^v/, ''), 3).map((part) => {
    if (Buffer.byteLength(part) <= 1) return part;
    const bare = part.replace(/^0+/, '');
    return /^\d/.test(bare) ? bare : `0${bare}`;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) return undefined;
  while (parts.length < 3) parts.push('0');
  return parts.join('.');
}
