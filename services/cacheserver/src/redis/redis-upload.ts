// One upload: small files wait for the commit, large ones go to the server in chunks that nobody refers to yet.

import { crc32 } from 'node:zlib';
import { assert } from '@tweendeck/std';
import { RespError, type RespValue, type UnityCacheFileType } from '@tweendeck/wire';
import { InFlight } from '../dataplane/in-flight.ts';
import type { PutOutcome, PutRefusal, PutTransaction, Soon } from '../dataplane/value-store.ts';
import type { RedisCommand } from './redis-client.ts';
import type { RedisHost } from './redis-host.ts';
import {
  bytesField,
  chunkBytes,
  decodeHead,
  encodeHead,
  expiry,
  type FileHead,
  headFields,
  inlineBytesMax,
} from './redis-record.ts';

interface UploadedFile {
  readonly type: UnityCacheFileType;
  readonly sizeBytes: number;
  readonly version: string;
  readonly isInline: boolean;
  crc: number;
  /** Bytes that were not sent. */
  buffer: Buffer;
  used: number;
  chunks: number;
}

/** Chunks that may be on their way before the client has to wait. */
const chunksInFlightMax = 4;
/** Chunks after which the upload's time to live starts anew. */
const chunksPerRenewal = 64;
const none = Buffer.alloc(0);

export class RedisUpload implements PutTransaction {
  readonly #host: RedisHost;
  readonly #id: Buffer;
  readonly #files = new Map<UnityCacheFileType, UploadedFile>();
  #open: UploadedFile | undefined;
  #refusal: PutRefusal | undefined;
  readonly #chunks = new InFlight();
  #ended = false;
  readonly #isZeroHash: boolean;

  constructor(host: RedisHost, id: Buffer) {
    this.#host = host;
    this.#id = id;
    this.#isZeroHash = isZero(id.subarray(16));
    if (!host.client.usable) this.#refusal = 'store-away';
  }

  startFile(type: UnityCacheFileType, sizeBytes: number): void {
    assert(this.#open === undefined && !this.#ended, 'a file starts inside another one');
    const earlier = this.#files.get(type);
    if (earlier !== undefined) this.#discard(earlier);
    if (sizeBytes > this.#host.keeping.valueBytesMax) this.#refuse('too-large');
    const isInline = sizeBytes <= inlineBytesMax;
    const version = this.#host.newVersion();
    this.#open = { type, sizeBytes, version, isInline, crc: 0, buffer: none, used: 0, chunks: 0 };
    if (sizeBytes > 0) this.#files.set(type, this.#open);
  }

  write(part: Buffer): Promise<void> | undefined {
    const file = this.#open;
    assert(file !== undefined, 'a part of no file');
    if (this.#refusal !== undefined || this.#isZeroHash) return undefined;
    file.crc = crc32(part, file.crc);
    for (let at = 0; at < part.length && this.#refusal === undefined; ) {
      if (file.buffer.length === 0) this.#hold(file);
      const count = part.copy(file.buffer, file.used, at);
      at += count;
      file.used += count;
      if (file.used === file.buffer.length && !file.isInline) this.#sendChunk(file);
    }
    const inFlightMax = this.#host.client.queuedBytes > 2 ** 24 ? 1 : chunksInFlightMax;
    return this.#chunks.count < inFlightMax ? undefined : this.#chunks.atMost(inFlightMax - 1);
  }

  endFile(): void {
    const file = this.#open;
    assert(file !== undefined, 'the end of no file');
    if (!file.isInline && file.used > 0 && this.#refusal === undefined) this.#sendChunk(file);
    this.#open = undefined;
  }

  commit(): Soon<PutOutcome> {
    assert(this.#open === undefined && !this.#ended, 'a commit inside a file');
    if (this.#refusal === undefined && (this.#files.size === 0 || this.#isZeroHash)) {
      this.abandon();
      return { outcome: 'dropped', reason: this.#isZeroHash ? 'zero-hash' : 'empty' };
    }
    return this.#commit();
  }

  abandon(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
  }

  async #commit(): Promise<PutOutcome> {
    await this.#chunks.atMost(0);
    if (this.#ended) return { outcome: 'dropped', reason: 'empty' }; // abandoned while it waited
    this.#ended = true;
    const refusal = this.#refusal ?? (await this.#exchange());
    this.#release();
    return refusal === undefined ? { outcome: 'stored' } : { outcome: 'refused', reason: refusal };
  }

  /** Puts the new heads in the place of the old ones, all at once. What went wrong, undefined when nothing did. */
  async #exchange(): Promise<PutRefusal | undefined> {
    const chunked = [...this.#files.values()].filter(({ isInline }) => !isInline);
    try {
      const commands = this.#exchangeCommands(chunked);
      const replies = await this.#host.client.pipeline(commands);
      const done = replies.at(-1);
      const fault = replies.slice(0, -1).find((reply) => reply instanceof RespError);
      if (!isList(done)) return this.#host.refusal(fault ?? done);
      const late = done.find((reply) => reply instanceof RespError);
      if (late !== undefined) return this.#host.refusal(late);
      if (chunked.some((_, at) => done[done.length - 1 - at] !== 1)) return 'storage-full'; // evicted before its commit
      this.#settle(done[0]);
      for (const file of chunked) file.chunks = 0; // the record's now
      return undefined;
    } catch (error) {
      for (const file of chunked) file.chunks = 0; // the record's, or gone with the time to live of uploads
      return this.#host.refusal(error);
    }
  }

  #exchangeCommands(chunked: readonly UploadedFile[]): readonly RedisCommand[] {
    const { names, keeping } = this.#host;
    const record = names.record(this.#id);
    const set: (string | Buffer)[] = ['HSET', record];
    const gone: string[] = [];
    for (const file of this.#files.values()) {
      set.push(file.type, encodeHead(this.#headOf(file)));
      if (file.isInline) set.push(bytesField(file.type), file.buffer.subarray(0, file.used));
      else gone.push(bytesField(file.type));
    }
    const values = chunked.map((file) => names.value(this.#id, file.type, file.version));
    return [
      ['MULTI'],
      ['HMGET', record, ...headFields],
      set,
      ...(gone.length === 0 ? [] : [['HDEL', record, ...gone]]),
      expiry(record, keeping.ttlMs),
      ...values.map((value) => expiry(value, valueTtlMs(this.#host))),
      ...values.map((value) => ['EXISTS', value]),
      ['EXEC'],
    ];
  }

  /** What was replaced goes after a while; what stays, stays as long as its record. */
  #settle(reply: RespValue | undefined): void {
    const before = isList(reply) ? reply : [];
    if (before.every((head) => head === null)) this.#host.countKeys(1);
    const commands: RedisCommand[] = [];
    for (const [at, type] of headFields.entries()) {
      const head = decodeHead(before[at]);
      if (head?.where !== 'chunks') continue;
      const value = this.#host.names.value(this.#id, type, head.version);
      const replaced = this.#files.has(type);
      if (replaced) commands.push(expiry(value, this.#host.keeping.graceMs));
      else if (this.#host.keeping.ttlMs !== undefined)
        commands.push(expiry(value, valueTtlMs(this.#host)));
    }
    if (commands.length > 0) this.#host.later(this.#host.client.pipeline(commands));
  }

  #headOf({ sizeBytes, crc, version, isInline }: UploadedFile): FileHead {
    const where = isInline ? 'inline' : 'chunks';
    return { sizeBytes, crc, version, where, chunkBytes, storedMs: this.#host.nowMs() };
  }

  #hold(file: UploadedFile): void {
    const left = file.sizeBytes - file.chunks * chunkBytes;
    file.buffer = Buffer.allocUnsafeSlow(Math.min(left, chunkBytes));
    file.used = 0;
    this.#count(file.buffer.length);
  }

  #sendChunk(file: UploadedFile): void {
    const { client, names, keeping } = this.#host;
    const bytes = file.buffer.subarray(0, file.used);
    const held = file.buffer.length;
    const value = names.value(this.#id, file.type, file.version);
    const commands: RedisCommand[] = [['HSET', value, file.chunks, bytes]];
    if (file.chunks % chunksPerRenewal === 0) commands.push(expiry(value, keeping.uploadMs));
    file.chunks++;
    file.buffer = none;
    file.used = 0;
    this.#chunks.begin();
    void client
      .pipeline(commands)
      .then((replies) => replies.find((reply) => reply instanceof RespError))
      .catch((error: unknown) => error)
      .then((fault) => {
        this.#chunks.end();
        this.#count(-held);
        if (fault !== undefined) this.#refuse(this.#host.refusal(fault));
      });
  }

  /** From here on the upload is swallowed. */
  #refuse(reason: PutRefusal): void {
    this.#refusal ??= reason;
    this.#release();
  }

  #release(): void {
    for (const file of this.#files.values()) this.#discard(file);
    this.#files.clear();
  }

  #discard(file: UploadedFile): void {
    this.#count(-file.buffer.length);
    file.buffer = none;
    file.used = 0;
    if (file.isInline || file.chunks === 0 || !this.#host.client.usable) return;
    const value = this.#host.names.value(this.#id, file.type, file.version);
    this.#host.later(this.#host.client.call(['DEL', value]));
  }

  #count(bytesChange: number): void {
    this.#host.countUpload(bytesChange);
  }
}

/** Chunks outlive the record that refers to them. */
export function valueTtlMs({ keeping }: Pick<RedisHost, 'keeping'>): number | undefined {
  return keeping.ttlMs === undefined ? undefined : keeping.ttlMs + keeping.graceMs;
}

function isList(value: unknown): value is readonly RespValue[] {
  return Array.isArray(value);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
