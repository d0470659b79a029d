// One file on its way into the cache: checked before, while and after it is read.

import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { systemErrorCode } from '@tweendeck/std';
import type { UnityCacheFileType } from '@tweendeck/wire';
import type { CacheFileSource } from '../client/cache-client.ts';

/** Why a file was not taken. */
export type FileFault = 'missing' | 'unreadable' | 'changed' | 'empty' | 'changed-while-reading';

const partBytes = 256 * 1_024;

/** An open file with the state in which it was found. */
export class SourceFile implements CacheFileSource, AsyncDisposable {
  readonly type: UnityCacheFileType;
  readonly sizeBytes: number;
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #modifiedMs: number;
  #crc = 0;
  #readBytes = 0;

  private constructor(
    handle: FileHandle,
    found: { type: UnityCacheFileType; path: string; sizeBytes: number; modifiedMs: number },
  ) {
    this.#handle = handle;
    this.#modifiedMs = found.modifiedMs;
    this.type = found.type;
    this.path = found.path;
    this.sizeBytes = found.sizeBytes;
  }

  /** Opens a file; with `modifiedSeconds` its modification time must agree to the second. */
  static async open(wanted: {
    readonly type: UnityCacheFileType;
    readonly path: string;
    readonly modifiedSeconds: number | undefined;
  }): Promise<SourceFile | FileFault> {
    const { type, path, modifiedSeconds } = wanted;
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const found = await handle.stat();
      if (!found.isFile()) {
        await handle.close();
        return 'unreadable';
      }
      const { size: sizeBytes, mtimeMs: modifiedMs } = found;
      const seconds = Math.floor(modifiedMs / 1_000);
      const changed = modifiedSeconds !== undefined && Math.floor(modifiedSeconds) !== seconds;
      if (!changed && sizeBytes > 0) {
        return new SourceFile(handle, { type, path, sizeBytes, modifiedMs });
      }
      await handle.close();
      return changed ? 'changed' : 'empty';
    } catch (error) {
      await handle?.close();
      const code = systemErrorCode(error);
      return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
    }
  }

  /** Of what was read. */
  get crc(): number {
    return this.#crc;
  }

  /** The content, once. A read error ends it early, which `unchanged` tells. */
  get parts(): AsyncIterable<Buffer> {
    return this.#read();
  }

  /** Whether what was read is the file as it was found, and is still. */
  async unchanged(): Promise<boolean> {
    try {
      const { size, mtimeMs } = await this.#handle.stat();
      const same = size === this.sizeBytes && mtimeMs === this.#modifiedMs;
      return same && this.#readBytes === this.sizeBytes;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async *#read(): AsyncGenerator<Buffer, void, undefined> {
    while (this.#readBytes < this.sizeBytes) {
      const buffer = Buffer.allocUnsafe(Math.min(partBytes, this.sizeBytes - this.#readBytes));
      const bytes = await this.#part(buffer);
      if (bytes.length === 0) return;
      this.#readBytes += bytes.length;
      this.#crc = crc32(bytes, this.#crc);
      yield bytes;
    }
  }

  async #part(buffer: Buffer): Promise<Buffer> {
    try {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#readBytes);
      return buffer.subarray(0, bytesRead);
    } catch {
      return buffer.subarray(0, 0);
    }
  }
}
