// How much of an upload is on its way to where it is kept, and a wait for less of it.

/** One waiter at a time: the connection that is asked to wait. */
export class InFlight {
  #count = 0;
  #wake: (() => void) | undefined;

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    this.#wake?.();
  }

  /** Waits until `count` or fewer are on their way. */
  async atMost(count: number): Promise<void> {
    while (this.#count > count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    this.#wake = undefined;
  }
}
