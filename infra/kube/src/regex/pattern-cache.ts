// A bounded memory of compiled patterns, for patterns that come from data.

import { Pattern } from './pattern.ts';

const patternsMax = 1_000;

/** The oldest pattern is forgotten first. */
export class PatternCache {
  readonly #compiled = new Map<string, Pattern>();

  /** @throws PatternError */
  get(source: string): Pattern {
    const known = this.#compiled.get(source);
    if (known) return known;
    const compiled = new Pattern(source);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size >= patternsMax && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(source, compiled);
    return compiled;
  }
}
