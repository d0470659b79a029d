// Time comes in by the door: everything below the applications is handed a Clock.

/** A running timer; disposing it twice, or after it fired, does nothing. */
export interface Timer extends Disposable {
  readonly fired: boolean;
}

/** The only source of time below `apps/`. Durations are measured with `monotonicMs`, never with `nowMs`. */
export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. For stamps that people read. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Calls `run` once after at least `delayMs` (0 to 2^31-1) unless disposed before. Does not keep the process alive alone when `keepAlive` is false. */
  timer(delayMs: number, run: () => void, options?: { readonly keepAlive?: boolean }): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason as soon as it is aborted. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** What an ambient clock is made of; `globalThis` of Node has this shape. */
export interface AmbientTime {
  readonly Date: { now(): number };
  readonly performance: { now(): number };
  setTimeout(run: () => void, delayMs: number): { unref(): unknown };
  clearTimeout(handle: unknown): void;
}

/** Makes a Clock of the ambient one, which only `apps/` and tests may name: `clockOf(globalThis)`. */
export function clockOf(ambient: AmbientTime): Clock {
  const clock: Clock = {
    nowMs: () => ambient.Date.now(),
    monotonicMs: () => ambient.performance.now(),
    timer(delayMs, run, options) {
      let fired = false;
      const handle = ambient.setTimeout(() => {
        fired = true;
        run();
      }, delayMs);
      if (options?.keepAlive === false) handle.unref();
      return {
        get fired() {
          return fired;
        },
        [Symbol.dispose]: () => ambient.clearTimeout(handle),
      };
    },
    sleep: (delayMs, signal) => sleepOn(clock, delayMs, signal),
  };
  return clock;
}

/** `sleep` in terms of `timer`, for every implementation of Clock. */
export function sleepOn(
  clock: Pick<Clock, 'timer'>,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer[Symbol.dispose]();
      reject(signal.reason);
    };
    const timer = clock.timer(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** RFC 3339 with whole seconds, as Kubernetes writes `metav1.Time`. */
export function timestampOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as Kubernetes writes `metav1.MicroTime`. */
export function microTimestampOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000Z`;
}
