// One at a time for each key, in the order of asking: writers of one object wait for each other instead of colliding.

/** Remembers only keys that somebody works on. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `task` when everyone who asked before for this key is done, whatever became of them. */
  async take<Value>(key: string, task: () => Promise<Value>): Promise<Value> {
    const before = this.#last.get(key);
    const { promise: mine, resolve: done } = Promise.withResolvers<void>();
    this.#last.set(key, mine);
    try {
      await before;
      return await task();
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      done();
    }
  }
}
