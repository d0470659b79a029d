// The file operations that the store needs, as a seam for faults; and Node's own.

import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PlatformError } from '@tweendeck/std';

/** An open file. Reads and writes that are `Now` block the process: they are for small, cached ranges. */
export interface CacheFile {
  readNow(target: Buffer, at: number, length: number, positionBytes: number): number;
  /** Writes all of the range or throws. */
  writeNow(source: Buffer, length: number, positionBytes: number): void;
  /** Writes all parts one behind the other, or throws. */
  writePartsNow(parts: readonly Buffer[], positionBytes: number): void;
  read(target: Buffer, at: number, length: number, positionBytes: number): Promise<number>;
  /** Writes all parts one behind the other, or rejects. */
  writeParts(parts: readonly Buffer[], positionBytes: number): Promise<void>;
  truncateNow(sizeBytes: number): void;
  /** Waits until the content would survive a loss of power. */
  sync(): Promise<void>;
  sizeNow(): number;
  close(): void;
  /** As `close`, without waiting: giving back the space of a removed file takes its time. Failures are not told. */
  closeSoon(): void;
}

/** A directory of files. Names are plain, without separators. All failures are Node's system errors. */
export interface CacheDisk {
  list(): string[];
  create(name: string): CacheFile;
  open(name: string): CacheFile;
  /** Removes a file; open ones go on until closed. */
  remove(name: string): void;
  /** Bytes that this user can still write to the file system. */
  freeBytes(): Promise<number>;
  /** Takes the directory for this process until disposed or dead; CACHE_IN_USE when another has it. */
  lock(): Disposable;
}

/** The directory of a real disk, made with its parents when missing. */
export function nodeDisk(directory: string): CacheDisk {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pathOf = (name: string): string => path.join(directory, name);
  return {
    list: () => fs.readdirSync(directory),
    create: (name) => nodeFile(fs.openSync(pathOf(name), 'wx+', 0o600)),
    open: (name) => nodeFile(fs.openSync(pathOf(name), 'r+')),
    remove: (name) => fs.rmSync(pathOf(name), { force: true }),
    async freeBytes() {
      const { bavail, bsize } = await fs.promises.statfs(directory);
      return bavail * bsize;
    },
    lock: () => lockDirectory(directory),
  };
}

function nodeFile(descriptor: number): CacheFile {
  return {
    readNow: (target, at, length, position) =>
      fs.readSync(descriptor, target, at, length, position),
    writeNow(source, length, position) {
      let done = 0;
      while (done < length) {
        done += fs.writeSync(descriptor, source, done, length - done, position + done);
      }
    },
    read: (target, at, length, position) =>
      new Promise((resolve, reject) => {
        fs.read(descriptor, target, at, length, position, (error, count) =>
          error ? reject(error) : resolve(count),
        );
      }),
    writePartsNow(parts, position) {
      let left = parts;
      for (let at = position; left.length > 0; ) {
        const count = fs.writevSync(descriptor, left, at);
        at += count;
        left = restOf(left, count);
      }
    },
    writeParts: (parts, position) =>
      new Promise((resolve, reject) => {
        const from = (left: readonly Buffer[], at: number): void => {
          fs.writev(descriptor, left, at, (error, count) => {
            const rest = error ? left : restOf(left, count);
            if (error) reject(error);
            else if (rest.length > 0) from(rest, at + count);
            else resolve();
          });
        };
        from(parts, position);
      }),
    truncateNow: (size) => fs.ftruncateSync(descriptor, size),
    sync: () =>
      new Promise((resolve, reject) => {
        fs.fdatasync(descriptor, (error) => (error ? reject(error) : resolve()));
      }),
    sizeNow: () => fs.fstatSync(descriptor).size,
    close: () => fs.closeSync(descriptor),
    closeSoon: () => fs.close(descriptor, () => undefined),
  };
}

/** What is left of parts when so many bytes of them are written. */
function restOf(parts: readonly Buffer[], written: number): readonly Buffer[] {
  let left = written;
  for (const [index, part] of parts.entries()) {
    if (left < part.length) return [part.subarray(left), ...parts.slice(index + 1)];
    left -= part.length;
  }
  return [];
}

/** An exclusive SQLite lock: the kernel lets go of it when the process dies, however it dies. */
function lockDirectory(directory: string): Disposable {
  const file = path.join(directory, 'lock');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (x); COMMIT',
    );
  } catch (cause) {
    database?.close();
    throw new PlatformError('CACHE_IN_USE', `the cache directory ${directory} cannot be taken`, {
      hint: 'Another process serves this directory; stop it or choose another directory.',
      cause,
    });
  }
  const held = database;
  return { [Symbol.dispose]: () => held.isOpen && held.close() };
}
