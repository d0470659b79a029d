// The one error type that a user can meet: a code that is API, the facts, and a hint.

export interface PlatformErrorOptions {
  /** What the reader can do about it, one sentence. */
  readonly hint?: string;
  /** What lies behind it; kept for logs. */
  readonly cause?: unknown;
}

/**
 * A fault of the world that a user can meet. `code` is upper snake case, never reused or renamed, and stands in the
 * `errors.ts` of the package that throws it. Bugs of ours are asserted instead.
 */
export class PlatformError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: PlatformErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** Whether `error` is a PlatformError, with this code when one is named. */
export function isPlatformError(error: unknown, code?: string): error is PlatformError {
  return error instanceof PlatformError && (code === undefined || error.code === code);
}

/** The `code` of a Node system error such as `ENOENT`; undefined for everything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** One line for a person: the message, and the messages of the causes behind it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own =
    error instanceof AggregateError && error.message === ''
      ? error.errors.map(messageOf).join('; ')
      : error.message;
  return error.cause === undefined ? own : `${own}: ${messageOf(error.cause)}`;
}
