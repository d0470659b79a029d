// What a file says, in 32 bytes: blocks are hashed by the thread pool, so that large uploads stop nobody.

import { createHash, hash, webcrypto } from 'node:crypto';
import type { Soon } from '../dataplane/value-store.ts';

/** Blocks up to this size cost less hashed at once than handed to another thread. */
const atOnceBytesMax = 16 * 1_024;
const blockBytes = 256 * 1_024;
/** What of a file's start `ignoredHead` is shown at least, of those that are as long. */
const headBytes = 96;
/** Blocks of one file that may be with other threads before its writer has to wait. */
const blocksInFlightMax = 2;

/**
 * SHA-256 of the SHA-256 of each block of 256 KiB: how a file was cut into parts does not matter. `ignoredHead` is shown
 * the start of the file and says how many bytes of it do not count.
 */
export class ContentDigest {
  readonly #digests: Soon<Uint8Array>[] = [];
  /** Asked once, when the head is there. */
  #ignoredHead: ((head: Buffer) => number) | undefined;
  #block: Buffer = Buffer.alloc(0);
  #used = 0;
  #inFlight = 0;
  #wake: (() => void) | undefined;

  constructor(ignoredHead?: (head: Buffer) => number) {
    this.#ignoredHead = ignoredHead;
  }

  /** A promise asks the caller to wait with the next part. */
  add(part: Buffer): Promise<void> | undefined {
    for (let at = 0; at < part.length; ) {
      this.#grow(Math.min(this.#used + part.length - at, blockBytes));
      const count = part.copy(this.#block, this.#used, at);
      at += count;
      this.#used += count;
      if (this.#used >= headBytes) this.#cutHead();
      if (this.#used === blockBytes) this.#endBlock();
    }
    return this.#inFlight > blocksInFlightMax ? this.#room() : undefined;
  }

  /** The digest of all that was added. */
  end(): Soon<Buffer> {
    this.#cutHead();
    if (this.#used > 0) this.#endBlock();
    this.#block = Buffer.alloc(0);
    if (this.#inFlight === 0 && this.#digests.every(isBytes)) return digestOf(this.#digests);
    return Promise.all(this.#digests.map(async (digest) => digest)).then(digestOf);
  }

  #grow(bytes: number): void {
    if (bytes <= this.#block.length) return;
    const later = this.#digests.length > 0; // a file of several blocks is likely to fill this one too
    const length = later
      ? blockBytes
      : Math.min(blockBytes, Math.max(bytes, this.#block.length * 2));
    const grown = Buffer.allocUnsafeSlow(length);
    this.#block.copy(grown, 0, 0, this.#used);
    this.#block = grown;
  }

  #cutHead(): void {
    const ignored = this.#ignoredHead?.(this.#block.subarray(0, this.#used)) ?? 0;
    this.#ignoredHead = undefined;
    if (ignored === 0) return;
    this.#block.copyWithin(0, ignored, this.#used);
    this.#used -= ignored;
  }

  #endBlock(): void {
    const bytes = this.#block.subarray(0, this.#used);
    if (bytes.length <= atOnceBytesMax) this.#digests.push(hash('sha256', bytes, 'buffer'));
    else {
      this.#inFlight++;
      const digest = webcrypto.subtle.digest('SHA-256', bytes).then((done) => {
        this.#inFlight--;
        this.#wake?.();
        return new Uint8Array(done);
      });
      this.#digests.push(digest);
      this.#block = Buffer.alloc(0); // the other thread reads it
    }
    this.#used = 0;
  }

  /** One waiter at a time: the connection that is asked to wait. */
  async #room(): Promise<void> {
    while (this.#inFlight > blocksInFlightMax) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    this.#wake = undefined;
  }
}

function isBytes(value: Soon<Uint8Array>): value is Uint8Array {
  return value instanceof Uint8Array;
}

function digestOf(blocks: readonly Uint8Array[]): Buffer {
  const all = createHash('sha256');
  for (const block of blocks) all.update(block);
  return all.digest();
}

/**
 * How many bytes at the start of a file do not count when the version of the editor that wrote it shall not: all up to
 * its end, since sizes that depend on its length stand before it. 0 when there is none.
 */
export function editorVersionHead(file: Buffer): number {
  const head = file.toString('latin1', 0, headBytes);
  const found = /\d{1,4}\.\d{1,2}\.\d{1,2}[abfpcx]\d{1,3}\0/.exec(head);
  return found === null ? 0 : found.index + found[0].length;
}
