// Patterns in RE2's syntax with RE2's promise: the time to match grows with the text only, whatever the pattern is.

import { type CharSet, isWordChar } from './char-set.ts';
import { type Assertion, type PatternNode, parsePattern } from './parse-pattern.ts';

/** Steps of a program; `next` are positions of steps. */
type Step =
  | { readonly kind: 'char'; readonly set: CharSet; readonly next: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'fork'; readonly next: number; readonly other: number }
  | { readonly kind: 'match' };

/** What stands beside a place: nothing, a newline, a character of words or another. */
type Beside = 'none' | 'newline' | 'word' | 'other';

/** Sets of steps remembered at most; beyond, the memory begins anew. */
const statesMax = 2_000;
const charsOfStateMax = 2_000;

interface State {
  readonly before: Beside;
  readonly steps: readonly number[];
  readonly next: Map<number, State>;
}

/** A compiled pattern, unanchored. */
export class Pattern {
  readonly #steps: Step[] = [];
  readonly #start: number;
  #states = new Map<string, State>();
  readonly #dead: State = { before: 'other', steps: [], next: new Map() };
  readonly #anchored: boolean;

  /** @throws PatternError */
  constructor(source: string) {
    const node = parsePattern(source);
    const match = this.#add({ kind: 'match' });
    this.#start = this.#compile(node, match);
    this.#anchored = beginsText(node);
  }

  /** Whether the pattern matches anywhere in a text. */
  test(text: string): boolean {
    let state = this.#stateOf('none', [this.#start]);
    for (let position = 0; position < text.length; ) {
      const codePoint = text.codePointAt(position) ?? 0;
      let next = state.next.get(codePoint);
      if (next === undefined) {
        const found = this.#advance(state, codePoint);
        if (found === 'matched') return true;
        next = found;
        if (state.next.size < charsOfStateMax) state.next.set(codePoint, next);
      }
      if (next === this.#dead) return false;
      state = next;
      position += codePoint > 0xffff ? 2 : 1;
    }
    return this.#closure(state, 'none').matched;
  }

  /** The state behind a character. A state never holds a match: whoever meets one is done. */
  #advance(state: State, codePoint: number): State | 'matched' {
    const beside = besideOf(codePoint);
    const { steps, matched } = this.#closure(state, beside);
    if (matched) return 'matched';
    const next: number[] = [];
    for (const index of steps) {
      const step = this.#steps[index];
      if (step?.kind === 'char' && step.set(codePoint)) next.push(step.next);
    }
    if (!this.#anchored) next.push(this.#start);
    else if (next.length === 0) return this.#dead;
    return this.#stateOf(beside, next);
  }

  #stateOf(before: Beside, steps: readonly number[]): State {
    const unique = [...new Set(steps)].sort((left, right) => left - right);
    const key = `${before}:${unique.join()}`;
    const known = this.#states.get(key);
    if (known) return known;
    if (this.#states.size >= statesMax) this.#states = new Map();
    const state: State = { before, steps: unique, next: new Map() };
    this.#states.set(key, state);
    return state;
  }

  /** The characters that can come next, when `after` is what comes; and whether the match is there already. */
  #closure(
    { before, steps }: State,
    after: Beside,
  ): { readonly steps: readonly number[]; readonly matched: boolean } {
    const seen = new Set<number>();
    const pending = [...steps];
    const chars: number[] = [];
    for (;;) {
      const index = pending.pop();
      if (index === undefined) return { steps: chars, matched: false };
      if (seen.has(index)) continue;
      seen.add(index);
      const step = this.#steps[index];
      if (step?.kind === 'match') return { steps: chars, matched: true };
      if (step?.kind === 'char') chars.push(index);
      else if (step?.kind === 'fork') pending.push(step.next, step.other);
      else if (step && holds(step.assertion, before, after)) pending.push(step.next);
    }
  }

  /** Where the leftmost match at or after `from` stands, of those the one that Perl would prefer; undefined: none. */
  find(text: string, from = 0): { readonly begin: number; readonly end: number } | undefined {
    let threads: Thread[] = [];
    let found: { readonly begin: number; readonly end: number } | undefined;
    let before = from === 0 ? 'none' : besideOf(codePointBefore(text, from));
    for (let position = from; ; ) {
      const codePoint = position < text.length ? (text.codePointAt(position) ?? 0) : undefined;
      const after = codePoint === undefined ? 'none' : besideOf(codePoint);
      if (found === undefined) threads.push({ step: this.#start, begin: position });
      const next: Thread[] = [];
      for (const { step, begin } of this.#follow(threads, before, after)) {
        if (step.kind === 'match') {
          found = { begin, end: position };
          break; // the threads behind are less preferred
        }
        if (step.kind === 'char' && codePoint !== undefined && step.set(codePoint))
          next.push({ step: step.next, begin });
      }
      if (codePoint === undefined || (next.length === 0 && found)) return found;
      threads = next;
      before = after;
      position += codePoint > 0xffff ? 2 : 1;
    }
  }

  /** The steps that wait for a character or have matched, the most preferred first. */
  *#follow(
    threads: readonly Thread[],
    before: Beside,
    after: Beside,
  ): Generator<{ readonly step: Step; readonly begin: number }> {
    const seen = new Set<number>();
    for (const { step: first, begin } of threads) {
      const pending = [first];
      for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
        if (seen.has(index)) continue;
        seen.add(index);
        const step = this.#steps[index];
        if (!step) continue;
        if (step.kind === 'fork') pending.push(step.other, step.next);
        else if (step.kind !== 'assert') yield { step, begin };
        else if (holds(step.assertion, before, after)) pending.push(step.next);
      }
    }
  }

  /** All matches that do not overlap, from the left; an empty one does not follow upon another's end. */
  *findAll(text: string): Generator<{ readonly begin: number; readonly end: number }> {
    let position = 0;
    let lastEnd = -1;
    while (position <= text.length) {
      const found = this.find(text, position);
      if (!found) return;
      const isEmpty = found.begin === found.end;
      if (!(isEmpty && found.begin === lastEnd)) yield found;
      lastEnd = found.end;
      if (!isEmpty) position = found.end;
      else position = found.end + ((text.codePointAt(found.end) ?? 0) > 0xffff ? 2 : 1);
    }
  }

  #add(step: Step): number {
    this.#steps.push(step);
    return this.#steps.length - 1;
  }

  /** The first step of a node that goes on to `next`. */
  #compile(node: PatternNode, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'char':
        return this.#add({ kind: 'char', set: node.set, next });
      case 'assert':
        return this.#add({ kind: 'assert', assertion: node.assertion, next });
      case 'sequence':
        return node.parts.reduceRight((after, part) => this.#compile(part, after), next);
      case 'choice':
        return node.parts
          .map((part) => this.#compile(part, next))
          .reduceRight((other, first) => this.#add({ kind: 'fork', next: first, other }));
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  #repeat(
    { part, min, max, greedy }: Extract<PatternNode, { kind: 'repeat' }>,
    next: number,
  ): number {
    const fork = (into: number, past: number): Step =>
      greedy
        ? { kind: 'fork', next: into, other: past }
        : { kind: 'fork', next: past, other: into };
    let entry = next;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.#add({ kind: 'match' }); // replaced when the part's first step is known
      this.#steps[loop] = fork(this.#compile(part, loop), next);
      entry = loop;
    } else {
      for (let count = min; count < max; count++)
        entry = this.#add(fork(this.#compile(part, entry), next));
    }
    for (let count = 0; count < min; count++) entry = this.#compile(part, entry);
    return entry;
  }
}

interface Thread {
  readonly step: number;
  readonly begin: number;
}

function besideOf(codePoint: number): Beside {
  if (codePoint === 0x0a) return 'newline';
  return isWordChar(codePoint) ? 'word' : 'other';
}

function codePointBefore(text: string, position: number): number {
  const low = text.charCodeAt(position - 1);
  const isLow = low >= 0xdc00 && low <= 0xdfff && position > 1;
  return (isLow ? text.codePointAt(position - 2) : low) ?? 0;
}

function holds(assertion: Assertion, before: Beside, after: Beside): boolean {
  switch (assertion) {
    case 'begin-text':
      return before === 'none';
    case 'end-text':
      return after === 'none';
    case 'begin-line':
      return before === 'none' || before === 'newline';
    case 'end-line':
      return after === 'none' || after === 'newline';
    case 'word-boundary':
      return (before === 'word') !== (after === 'word');
    case 'no-word-boundary':
      return (before === 'word') === (after === 'word');
  }
}

function beginsText(node: PatternNode): boolean {
  if (node.kind === 'assert') return node.assertion === 'begin-text';
  if (node.kind === 'sequence') return node.parts[0] !== undefined && beginsText(node.parts[0]);
  return node.kind === 'choice' && node.parts.every(beginsText);
}
