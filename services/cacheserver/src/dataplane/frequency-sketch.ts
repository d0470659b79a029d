// How often places were asked for of late, roughly, in memory that does not grow (count-min, halved now and then).

const length = 65_536;
const countMax = 15;

export class FrequencySketch {
  readonly #counts = new Uint8Array(length);
  #additions = 0;

  /** Counts one more; the counts are halved after `additionsMax` of these, so that what was once is forgotten. */
  add(key: number, additionsMax: number): void {
    const [first, second] = [firstOf(key), secondOf(key)];
    const count = this.#least(first, second);
    if (count < countMax) {
      if (this.#counts[first] === count) this.#counts[first] = count + 1;
      if (this.#counts[second] === count) this.#counts[second] = count + 1;
    }
    if (++this.#additions >= additionsMax) this.#halve();
  }

  /** From 0 to 15; too high at times, when another place has the same numbers. */
  countOf(key: number): number {
    return this.#least(firstOf(key), secondOf(key));
  }

  #least(first: number, second: number): number {
    return Math.min(this.#counts[first] ?? 0, this.#counts[second] ?? 0);
  }

  #halve(): void {
    this.#additions = 0;
    for (let at = 0; at < length; at++) this.#counts[at] = (this.#counts[at] ?? 0) >>> 1;
  }
}

function firstOf(key: number): number {
  return Math.imul(foldedOf(key), 0x9e3779b1) >>> 16;
}

function secondOf(key: number): number {
  return Math.imul(foldedOf(key) ^ 0x5bd1e995, 0x85ebca6b) >>> 16;
}

function foldedOf(key: number): number {
  const high = Math.floor(key / 2 ** 32);
  return (key | 0) ^ Math.imul(high, 0xc2b2ae35);
}
