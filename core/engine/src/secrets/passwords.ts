// The password of a cluster and how it is changed while members and clients go on: every member takes the next one before
// clients are told of it, and the one before for a while after. Pure.

/** Those that a member is to take. */
export interface Passwords {
  /** What clients and members use. */
  readonly current: string;
  /** What they will use once every member takes it. */
  readonly next?: string;
  /** What they used before. */
  readonly previous?: string;
}

/** What is kept of them. */
export interface PasswordState extends Passwords {
  /** The text with which the latest change was asked for. */
  readonly change: string;
  /** When `current` came into use; undefined for the first. */
  readonly sinceMs: number | undefined;
}

export interface PasswordInput {
  /** Undefined: there is none yet. */
  readonly state: PasswordState | undefined;
  /** `spec.auth.change`. */
  readonly change: string;
  readonly keepPreviousMs: number;
  /** Whether every member that the spec asks for was seen to take all of `state`. */
  readonly inForce: boolean;
  readonly nowMs: number;
  readonly make: () => string;
}

/** What is to be kept from now on; the state itself when nothing changes. */
export function nextPasswords(input: PasswordInput): PasswordState {
  const { state, change, inForce, nowMs, make } = input;
  if (state === undefined) return { current: make(), change, sinceMs: undefined };
  const { next, previous, ...kept } = state;
  if (next === undefined && state.change !== change) return { ...state, next: make(), change };
  if (!inForce) return state;
  if (next !== undefined) {
    return { ...kept, current: next, previous: state.current, sinceMs: nowMs };
  }
  const isOver = nowMs - (state.sinceMs ?? nowMs) >= input.keepPreviousMs;
  return previous !== undefined && isOver ? kept : state;
}

/**
 * What is kept once somebody else wrote `current` where `inUse` was: it counts at once, and the one in use as the one before. One
 * that no file of settings can have is not taken.
 */
export function editedPasswords(
  state: PasswordState,
  inUse: string | undefined,
  nowMs: number,
): PasswordState {
  if (inUse === undefined || inUse === state.current) return state;
  const written = state.current.trim();
  if (written === inUse || written === '' || /\s/.test(written))
    return { ...state, current: inUse };
  const { next, ...rest } = state;
  return { ...rest, current: written, previous: inUse, sinceMs: nowMs };
}

/** Characters of a password: 256 bits of chance in hexadecimal digits. */
export const passwordBytes = 32;
