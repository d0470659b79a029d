// Who uses a cache most, in memory that does not grow with the number of clients.

/** A client with figures that are exact, or too high by `excess` at most. */
export interface TopClient {
  readonly client: string;
  readonly count: number;
  readonly excess: number;
}

interface Tally {
  count: number;
  excess: number;
}

/**
 * The heaviest of a stream of names (space-saving, Metwally et al. 2005): of a total N, whoever has more than
 * N / capacity is among them.
 */
export class HeavyHitters {
  readonly #capacity: number;
  readonly #tallies = new Map<string, Tally>();

  /** `capacity`: names kept at once. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(name: string, count: number): void {
    if (count <= 0) return;
    const tally = this.#tallies.get(name);
    if (tally !== undefined) {
      tally.count += count;
      return;
    }
    const excess = this.#tallies.size < this.#capacity ? 0 : this.#dropLeast();
    this.#tallies.set(name, { count: count + excess, excess });
  }

  /** The heaviest first, `length` at most. */
  top(length: number): readonly TopClient[] {
    return [...this.#tallies]
      .map(([client, { count, excess }]) => ({ client, count, excess }))
      .sort((left, right) => right.count - left.count || (left.client < right.client ? -1 : 1))
      .slice(0, length);
  }

  /** Makes room; what was counted for the name that goes is inherited by the one that comes. */
  #dropLeast(): number {
    let least: string | undefined;
    let leastCount = Number.POSITIVE_INFINITY;
    for (const [name, { count }] of this.#tallies) {
      if (count < leastCount) [least, leastCount] = [name, count];
    }
    if (least !== undefined) this.#tallies.delete(least);
    return least === undefined ? 0 : leastCount;
  }
}

/** The heaviest clients of a namespace since it came up. */
export interface TopClientStats {
  /** Bytes in both directions. */
  readonly byBytes: readonly TopClient[];
  /** Gets and transactions. */
  readonly byRequests: readonly TopClient[];
}

const kept = 256;
const shown = 10;

export class TopClients {
  readonly #bytes = new HeavyHitters(kept);
  readonly #requests = new HeavyHitters(kept);

  /** Adds what a client did since it was last added. */
  add(
    client: string,
    { bytes, requests }: { readonly bytes: number; readonly requests: number },
  ): void {
    this.#bytes.add(client, bytes);
    this.#requests.add(client, requests);
  }

  values(): TopClientStats {
    return { byBytes: this.#bytes.top(shown), byRequests: this.#requests.top(shown) };
  }
}
