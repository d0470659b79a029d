// Assertions are for bugs of ours: they end what is being done, and nobody handles them.

/** A broken belief of the code about itself. */
export class BugError extends Error {
  override name = 'BugError';
}

/** Throws {@link BugError} unless `condition` holds. `message` says what was believed and what was found. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BugError(message);
}

/** The branch that types say cannot be reached; throws {@link BugError} when it is. */
export function unreachable(value: never, message = 'unreachable'): never {
  throw new BugError(`${message}: ${JSON.stringify(value)}`);
}
