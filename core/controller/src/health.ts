// Whether a program that runs controllers can do its work: named checks that are asked when somebody looks.

import { assert } from '@tweendeck/std';

/** What one check says now. */
export interface CheckResult {
  readonly name: string;
  /** Undefined: all is well. */
  readonly problem: string | undefined;
}

/** A registry of checks, to be told behind `/readyz`. */
export interface Health {
  /** Adds a check: `problem` gives what is wrong, undefined when nothing is. A name is taken once. Dispose to take it away. */
  add(name: string, problem: () => string | undefined): Disposable;
  /** Every check, in the order they were added. */
  report(): readonly CheckResult[];
}

export function createHealth(): Health {
  const checks = new Map<string, () => string | undefined>();
  return {
    add(name, problem) {
      assert(!checks.has(name), `there is a check named ${name} already`);
      checks.set(name, problem);
      return { [Symbol.dispose]: () => void checks.delete(name) };
    },
    report: () => [...checks].map(([name, problem]) => ({ name, problem: problem() })),
  };
}
