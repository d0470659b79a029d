// Room kept on the disk for the day that it is full: deletes shall work then. Runs on the database's thread.

import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

const chunkBytes = 256 * 1_024;

/** A file of random-looking bytes, which is removed when its room is needed. */
export class ReserveFile {
  readonly #path: string;
  readonly #bytes: number;
  #held = false;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
    this.#held = statSync(path, { throwIfNoEntry: false })?.size === bytes;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Makes the file where it is missing. Throws the system's error, ENOSPC say; then nothing is left of it. */
  keep(): void {
    if (this.#held) return;
    const file = openSync(this.#path, 'w', 0o600);
    try {
      const chunk = noise(chunkBytes);
      for (let written = 0; written < this.#bytes; ) written += writeSync(file, chunk);
      fsyncSync(file);
      this.#held = true;
    } finally {
      closeSync(file);
      if (!this.#held) rmSync(this.#path, { force: true });
    }
  }

  /** Gives the room to whoever writes next. */
  release(): void {
    rmSync(this.#path, { force: true });
    this.#held = false;
  }
}

/** Bytes that a file system which compresses cannot make less of. After xorshift32. */
function noise(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  let state = 0x9e3779b9;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}
