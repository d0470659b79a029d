// The file beside a store that says which process has it open, and how far it has come. Runs on the database's thread.

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

export interface Holder {
  readonly pid: string;
  /** The last revision that was on disk when it wrote this; 0 when it did not say. */
  readonly revision: number;
}

const revisionDigits = 16;

/** Nothing depends on it but messages, and the notice that a store lost what it had: only SQLite's lock on the store counts. */
export class HolderFile implements Disposable {
  readonly #path: string;
  #file: number | undefined;

  /** Where it cannot be written, on a full disk say, it is left out. */
  constructor(storePath: string) {
    this.#path = holderPath(storePath);
    try {
      this.#file = openSync(this.#path, 'w', 0o600);
    } catch {
      rmSync(this.#path, { force: true });
    }
  }

  /** Notes what is on disk by now. Not synced: after a power cut it may say less, never more. */
  note(revision: number): void {
    if (this.#file === undefined) return;
    try {
      writeSync(this.#file, `${process.pid}\n${String(revision).padStart(revisionDigits)}\n`, 0);
    } catch {
      this[Symbol.dispose]();
    }
  }

  /** Removes it: the store was closed as it should be. */
  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#path, { force: true });
  }
}

/** What the last holder left that did not close the store; undefined when there is none. */
export function readHolder(storePath: string): Holder | undefined {
  try {
    const [pid = '', revision = ''] = readFileSync(holderPath(storePath), 'utf8').split('\n');
    return /^\d+$/.test(pid) ? { pid, revision: Number(revision) || 0 } : undefined;
  } catch {
    return undefined;
  }
}

function holderPath(storePath: string): string {
  return `${storePath}.pid`;
}
