// Parses patterns in RE2's syntax, as Go's regexp/syntax does with its flags for Perl: same patterns, same texts of errors.

import {
  type CharSet,
  caseless,
  complementOf,
  perlRanges,
  posixRanges,
  type Ranges,
  setOfRanges,
  unicodeSet,
  unionOf,
} from './char-set.ts';

/** A pattern that RE2 refuses; `message` is worded as Go's. */
export class PatternError extends Error {
  override name = 'PatternError';
}

export type Assertion =
  | 'begin-text'
  | 'end-text'
  | 'begin-line'
  | 'end-line'
  | 'word-boundary'
  | 'no-word-boundary';

/** A parsed pattern. */
export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly part: PatternNode;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    };

interface Flags {
  readonly caseless: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly ungreedy: boolean;
}

interface Group {
  readonly flags: Flags;
  readonly choices: PatternNode[];
  readonly sequence: PatternNode[];
}

const repeatMax = 1_000;
const depthMax = 1_000;
/** Characters and choices a pattern may unfold to. */
const sizeMax = 100_000;

/** @throws PatternError */
export function parsePattern(pattern: string): PatternNode {
  const node = new PatternParser(pattern).parse();
  if (sizeOf(node) > sizeMax) throw fault('expression too large', pattern);
  return node;
}

function fault(what: string, culprit: string): PatternError {
  return new PatternError(`error parsing regexp: ${what}: \`${culprit}\``);
}

function sizeOf(node: PatternNode): number {
  switch (node.kind) {
    case 'sequence':
    case 'choice':
      return node.parts.reduce((sum, part) => sum + sizeOf(part), 1);
    case 'repeat': {
      const times = node.max === Number.POSITIVE_INFINITY ? node.min + 1 : node.max;
      return 1 + sizeOf(node.part) * Math.max(times, 1);
    }
    case 'assert':
    case 'char':
    case 'empty':
      return 1;
  }
}

class PatternParser {
  readonly #input: string;
  #position = 0;
  #flags: Flags = { caseless: false, multiLine: false, dotAll: false, ungreedy: false };
  readonly #groups: Group[] = [];
  #choices: PatternNode[] = [];
  #sequence: PatternNode[] = [];
  /** Where the last operator of repetition began, if nothing came since. */
  #lastRepeat = -1;

  constructor(input: string) {
    this.#input = input;
  }

  parse(): PatternNode {
    while (this.#position < this.#input.length) this.#next();
    if (this.#groups.length > 0) throw fault('missing closing )', this.#input);
    return this.#finished();
  }

  #rest(): string {
    return this.#input.slice(this.#position);
  }

  #char(): string {
    const codePoint = this.#input.codePointAt(this.#position);
    return codePoint === undefined ? '' : String.fromCodePoint(codePoint);
  }

  #finished(): PatternNode {
    const last = sequenceOf(this.#sequence);
    return this.#choices.length === 0 ? last : { kind: 'choice', parts: [...this.#choices, last] };
  }

  #push(node: PatternNode): void {
    this.#sequence.push(node);
    this.#lastRepeat = -1;
  }

  #literal(codePoint: number): void {
    this.#set(setOfRanges([[codePoint, codePoint]]));
  }

  #set(set: CharSet): void {
    this.#push({ kind: 'char', set: this.#flags.caseless ? caseless(set) : set });
  }

  #assert(assertion: Assertion): void {
    this.#push({ kind: 'assert', assertion });
  }

  #next(): void {
    const char = this.#char();
    const { multiLine, dotAll } = this.#flags;
    switch (char) {
      case '(':
        this.#open();
        return;
      case ')':
        this.#close();
        return;
      case '|':
        this.#position++;
        this.#choices.push(sequenceOf(this.#sequence));
        this.#sequence = [];
        this.#lastRepeat = -1;
        return;
      case '^':
        this.#position++;
        this.#assert(multiLine ? 'begin-line' : 'begin-text');
        return;
      case '$':
        this.#position++;
        this.#assert(multiLine ? 'end-line' : 'end-text');
        return;
      case '.':
        this.#position++;
        this.#push({ kind: 'char', set: dotAll ? () => true : (each) => each !== 0x0a });
        return;
      case '[':
        this.#class();
        return;
      case '*':
      case '+':
      case '?':
        this.#repeat(char, char === '+' ? 1 : 0, char === '?' ? 1 : Number.POSITIVE_INFINITY);
        return;
      case '{':
        this.#brace();
        return;
      case '\\':
        this.#escape();
        return;
      default:
        this.#position += char.length;
        this.#literal(char.codePointAt(0) ?? 0);
    }
  }

  #open(): void {
    const rest = this.#rest();
    const group: Group = { flags: this.#flags, choices: this.#choices, sequence: this.#sequence };
    if (rest.startsWith('(?')) {
      const named = /^\(\?P?<([^>]*)>/.exec(rest);
      if (named && !/^\(\?<[=!]/.test(rest)) {
        const [all, name = ''] = named;
        if (!/^\w+$/.test(name)) throw fault('invalid named capture', all);
        this.#position += all.length;
      } else if (/^\(\?P?<(?![=!])/.test(rest)) throw fault('invalid named capture', rest);
      else if (!this.#openFlags(rest)) {
        this.#lastRepeat = -1;
        return;
      }
    } else this.#position++;
    this.#groups.push(group);
    if (this.#groups.length > depthMax) throw fault('expression nests too deeply', this.#input);
    this.#choices = [];
    this.#sequence = [];
    this.#lastRepeat = -1;
  }

  /** `(?i:` opens a group, `(?i)` changes the flags of the one around it. */
  #openFlags(rest: string): boolean {
    const match = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
    if (!match) {
      const end = /^\(\?[imsU-]*[^imsU]?/su.exec(rest)?.[0] ?? rest;
      throw fault('invalid or unsupported Perl syntax', end);
    }
    const [all, on = '', off = '', end] = match;
    this.#position += all.length;
    const flag = (letter: string, now: boolean): boolean =>
      off.includes(letter) ? false : on.includes(letter) || now;
    const { caseless: folds, multiLine, dotAll, ungreedy } = this.#flags;
    const flags = {
      caseless: flag('i', folds),
      multiLine: flag('m', multiLine),
      dotAll: flag('s', dotAll),
      ungreedy: flag('U', ungreedy),
    };
    this.#flags = flags;
    return end === ':';
  }

  #close(): void {
    const group = this.#groups.pop();
    if (!group) throw fault('unexpected )', this.#input);
    const node = this.#finished();
    this.#choices = group.choices;
    this.#sequence = group.sequence;
    this.#flags = group.flags;
    this.#position++;
    this.#push(node);
  }

  #brace(): void {
    const match = /^\{(\d{1,9})(?:,(\d{0,9}))?\}/.exec(this.#rest());
    if (!match || /^0\d/.test(match[1] ?? '') || /^0\d/.test(match[2] ?? '')) {
      this.#position++;
      this.#literal(0x7b);
      return;
    }
    const [all, low = '', high] = match;
    const min = Number(low);
    const max = high === undefined ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (min > repeatMax || (max > repeatMax && max !== Number.POSITIVE_INFINITY) || min > max)
      throw fault('invalid repeat count', all);
    this.#repeat(all, min, max);
  }

  #repeat(operator: string, min: number, max: number): void {
    const begin = this.#position;
    const part = this.#sequence.pop();
    const lazy = this.#input[begin + operator.length] === '?';
    const end = begin + operator.length + (lazy ? 1 : 0);
    if (this.#lastRepeat >= 0)
      throw fault('invalid nested repetition operator', this.#input.slice(this.#lastRepeat, end));
    if (!part)
      throw fault('missing argument to repetition operator', this.#input.slice(begin, end));
    this.#position = end;
    if (repeats(part) * Math.max(min, max === Number.POSITIVE_INFINITY ? 1 : max) > repeatMax)
      throw fault('invalid repeat count', this.#input.slice(begin, end));
    const greedy = lazy === this.#flags.ungreedy;
    this.#push({ kind: 'repeat', part, min, max, greedy });
    this.#lastRepeat = begin;
  }

  #escape(): void {
    const rest = this.#rest();
    const quoted = /^\\Q(.*?)(?:\\E|$)/s.exec(rest);
    if (quoted) {
      this.#position += quoted[0].length;
      for (const char of quoted[1] ?? '') this.#literal(char.codePointAt(0) ?? 0);
      return;
    }
    const assertions: Readonly<Record<string, Assertion>> = {
      A: 'begin-text',
      z: 'end-text',
      b: 'word-boundary',
      B: 'no-word-boundary',
    };
    const assertion = assertions[rest[1] ?? ''];
    if (assertion) {
      this.#position += 2;
      this.#assert(assertion);
      return;
    }
    const set = this.#namedSet();
    if (set) {
      this.#push({ kind: 'char', set: this.#flags.caseless ? caseless(set) : set });
      return;
    }
    this.#literal(this.#escapedChar());
  }

  /** `\d`, `\pL` and the like; undefined when there is none here. */
  #namedSet(): CharSet | undefined {
    const rest = this.#rest();
    const perl = /^\\([dDsSwW])/.exec(rest)?.[1];
    if (perl !== undefined) {
      this.#position += 2;
      const set = setOfRanges(perlRanges[perl.toLowerCase()] ?? []);
      return perl === perl.toLowerCase() ? set : complementOf(set);
    }
    const unicode = /^\\([pP])(?:\{(\^?)([^}]*)\}|(.))/su.exec(rest);
    if (!unicode) {
      if (/^\\[pP]/.test(rest)) throw fault('invalid character class range', rest);
      return undefined;
    }
    const [all, letter, negation = '', long, short] = unicode;
    const set = unicodeSet(long ?? short ?? '');
    if (!set) throw fault('invalid character class range', all);
    this.#position += all.length;
    return (letter === 'P') === (negation === '') ? complementOf(set) : set;
  }

  #escapedChar(): number {
    const rest = this.#rest();
    const hex = /^\\x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (hex) {
      const codePoint = Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
      if (codePoint > 0x10_ffff) throw fault('invalid escape sequence', hex[0]);
      this.#position += hex[0].length;
      return codePoint;
    }
    const octal = /^\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    if (octal) {
      this.#position += octal[0].length;
      return Number.parseInt(octal[0].slice(1), 8);
    }
    const char = String.fromCodePoint(rest.codePointAt(1) ?? 0);
    if (rest.length < 2) throw fault('trailing backslash at end of expression', '');
    const control = 'afnrtv'.indexOf(char);
    if (control >= 0) {
      this.#position += 2;
      return [7, 12, 10, 13, 9, 11][control] ?? 0;
    }
    if (/[A-Za-z0-9]/.test(char) || (char.codePointAt(0) ?? 0) > 0x7f)
      throw fault('invalid escape sequence', escapeText(rest));
    this.#position += 2;
    return char.codePointAt(0) ?? 0;
  }

  #class(): void {
    const whole = this.#rest();
    this.#position++;
    const negated = this.#input[this.#position] === '^';
    if (negated) this.#position++;
    const sets: CharSet[] = [];
    const ranges: [number, number][] = [];
    let first = true;
    while (first || this.#input[this.#position] !== ']') {
      if (this.#position >= this.#input.length) throw fault('missing closing ]', whole);
      const rest = this.#rest();
      // A minus is a member at either end only.
      if (rest[0] === '-' && !first && rest[1] !== ']' && !/^-[^\]]?$/.test(rest.slice(0, 1))) {
        const second = String.fromCodePoint(rest.codePointAt(1) ?? 0);
        throw fault('invalid character class range', `-${rest.length > 1 ? second : ''}`);
      }
      first = false;
      const posix = /^\[:(\^?)([^\]]*?):\]/.exec(rest);
      if (posix) {
        const members = posixRanges[posix[2] ?? ''];
        if (!members) throw fault('invalid character class range', posix[0]);
        this.#position += posix[0].length;
        const set = setOfRanges(members);
        sets.push(posix[1] ? complementOf(set) : set);
        continue;
      }
      const named = rest.startsWith('\\') ? this.#namedSet() : undefined;
      if (named) sets.push(named);
      else ranges.push(this.#range(whole));
    }
    this.#position++;
    const own: Ranges = ranges;
    const union = unionOf([...(own.length > 0 ? [setOfRanges(own)] : []), ...sets]);
    const folded = this.#flags.caseless ? caseless(union) : union;
    this.#push({ kind: 'char', set: negated ? complementOf(folded) : folded });
  }

  #range(whole: string): [number, number] {
    const begin = this.#position;
    const low = this.#member(whole);
    if (this.#input[this.#position] !== '-' || this.#input[this.#position + 1] === ']')
      return [low, low];
    if (this.#position + 1 >= this.#input.length) return [low, low];
    this.#position++;
    const high = this.#member(whole);
    if (high < low)
      throw fault('invalid character class range', this.#input.slice(begin, this.#position));
    return [low, high];
  }

  #member(whole: string): number {
    const char = this.#char();
    if (char === '') throw fault('missing closing ]', whole);
    if (char === '\\') return this.#escapedChar();
    this.#position += char.length;
    return char.codePointAt(0) ?? 0;
  }
}

function escapeText(rest: string): string {
  if (rest.startsWith('\\x{')) return /^\\x\{[0-9A-Fa-f]*.?/su.exec(rest)?.[0] ?? rest;
  if (rest.startsWith('\\x')) return /^\\x.{0,2}/su.exec(rest)?.[0] ?? rest;
  return /^\\./su.exec(rest)?.[0] ?? rest;
}

function sequenceOf(parts: readonly PatternNode[]): PatternNode {
  const [only] = parts;
  if (only === undefined) return { kind: 'empty' };
  return parts.length === 1 ? only : { kind: 'sequence', parts };
}

/** How often counted repetitions within each other repeat at most. */
function repeats(node: PatternNode): number {
  switch (node.kind) {
    case 'sequence':
    case 'choice':
      return Math.max(...node.parts.map(repeats));
    case 'repeat': {
      const times = node.max === Number.POSITIVE_INFINITY ? node.min : node.max;
      return Math.max(times, 1) * repeats(node.part);
    }
    case 'assert':
    case 'char':
    case 'empty':
      return 1;
  }
}
