// Records of one length with a checksum each, appended to a file that is written anew once it is mostly history: small
// state that outlives the process.

import { crc32 } from 'node:zlib';
import type { CacheDisk, CacheFile } from '../dataplane/cache-disk.ts';
import { durableFile } from './durable-file.ts';

export interface JournalOptions {
  /** A directory of its own, already locked. */
  readonly disk: CacheDisk;
  /** What the records are; a journal of another kind is not read. */
  readonly kind: string;
  /** Bytes of a record without its checksum. A record of 0xff alone is not allowed. */
  readonly recordBytes: number;
}

const checksumBytes = 4;
const sliceRecords = 2_048;
const ownName = /^(\d{1,10})\.journal$/;

/**
 * What `append` took is in the kernel: it survives the process, and the machine once `files` were synced. A file counts
 * once it holds the mark behind its first snapshot, and takes over once it is on the disk, so that a death while it is
 * written anew leaves the one before.
 */
export class RecordJournal implements Disposable {
  readonly #disk: CacheDisk;
  readonly #seed: number;
  readonly #recordBytes: number;
  readonly #frame: Buffer;
  #generation = 0;
  #file: CacheFile | undefined;
  #sizeBytes = 0;
  /** The file that will follow, while it is written. */
  #next: { readonly file: CacheFile; readonly generation: number; sizeBytes: number } | undefined;
  #closed = false;

  private constructor({ disk, kind, recordBytes }: JournalOptions) {
    this.#disk = disk;
    this.#seed = crc32(kind);
    this.#recordBytes = recordBytes;
    this.#frame = Buffer.alloc(recordBytes + checksumBytes);
  }

  /** Hands every record to `apply` in the order it was appended; cuts a torn tail. Throws what the disk throws. */
  static open(options: JournalOptions, apply: (source: Buffer, at: number) => void): RecordJournal {
    const journal = new RecordJournal(options);
    const generations = options.disk
      .list()
      .flatMap((name) => Number(ownName.exec(name)?.[1] ?? Number.NaN))
      .filter((generation) => !Number.isNaN(generation))
      .sort((left, right) => right - left);
    for (const generation of generations) {
      if (journal.#file === undefined && journal.#read(generation, apply)) continue;
      options.disk.remove(nameOf(generation));
    }
    if (journal.#file === undefined) journal.#start((generations[0] ?? 0) + 1);
    return journal;
  }

  /** Records in the file, with those that later ones replaced. */
  get records(): number {
    return this.#sizeBytes / this.#frame.length - 1;
  }

  get sizeBytes(): number {
    return this.#sizeBytes + (this.#next?.sizeBytes ?? 0);
  }

  /** What has to be synced for all that was appended. */
  get files(): readonly CacheFile[] {
    return [this.#file, this.#next?.file].filter((file) => file !== undefined);
  }

  get rewriting(): boolean {
    return this.#next !== undefined;
  }

  /** Appends the record at `at`; false when the disk does not take it, and then it is as if it was never said. */
  append(source: Buffer, at: number): boolean {
    if (this.#file === undefined) return false;
    this.#fill(source, at);
    if (!this.#write(this.#file, this.#sizeBytes, this.#frame)) return false;
    this.#sizeBytes += this.#frame.length;
    const next = this.#next;
    if (next !== undefined) {
      if (this.#write(next.file, next.sizeBytes, this.#frame)) next.sizeBytes += this.#frame.length;
      else this.#dropNext();
    }
    return true;
  }

  /**
   * Writes the file anew from `snapshot`, in slices between which others have their turn; what is appended meanwhile
   * goes to both. False when the disk does not take it: the old file stays.
   */
  async rewrite(
    snapshot: Iterator<{ readonly source: Buffer; readonly at: number }>,
  ): Promise<boolean> {
    if (this.#next !== undefined || this.#closed) return false;
    try {
      const generation = this.#generation + 1;
      const file = durableFile(this.#disk.create(nameOf(generation)));
      this.#next = { file, generation, sizeBytes: 0 };
    } catch {
      return false;
    }
    for (let ended = false; !ended; ) {
      ended = this.#writeSlice(snapshot);
      if (this.#next === undefined) return false;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#next === undefined) return false;
    }
    return this.#syncNext();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#dropNext();
    this.#file?.close();
    this.#file = undefined;
  }

  #read(generation: number, apply: (source: Buffer, at: number) => void): boolean {
    const file = durableFile(this.#disk.open(nameOf(generation)));
    const bytes = readAll(file);
    const stride = this.#frame.length;
    let whole = 0;
    let marked = false;
    while (whole + stride <= bytes.length && this.#isWhole(bytes, whole)) {
      if (this.#isMark(bytes, whole)) marked = true;
      whole += stride;
    }
    if (!marked) {
      file.close();
      return false;
    }
    if (whole < bytes.length) file.truncateNow(whole);
    for (let at = 0; at < whole; at += stride) {
      if (!this.#isMark(bytes, at)) apply(bytes, at);
    }
    this.#file = file;
    this.#sizeBytes = whole;
    this.#generation = generation;
    return true;
  }

  #start(generation: number): void {
    const file = durableFile(this.#disk.create(nameOf(generation)));
    this.#fillMark();
    this.#file = file;
    this.#generation = generation;
    try {
      file.writeNow(this.#frame, this.#frame.length, 0);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    this.#sizeBytes = this.#frame.length;
  }

  /** True when the snapshot is at its end. */
  #writeSlice(snapshot: Iterator<{ readonly source: Buffer; readonly at: number }>): boolean {
    const next = this.#next;
    if (next === undefined) return true;
    const stride = this.#frame.length;
    const slice = Buffer.allocUnsafe(sliceRecords * stride);
    let used = 0;
    let ended = false;
    while (used < slice.length && !ended) {
      const step = snapshot.next();
      if (step.done === true) {
        this.#fillMark();
        ended = true;
      } else this.#fill(step.value.source, step.value.at);
      used += this.#frame.copy(slice, used);
    }
    if (this.#write(next.file, next.sizeBytes, slice.subarray(0, used))) next.sizeBytes += used;
    else this.#dropNext();
    return ended;
  }

  /** The old file goes only when the new one is on the disk. */
  async #syncNext(): Promise<boolean> {
    const next = this.#next;
    try {
      await next?.file.sync();
    } catch {
      this.#dropNext();
    }
    return this.#next === next && this.#takeNext();
  }

  #takeNext(): boolean {
    const next = this.#next;
    if (next === undefined) return false;
    this.#next = undefined;
    this.#file?.close();
    const old = this.#generation;
    this.#file = next.file;
    this.#sizeBytes = next.sizeBytes;
    this.#generation = next.generation;
    try {
      this.#disk.remove(nameOf(old));
    } catch {
      // The next start removes it: a higher one counts.
    }
    return true;
  }

  #dropNext(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    next.file.close();
    try {
      this.#disk.remove(nameOf(next.generation));
    } catch {
      // Without a mark it does not count.
    }
  }

  #fill(source: Buffer, at: number): void {
    source.copy(this.#frame, 0, at, at + this.#recordBytes);
    this.#sign();
  }

  #fillMark(): void {
    this.#frame.fill(0xff, 0, this.#recordBytes);
    this.#sign();
  }

  #sign(): void {
    const sum = crc32(this.#frame.subarray(0, this.#recordBytes), this.#seed);
    this.#frame.writeUInt32LE(sum, this.#recordBytes);
  }

  #isWhole(bytes: Buffer, at: number): boolean {
    const end = at + this.#recordBytes;
    return crc32(bytes.subarray(at, end), this.#seed) === bytes.readUInt32LE(end);
  }

  #isMark(bytes: Buffer, at: number): boolean {
    for (let offset = 0; offset < this.#recordBytes; offset++) {
      if (bytes[at + offset] !== 0xff) return false;
    }
    return true;
  }

  #write(file: CacheFile, positionBytes: number, bytes: Buffer): boolean {
    try {
      file.writeNow(bytes, bytes.length, positionBytes);
      return true;
    } catch {
      return false; // what was half written is written over, or cut by the next start
    }
  }
}

/** The whole content of a file. */
function readAll(file: CacheFile): Buffer {
  const bytes = Buffer.allocUnsafeSlow(file.sizeNow());
  let done = 0;
  while (done < bytes.length) {
    const count = file.readNow(bytes, done, bytes.length - done, done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

function nameOf(generation: number): string {
  return `${generation}.journal`;
}
