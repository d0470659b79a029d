// An upload that is hashed on its way to the store, and kept only when it is found reliable.

import { createHash } from 'node:crypto';
import { type UnityCacheFileType, unityCacheFileTypeIndex } from '@tweendeck/wire';
import type { PutOutcome, PutTransaction, Soon } from '../dataplane/value-store.ts';
import { ContentDigest, editorVersionHead } from './content-digest.ts';
import type { ReliabilityRules } from './decide.ts';
import { versionBytes } from './known-keys.ts';

/** A version as its files tell it. */
export interface UploadedVersion {
  readonly version: Buffer;
  /** A bit for each file. */
  readonly types: number;
}

/** An upload that is complete: it is to be kept or dropped. */
export interface JudgedUpload {
  /** Its client went while it waited: nothing is to be made of it. */
  readonly abandoned: boolean;
  keep(): Soon<PutOutcome>;
  drop(): void;
}

export type Judge = (upload: JudgedUpload, version: UploadedVersion) => Soon<PutOutcome>;

const letters = ['a', 'i', 'r'] as const;

export class CheckedUpload implements PutTransaction, JudgedUpload {
  readonly #upload: PutTransaction;
  readonly #rules: ReliabilityRules;
  readonly #judge: Judge;
  readonly #digests: (Soon<Buffer> | undefined)[] = [];
  #types = 0;
  #index: 0 | 1 | 2 = 0;
  #sizeBytes = 0;
  #digest: ContentDigest | undefined;
  #abandoned = false;

  constructor(upload: PutTransaction, rules: ReliabilityRules, judge: Judge) {
    this.#upload = upload;
    this.#rules = rules;
    this.#judge = judge;
  }

  startFile(type: UnityCacheFileType, sizeBytes: number): void {
    this.#upload.startFile(type, sizeBytes);
    this.#index = unityCacheFileTypeIndex(type);
    this.#sizeBytes = sizeBytes;
    // The content of an info file does not count: it names times and paths of whoever wrote it.
    const ignored = this.#rules.editorVersion === 'ignored';
    this.#digest =
      type === 'i' ? undefined : new ContentDigest(ignored ? editorVersionHead : undefined);
  }

  write(part: Buffer): Promise<void> | undefined {
    const room = this.#upload.write(part);
    const hashed = this.#digest?.add(part);
    if (room === undefined || hashed === undefined) return room ?? hashed;
    return Promise.all([room, hashed]).then(() => undefined);
  }

  endFile(): void {
    this.#upload.endFile();
    const bit = 1 << this.#index;
    this.#types = this.#sizeBytes > 0 ? this.#types | bit : this.#types & ~bit;
    this.#digests[this.#index] = this.#digest?.end();
    this.#digest = undefined;
  }

  commit(): Soon<PutOutcome> {
    if (this.#types === 0) return this.#upload.commit();
    const digests = this.#digests;
    if (!digests.some((digest) => digest instanceof Promise)) return this.#end(digests);
    return Promise.all(digests.map(async (digest) => digest)).then((done) => this.#end(done));
  }

  abandon(): void {
    this.#abandoned = true;
    this.#upload.abandon();
  }

  get abandoned(): boolean {
    return this.#abandoned;
  }

  keep(): Soon<PutOutcome> {
    return this.#upload.commit();
  }

  drop(): void {
    this.#upload.abandon();
  }

  #end(digests: readonly Soon<Buffer | undefined>[]): Soon<PutOutcome> {
    const all = createHash('sha256');
    for (const [index, letter] of letters.entries()) {
      if ((this.#types & (1 << index)) === 0) continue;
      all.update(letter);
      const digest = digests[index];
      if (digest instanceof Buffer) all.update(digest);
    }
    const version = all.digest().subarray(0, versionBytes);
    return this.#judge(this, { version, types: this.#types });
  }
}
