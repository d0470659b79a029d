// One version of a key as the server gave it: small files at hand, large ones read in chunks as they are wanted.

import { crc32 } from 'node:zlib';
import { assert, PlatformError } from '@tweendeck/std';
import { type RespValue, type UnityCacheFileType, unityCacheFileTypeIndex } from '@tweendeck/wire';
import type { BodyReader, Soon, StoredEntry } from '../dataplane/value-store.ts';
import type { RedisCommand } from './redis-client.ts';
import type { KeptFile, RedisHost } from './redis-host.ts';

/** A file that can be read. */
export interface EntryFile extends KeptFile {
  /** Undefined when it lies in chunks. */
  readonly inline: Buffer | undefined;
}

/** Needs no release: chunks stay for the grace time after they were replaced, and longer while somebody reads. */
export class RedisEntry implements StoredEntry {
  readonly #host: RedisHost;
  readonly #files: readonly (EntryFile | undefined)[];
  #holders = 1;

  constructor(host: RedisHost, files: readonly EntryFile[]) {
    this.#host = host;
    const byType: (EntryFile | undefined)[] = [undefined, undefined, undefined];
    for (const file of files) byType[unityCacheFileTypeIndex(file.type)] = file;
    this.#files = byType;
  }

  sizeOf(type: UnityCacheFileType): number {
    return this.#files[unityCacheFileTypeIndex(type)]?.head.sizeBytes ?? 0;
  }

  copy(type: UnityCacheFileType, target: Buffer, at: number): boolean {
    const file = this.#fileOf(type);
    assert(file.inline !== undefined, `file ${type} of ${file.head.sizeBytes} bytes is copied`);
    if (crc32(file.inline) !== file.head.crc) {
      this.#host.damaged(file);
      return false;
    }
    file.inline.copy(target, at);
    return true;
  }

  open(type: UnityCacheFileType): BodyReader {
    const file = this.#fileOf(type);
    return file.inline === undefined
      ? new ChunkedBody(this.#host, file)
      : new InlineBody(this.#host, file, file.inline);
  }

  retain(): void {
    this.#holders++;
  }

  release(): void {
    assert(this.#holders > 0, 'an entry was released more often than it was retained');
    this.#holders--;
  }

  #fileOf(type: UnityCacheFileType): EntryFile {
    const file = this.#files[unityCacheFileTypeIndex(type)];
    assert(file !== undefined && this.#holders > 0, `file ${type} of an entry without it is read`);
    return file;
  }
}

class InlineBody implements BodyReader {
  readonly #host: RedisHost;
  readonly #file: KeptFile;
  #bytes: Buffer | undefined;

  constructor(host: RedisHost, file: KeptFile, bytes: Buffer) {
    this.#host = host;
    this.#file = file;
    this.#bytes = bytes;
  }

  next(): Buffer | undefined {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    if (bytes !== undefined && crc32(bytes) !== this.#file.head.crc)
      throw damage(this.#host, this.#file);
    return bytes;
  }

  close(): void {
    this.#bytes = undefined;
  }
}

/** Reads one chunk ahead: memory stays within two of them. */
class ChunkedBody implements BodyReader {
  readonly #host: RedisHost;
  readonly #file: KeptFile;
  readonly #key: string;
  #requested = 0;
  #deliveredBytes = 0;
  #crc = 0;
  #ahead: Promise<Buffer> | undefined;
  #keptMs: number;

  constructor(host: RedisHost, file: KeptFile) {
    this.#host = host;
    this.#file = file;
    this.#key = host.names.value(file.id, file.type, file.head.version);
    this.#keptMs = host.nowMs();
  }

  next(): Soon<Buffer | undefined> {
    return this.#deliveredBytes === this.#file.head.sizeBytes ? undefined : this.#part();
  }

  close(): void {
    this.#ahead = undefined;
  }

  async #part(): Promise<Buffer> {
    const { sizeBytes, crc } = this.#file.head;
    const part = await (this.#ahead ?? this.#request());
    this.#crc = crc32(part, this.#crc);
    const isLast = this.#deliveredBytes + part.length === sizeBytes;
    if (isLast && this.#crc !== crc) throw damage(this.#host, this.#file);
    this.#deliveredBytes += part.length;
    this.#ahead = isLast ? undefined : this.#request();
    this.#ahead?.catch(() => undefined); // reported by the next call, if there is one
    return part;
  }

  async #request(): Promise<Buffer> {
    const { sizeBytes, chunkBytes } = this.#file.head;
    const number = this.#requested++;
    const expected = Math.min(chunkBytes, sizeBytes - number * chunkBytes);
    const replies = await this.#host.client.pipeline(this.#commands(number));
    const [chunk]: readonly (RespValue | undefined)[] = replies;
    if (!Buffer.isBuffer(chunk) || chunk.length !== expected) throw damage(this.#host, this.#file);
    return chunk;
  }

  /** Reading for long puts off the end of a version that was replaced; what lives longer or for ever is left alone. */
  #commands(number: number): readonly RedisCommand[] {
    const get: RedisCommand = ['HGET', this.#key, number];
    const { graceMs } = this.#host.keeping;
    const nowMs = this.#host.nowMs();
    if (nowMs - this.#keptMs < graceMs / 4) return [get];
    this.#keptMs = nowMs;
    return [get, ['PEXPIRE', this.#key, Math.ceil(graceMs), 'GT']];
  }
}

function damage(host: RedisHost, file: KeptFile): PlatformError {
  host.damaged(file);
  const { type, head, id } = file;
  return new PlatformError(
    'CACHE_VALUE_DAMAGED',
    `file ${type} of ${id.toString('hex')} in version ${head.version} is not what was stored`,
    {
      hint: 'It counts as missing from now on. A server that evicts while values are read does this too.',
    },
  );
}
