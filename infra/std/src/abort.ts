// The only place that listens to abort signals, and stops listening when the wait ends.

/** Settles as `promise` does, or rejects with the signal's reason if that comes first. The promise itself goes on. */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => undefined); // its failure has no reader any more
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Calls `run` once when the signal aborts (at once if it has); dispose to stop listening. */
export function onAbort(signal: AbortSignal, run: (reason: unknown) => void): Disposable {
  const listener = (): void => run(signal.reason);
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) };
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Why the waits of a disposed {@link linkedAbort} end; one object, since making a DOMException each time is slow. */
const disposed: Error = Object.assign(new Error('its owner is done with it'), {
  name: 'AbortError',
});

/** An AbortController that follows `parent` until disposed; disposing it aborts it. */
export function linkedAbort(parent: AbortSignal): AbortController & Disposable {
  const controller = new AbortController();
  const link = onAbort(parent, (reason) => controller.abort(reason));
  return Object.assign(controller, {
    [Symbol.dispose]: () => {
      link[Symbol.dispose]();
      controller.abort(disposed);
    },
  });
}

/** Whether `error` is what an aborted wait throws. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return (
    signal.aborted &&
    (error === signal.reason || (error instanceof Error && error.name === 'AbortError'))
  );
}
