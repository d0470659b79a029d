// Sets of completion indexes, kept and written as spans: `0,2-5,9`.

type Span = readonly [first: number, last: number];

/** Immutable; spans are in order and never touch. */
export class IndexSet {
  readonly #spans: readonly Span[];

  private constructor(spans: readonly Span[]) {
    this.#spans = spans;
  }

  /** Reads what {@link toString} writes; indexes from `completions` on are dropped, and so is what is no index. */
  static parse(text: string | undefined, completions: number): IndexSet {
    const spans = (text ?? '').split(',').flatMap((part): Span[] => {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part);
      if (!match) return [];
      const first = Number(match[1]);
      const last = Math.min(Number(match[2] ?? match[1]), completions - 1);
      return first < completions && first <= last ? [[first, last]] : [];
    });
    return IndexSet.#joined(spans);
  }

  static of(indexes: Iterable<number>): IndexSet {
    return IndexSet.#joined([...indexes].map((index): Span => [index, index]));
  }

  static #joined(spans: readonly Span[]): IndexSet {
    const joined: [number, number][] = [];
    for (const [first, last] of spans.toSorted(([left], [right]) => left - right)) {
      const before = joined.at(-1);
      if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
      else joined.push([first, last]);
    }
    return new IndexSet(joined);
  }

  get size(): number {
    return this.#spans.reduce((total, [first, last]) => total + last - first + 1, 0);
  }

  has(index: number): boolean {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const span = this.#spans[middle];
      if (span && span[1] < index) low = middle + 1;
      else high = middle;
    }
    const found = this.#spans[low];
    return found !== undefined && found[0] <= index;
  }

  union(other: IndexSet): IndexSet {
    return IndexSet.#joined([...this.#spans, ...other.#spans]);
  }

  /** How many indexes are in both. */
  common(other: IndexSet): number {
    let count = 0;
    for (let left = 0, right = 0; ; ) {
      const mine = this.#spans[left];
      const theirs = other.#spans[right];
      if (!mine || !theirs) return count;
      count += Math.max(0, Math.min(mine[1], theirs[1]) - Math.max(mine[0], theirs[0]) + 1);
      if (mine[1] < theirs[1]) left++;
      else right++;
    }
  }

  /** The lowest `count` indexes below `completions` that are not in the set. */
  missing(count: number, completions: number): readonly number[] {
    const found: number[] = [];
    let candidate = 0;
    for (const [first, last] of [...this.#spans, [completions, completions] as const]) {
      const limit = Math.min(first, completions);
      for (; candidate < limit && found.length < count; candidate++) found.push(candidate);
      candidate = Math.max(candidate, last + 1);
    }
    return found;
  }

  toString(): string {
    return this.#spans
      .map(([first, last]) => {
        if (first === last) return String(first);
        return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
      })
      .join(',');
  }
}
