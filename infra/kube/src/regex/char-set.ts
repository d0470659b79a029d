// Sets of characters: ranges, Unicode categories and scripts, and their complements.

/** Whether a code point is in the set. */
export type CharSet = (codePoint: number) => boolean;

/** Pairs of first and last code point. */
export type Ranges = readonly (readonly [first: number, last: number])[];

export function setOfRanges(ranges: Ranges): CharSet {
  const [only] = ranges;
  if (only && ranges.length === 1) {
    const [first, last] = only;
    return (codePoint) => codePoint >= first && codePoint <= last;
  }
  return (codePoint) => ranges.some(([first, last]) => codePoint >= first && codePoint <= last);
}

export function unionOf(sets: readonly CharSet[]): CharSet {
  const [only] = sets;
  if (only && sets.length === 1) return only;
  return (codePoint) => sets.some((set) => set(codePoint));
}

export function complementOf(set: CharSet): CharSet {
  return (codePoint) => !set(codePoint);
}

/** The set, and what differs from its members in case only. */
export function caseless(set: CharSet): CharSet {
  return (codePoint) => {
    if (set(codePoint)) return true;
    const char = String.fromCodePoint(codePoint);
    return [char.toLowerCase(), char.toUpperCase(), char.toUpperCase().toLowerCase()].some(
      (other) => [...other].length === 1 && set(other.codePointAt(0) ?? -1),
    );
  };
}

const category = /^[LMNPSZC][a-z]?$/;

/** A general category or a script, by the name that stands in `\p{...}`; undefined for one that Unicode does not have. */
export function unicodeSet(name: string): CharSet | undefined {
  if (name === 'Any') return () => true;
  try {
    const pattern = new RegExp(`^\\p{${category.test(name) ? '' : 'Script='}${name}}$`, 'u');
    return (codePoint) => pattern.test(String.fromCodePoint(codePoint));
  } catch {
    return undefined;
  }
}

const digit: Ranges = [[0x30, 0x39]];
const upper: Ranges = [[0x41, 0x5a]];
const lower: Ranges = [[0x61, 0x7a]];
const underscore: Ranges = [[0x5f, 0x5f]];

/** `\d`, `\s`, `\w`. */
export const perlRanges: Readonly<Record<string, Ranges>> = {
  d: digit,
  s: [
    [0x09, 0x0a],
    [0x0c, 0x0d],
    [0x20, 0x20],
  ],
  w: [...digit, ...upper, ...underscore, ...lower],
};

/** `[:alpha:]` and its like. */
export const posixRanges: Readonly<Record<string, Ranges>> = {
  alnum: [...digit, ...upper, ...lower],
  alpha: [...upper, ...lower],
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit,
  graph: [[0x21, 0x7e]],
  lower,
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper,
  word: [...digit, ...upper, ...underscore, ...lower],
  xdigit: [...digit, [0x41, 0x46], [0x61, 0x66]],
};

export const isWordChar: CharSet = setOfRanges(perlRanges['w'] ?? []);
