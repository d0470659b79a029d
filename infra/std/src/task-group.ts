// Work that runs beside its owner and ends before its owner does: no promise floats.

/** Runs tasks until disposed. The first failure is kept, aborts the group, and is thrown by `join` and by disposal. */
export class TaskGroup implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #onFailure: ((error: unknown) => void) | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: { readonly onFailure?: (error: unknown) => void } = {}) {
    this.#onFailure = options.onFailure;
  }

  /** Aborts when the group ends or a task fails. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Starts a task. What it throws after the group was stopped is taken as its way of stopping. */
  start(task: (signal: AbortSignal) => Promise<void>): void {
    const promise: Promise<void> = task(this.signal)
      .catch((error: unknown) => {
        if (this.signal.aborted) return;
        this.#failure = { error };
        this.#controller.abort(error);
        this.#onFailure?.(error);
      })
      .finally(() => this.#running.delete(promise));
    this.#running.add(promise);
  }

  /** Waits until no task is left; throws the first failure. */
  async join(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure) throw this.#failure.error;
  }

  /** Asks every task to stop and waits for all of them. A failure that was not thrown by `join` is thrown here, unless a handler took it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure && !this.#onFailure) throw failure.error;
  }
}
