// Chance for generated cases: one seed and number, one case.

/** What generators draw from. */
export class Source {
  readonly #next: () => number;

  constructor(seed: number, number = 0) {
    let state = (seed * 1_000_003 + number) >>> 0;
    // mulberry32: half of the time of a run would go into a slower one.
    this.#next = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#next() * end);
  }

  maybe(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item; // never empty
  }

  /** Some of the items, in any order. */
  some<Item>(items: readonly Item[], probability = 0.5): Item[] {
    const kept = items.filter(() => this.maybe(probability));
    for (let index = kept.length - 1; index > 0; index--) {
      const other = this.below(index + 1);
      const held = kept[index] as Item; // both are in range
      kept[index] = kept[other] as Item;
      kept[other] = held;
    }
    return kept;
  }

  many<Item>(countMax: number, make: () => Item): Item[] {
    return Array.from({ length: this.below(countMax + 1) }, make);
  }

  /** An object of some of the fields. */
  fields(
    makers: Readonly<Record<string, () => unknown>>,
    probability = 0.5,
  ): Record<string, unknown> {
    const entries = Object.entries(makers).filter(() => this.maybe(probability));
    return Object.fromEntries(entries.map(([name, make]) => [name, make()]));
  }
}
