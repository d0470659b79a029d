// What became of a disk that fails: counted each time, told once until it works again.

import { type Logger, messageOf, systemErrorCode } from '@tweendeck/std';
import type { PutRefusal } from './value-store.ts';

export class DiskTrouble {
  readonly #log: Logger;
  #errors = 0;
  #told = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  get errors(): number {
    return this.#errors;
  }

  /** Counts a failure; returns why what was tried is refused. */
  met(error: unknown): PutRefusal {
    this.#errors++;
    const code = systemErrorCode(error);
    if (!this.#told) this.#log.error('cache disk fails', { error: messageOf(error) });
    this.#told = true;
    return code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'disk-error';
  }

  over(): void {
    this.#told = false;
  }
}
