// How much of something all users have, and each of them; with a limit for both.

export interface TallyOptions {
  readonly max: number;
  readonly maxPerUser: number;
  /** Whether who has nothing may take one amount of any size, while there is anything left. Default false. */
  readonly oneAlways?: boolean;
}

/** Counts what is taken until it is given back. */
export class Tally {
  readonly #max: number;
  readonly #maxPerUser: number;
  readonly #byUser = new Map<string, number>();
  readonly #oneAlways: boolean;
  #total = 0;

  constructor({ max, maxPerUser, oneAlways = false }: TallyOptions) {
    this.#max = max;
    this.#maxPerUser = maxPerUser;
    this.#oneAlways = oneAlways;
  }

  get total(): number {
    return this.#total;
  }

  /** Takes an amount for a user; false, and nothing taken, when that were too much. */
  take(user: string, amount: number): boolean {
    const had = this.#byUser.get(user) ?? 0;
    const first = this.#oneAlways && had === 0 && this.#total < this.#max;
    if (!first && (had + amount > this.#maxPerUser || this.#total + amount > this.#max))
      return false;
    this.#byUser.set(user, had + amount);
    this.#total += amount;
    return true;
  }

  give(user: string, amount: number): void {
    const left = (this.#byUser.get(user) ?? 0) - amount;
    if (left > 0) this.#byUser.set(user, left);
    else this.#byUser.delete(user);
    this.#total -= amount;
  }
}
