// Who can reach whom, by name: pairs that are cut until they are healed.

export class Partitions {
  readonly #cut = new Set<string>();

  /** Both ways. */
  cut(one: string, other: string): void {
    this.#cut.add(pairOf(one, other));
  }

  heal(one: string, other: string): void {
    this.#cut.delete(pairOf(one, other));
  }

  healAll(): void {
    this.#cut.clear();
  }

  reach(one: string, other: string): boolean {
    return this.#cut.size === 0 || !this.#cut.has(pairOf(one, other));
  }
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
