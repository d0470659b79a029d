// The value store on a Redis-protocol server, which several data planes share.

import {
  assert,
  type Clock,
  type Logger,
  messageOf,
  PlatformError,
  type Random,
} from '@tweendeck/std';
import { RespError, type RespValue } from '@tweendeck/wire';
import { StoreClock } from '../dataplane/store-clock.ts';
import type {
  KeyPage,
  KeyQuery,
  PutRefusal,
  PutTransaction,
  RemoveOutcome,
  Soon,
  StoredEntry,
  StoredKey,
  ValueStore,
  ValueStoreStats,
} from '../dataplane/value-store.ts';
import { RedisClient, type RedisClientStats, type RedisCommand } from './redis-client.ts';
import { type EntryFile, RedisEntry } from './redis-entry.ts';
import type { KeptFile, RedisHost } from './redis-host.ts';
import { KeyPages, scanAll } from './redis-keys.ts';
import {
  bytesField,
  decodeHead,
  expiry,
  fieldsOf,
  foreverMs,
  headFields,
  RedisNames,
} from './redis-record.ts';
import type { RedisConnectionSettings, RedisKeepingSettings } from './redis-settings.ts';
import { RedisUpload, valueTtlMs } from './redis-upload.ts';

export interface RedisStoreOptions {
  readonly connection: RedisConnectionSettings;
  readonly keeping: RedisKeepingSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface RedisStoreStats extends RedisClientStats {
  /** Gets that were answered as misses since the server was away, silent or too busy. */
  readonly unansweredGets: number;
  /** Large files whose record was there and whose chunks were not: the server evicted them. */
  readonly lostFiles: number;
  /** Uploads and chunks that the server did not take, by reason. */
  readonly refusals: Readonly<Partial<Record<PutRefusal, number>>>;
  /** Keys that the server evicted since it started, those of others included. */
  readonly serverEvictedKeys: number;
  /** Values that nobody referred to any more, found by a census. */
  readonly orphans: number;
}

const tendMs = 10_000;
/** A smaller server is counted before it is used. */
const smallKeys = 20_000;
/** The rest of a time to live is renewed once it is below this share. */
const renewBelow = 0.9;

export class RedisValueStore implements ValueStore {
  readonly #client: RedisClient;
  readonly #names: RedisNames;
  readonly #keeping: RedisKeepingSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #host: RedisHost;
  readonly #pages: KeyPages;
  readonly #closing = new AbortController();
  #tending: Promise<void> | undefined;
  #keys = 0;
  #uploadBytes = 0;
  #usedBytes = 0;
  #usedBytesMax = 0;
  #evictedKeys = 0;
  #damagedValues = 0;
  #lostFiles = 0;
  #unansweredGets = 0;
  #orphans = 0;
  readonly #refusals: Partial<Record<PutRefusal, number>> = {};

  constructor({ connection, keeping, clock, random, log }: RedisStoreOptions) {
    this.#client = new RedisClient(connection, { clock, random, log });
    this.#names = new RedisNames(keeping.prefix);
    this.#keeping = keeping;
    this.#clock = clock;
    this.#log = log;
    const storeClock = new StoreClock(clock);
    this.#host = {
      client: this.#client,
      names: this.#names,
      keeping,
      log,
      nowMs: () => storeClock.nowMs(),
      newVersion: () => Buffer.from(random.bytes(16)).toString('hex'),
      damaged: (file) => this.#damaged(file),
      countUpload: (change) => {
        this.#uploadBytes += change;
      },
      countKeys: (change) => {
        this.#keys = Math.max(0, this.#keys + change);
      },
      refusal: (error) => this.#refusal(error),
      later: (work) => {
        work.catch(() => undefined); // what the server did not do now, times to live and the census do
      },
    };
    this.#pages = new KeyPages({
      client: this.#client,
      pattern: (guid) => this.#names.recordPattern(guid),
      idOf: (key) => this.#names.idOf(key),
      describeAll: (ids) => this.#describeAll(ids),
    });
  }

  /** Ready to serve, also when the server is away: then there are misses until it is back. */
  static async open(options: RedisStoreOptions): Promise<RedisValueStore> {
    const store = new RedisValueStore(options);
    await store.#begin();
    return store;
  }

  find(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    if (!this.#client.usable) {
      this.#unansweredGets++;
      return undefined;
    }
    const id = idAt(bytes, at);
    const { ttlMs, renewOnHit } = this.#keeping;
    return this.#load(id, ttlMs !== undefined && renewOnHit ? ttlMs : undefined);
  }

  peek(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    return this.#client.usable ? this.#load(idAt(bytes, at), undefined) : undefined;
  }

  begin(bytes: Uint8Array, at: number): PutTransaction {
    return new RedisUpload(this.#host, idAt(bytes, at));
  }

  async describe(bytes: Uint8Array, at: number): Promise<StoredKey | undefined> {
    const [key] = await this.#describeAll([idAt(bytes, at)]);
    return key;
  }

  keys(query: KeyQuery): Promise<KeyPage> {
    return this.#pages.page(query);
  }

  async remove(bytes: Uint8Array, at: number): Promise<RemoveOutcome> {
    try {
      const removed = await this.#removeAll([idAt(bytes, at)]);
      return { outcome: removed === 1 ? 'removed' : 'absent' };
    } catch (error) {
      return { outcome: 'refused', reason: this.#refusal(error) };
    }
  }

  async clear(): Promise<number> {
    let removed = 0;
    for await (const keys of scanAll(this.#client, this.#names.recordPattern())) {
      const ids = keys.map((key) => this.#names.idOf(key)).filter((id) => id !== undefined);
      if (ids.length > 0) removed += await this.#removeAll(ids).catch(rethrown);
    }
    return removed;
  }

  stats(): ValueStoreStats {
    return {
      keys: this.#keys,
      storageBytes: this.#usedBytes,
      storageBytesMax: this.#usedBytesMax,
      memoryBytes: 0,
      memoryBytesMax: 0,
      indexBytes: 0,
      deadBytes: 0,
      uploadBytes: this.#uploadBytes,
      segments: 0,
      evictedBytes: 0,
      evictedSegments: 0,
      damagedValues: this.#damagedValues,
      diskErrors: this.#client.stats().failures,
    };
  }

  redis(): RedisStoreStats {
    return {
      ...this.#client.stats(),
      unansweredGets: this.#unansweredGets,
      lostFiles: this.#lostFiles,
      refusals: { ...this.#refusals },
      serverEvictedKeys: this.#evictedKeys,
      orphans: this.#orphans,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#client[Symbol.dispose]();
    await this.#tending;
  }

  // Finding.

  /** Never rejects: what the server does not give is a miss. */
  async #load(id: Buffer, renewMs: number | undefined): Promise<StoredEntry | undefined> {
    const record = this.#names.record(id);
    const commands: RedisCommand[] = [['HGETALL', record]];
    if (renewMs !== undefined) commands.push(['PTTL', record]);
    try {
      const [reply, leftMs] = await this.#client.pipeline(commands);
      if (reply instanceof RespError) throw new Error(reply.message);
      const files = await this.#present(this.#filesOf(id, reply));
      if (files.length === 0) return undefined;
      if (renewMs !== undefined && typeof leftMs === 'number' && leftMs >= 0) {
        if (leftMs < renewBelow * renewMs) this.#renew(id, files);
      }
      return new RedisEntry(this.#host, files);
    } catch (error) {
      this.#unansweredGets++;
      if (!(error instanceof PlatformError))
        this.#log.debug('redis store answers nothing', { error });
      return undefined;
    }
  }

  #filesOf(id: Buffer, reply: RespValue | undefined): readonly EntryFile[] {
    const fields = fieldsOf(reply);
    if (fields === undefined) return [];
    const files: EntryFile[] = [];
    for (const type of headFields) {
      const field = fields.get(type);
      if (field === undefined) continue;
      const head = decodeHead(field);
      if (head === undefined) {
        this.#damagedValues++;
        continue;
      }
      const bytes = fields.get(bytesField(type));
      const inline = head.where === 'inline' && Buffer.isBuffer(bytes) ? bytes : undefined;
      const file = { id, type, head, inline };
      if (head.where === 'inline' && inline?.length !== head.sizeBytes) this.#damaged(file);
      else files.push(file);
    }
    return files;
  }

  /** Leaves out large files whose chunks are gone. Asking for them is a use of them, so that they go no sooner than their record. */
  async #present(files: readonly EntryFile[]): Promise<readonly EntryFile[]> {
    const chunked = files.filter(({ inline }) => inline === undefined);
    if (chunked.length === 0) return files;
    const replies = await this.#client.pipeline(
      chunked.map(({ id, type, head }) => ['EXISTS', this.#names.value(id, type, head.version)]),
    );
    const gone = new Set(chunked.filter((_, at) => replies[at] !== 1));
    this.#lostFiles += gone.size;
    return gone.size === 0 ? files : files.filter((file) => !gone.has(file));
  }

  #renew(id: Buffer, files: readonly EntryFile[]): void {
    const values = files
      .filter(({ inline }) => inline === undefined)
      .map(({ type, head }) =>
        expiry(this.#names.value(id, type, head.version), valueTtlMs(this.#host)),
      );
    const commands = [...values, expiry(this.#names.record(id), this.#keeping.ttlMs)];
    this.#host.later(this.#client.pipeline(commands));
  }

  /** Takes the file away, if it is still the one. */
  #damaged({ id, type, head }: KeptFile): void {
    this.#damagedValues++;
    this.#log.error('cache value damaged', { id: id.toString('hex'), type, version: head.version });
    const record = this.#names.record(id);
    const giveUp = async (): Promise<void> => {
      const now = decodeHead(await this.#client.call(['HGET', record, type]));
      if (now?.version === head.version) {
        await this.#client.call(['HDEL', record, type, bytesField(type)]);
      }
    };
    this.#host.later(giveUp());
  }

  // Looking and removing.

  async #describeAll(ids: readonly Buffer[]): Promise<readonly StoredKey[]> {
    if (ids.length === 0) return [];
    const replies = await this.#client.pipeline(
      ids.flatMap((id) => {
        const record = this.#names.record(id);
        return [
          ['OBJECT', 'IDLETIME', record], // before the look, which is a use
          ['PTTL', record],
          ['HMGET', record, ...headFields],
        ];
      }),
    );
    return ids.flatMap((id, at) => {
      const key = this.#described(id, replies.slice(3 * at, 3 * at + 3));
      return key === undefined ? [] : [key];
    });
  }

  #described(id: Buffer, [idle, leftMs, reply]: readonly RespValue[]): StoredKey | undefined {
    const fields: readonly RespValue[] = Array.isArray(reply) ? reply : [];
    const sizes: Partial<Record<'a' | 'i' | 'r', number>> = {};
    let storedMs = 0;
    for (const [at, type] of headFields.entries()) {
      const head = decodeHead(fields[at]);
      if (head === undefined) continue;
      sizes[type] = head.sizeBytes;
      storedMs = Math.max(storedMs, head.storedMs);
    }
    if (storedMs === 0) return undefined;
    const ageSeconds = Math.max(0, Math.floor((this.#host.nowMs() - storedMs) / 1_000));
    const idleSeconds = Math.min(ageSeconds, this.#idleOf(idle, leftMs) ?? ageSeconds);
    return { id, sizes, ageSeconds, idleSeconds };
  }

  /** By what is left of a time to live that hits renew; else as the server counts, which knows nothing where it evicts by frequency. */
  #idleOf(idle: RespValue | undefined, leftMs: RespValue | undefined): number | undefined {
    const { ttlMs, renewOnHit } = this.#keeping;
    if (ttlMs !== undefined && renewOnHit && typeof leftMs === 'number' && leftMs >= 0) {
      return Math.max(0, Math.floor((ttlMs - leftMs) / 1_000));
    }
    return typeof idle === 'number' ? idle : undefined;
  }

  /** How many there were. Throws what the server said. */
  async #removeAll(ids: readonly Buffer[]): Promise<number> {
    const replies = await this.#client.pipeline(
      ids.flatMap((id) => {
        const record = this.#names.record(id);
        // No transaction: a full server takes none. What another plane stores in between is gone whole; the census finds its chunks.
        return [
          ['HMGET', record, ...headFields],
          ['DEL', record],
        ];
      }),
    );
    const after: RedisCommand[] = [];
    let removed = 0;
    for (const [at, id] of ids.entries()) {
      const [heads, count] = replies.slice(2 * at, 2 * at + 2);
      if (typeof count !== 'number') throw faultIn(count);
      if (count === 1) removed++;
      const before: readonly RespValue[] = Array.isArray(heads) ? heads : [];
      for (const [index, type] of headFields.entries()) {
        const head = decodeHead(before[index]);
        if (head?.where !== 'chunks') continue;
        after.push(expiry(this.#names.value(id, type, head.version), this.#keeping.graceMs));
      }
    }
    this.#host.countKeys(-removed);
    if (after.length > 0) this.#host.later(this.#client.pipeline(after));
    return removed;
  }

  #refusal(error: unknown): PutRefusal {
    const reason = refusalOf(error);
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1;
    return reason;
  }

  // Tending: what the server says of itself, how many keys there are, and what nobody refers to.

  async #begin(): Promise<void> {
    try {
      await this.#look();
      const size = await this.#client.call(['DBSIZE']);
      if (typeof size === 'number' && size <= smallKeys) await this.#census();
    } catch (error) {
      this.#log.warn('redis store opens without its server', { error });
    }
    this.#tending = this.#tend().catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#log.error('redis store is not tended', { error });
    });
  }

  async #tend(): Promise<void> {
    const { signal } = this.#closing;
    let countedMs = this.#keys > 0 ? this.#clock.monotonicMs() : Number.NEGATIVE_INFINITY;
    const { censusMs } = this.#keeping;
    for (;;) {
      await this.#clock.sleep(tendMs, signal);
      if (!this.#client.usable) continue;
      const nowMs = this.#clock.monotonicMs();
      const due =
        countedMs === Number.NEGATIVE_INFINITY || (censusMs > 0 && nowMs - countedMs >= censusMs);
      try {
        await this.#look();
        if (!due) continue;
        await this.#census();
        countedMs = nowMs;
      } catch (error) {
        signal.throwIfAborted();
        this.#log.debug('redis store not looked at', { reason: messageOf(error) });
      }
    }
  }

  async #look(): Promise<void> {
    const reply = await this.#client.call(['INFO']);
    const text = Buffer.isBuffer(reply) ? reply.toString('utf8') : '';
    const figure = (name: string): number | undefined => {
      const digits = new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1];
      return digits === undefined ? undefined : Number(digits);
    };
    this.#usedBytes = figure('used_memory') ?? 0;
    this.#usedBytesMax = figure('maxmemory') ?? 0;
    this.#evictedKeys = figure('evicted_keys') ?? 0;
  }

  /** Counts all keys, and lets go of what nobody refers to: left by a plane that died, or by an evicted record. */
  async #census(): Promise<void> {
    let keys = 0;
    for await (const found of scanAll(this.#client, this.#names.recordPattern()))
      keys += found.length;
    this.#keys = keys;
    if (this.#keeping.ttlMs !== undefined) return; // everything goes by itself
    for await (const found of scanAll(this.#client, this.#names.valuePattern)) {
      await this.#endOrphans(found);
    }
  }

  async #endOrphans(keys: readonly RespValue[]): Promise<void> {
    const values = keys.flatMap((key) => {
      const value = this.#names.valueOf(key);
      return value === undefined ? [] : [value];
    });
    if (values.length === 0) return;
    // First whether it is for good, then who refers to it: a commit makes both true at once.
    const replies = await this.#client.pipeline(
      values.flatMap(({ id, type, version }) => [
        ['PTTL', this.#names.value(id, type, version)],
        ['HGET', this.#names.record(id), type],
      ]),
    );
    const orphans = values.filter(
      ({ version }, at) =>
        isForGood(replies[2 * at]) && decodeHead(replies[2 * at + 1])?.version !== version,
    );
    this.#orphans += orphans.length;
    const { graceMs } = this.#keeping;
    if (orphans.length === 0) return;
    await this.#client.pipeline(
      orphans.map(({ id, type, version }) => expiry(this.#names.value(id, type, version), graceMs)),
    );
  }
}

/** Whether somebody meant the value to stay, by what is left of its time. */
function isForGood(leftMs: RespValue | undefined): boolean {
  return leftMs === -1 || (typeof leftMs === 'number' && leftMs > foreverMs / 2);
}

/** What a fault means for a put. */
function refusalOf(error: unknown): PutRefusal {
  if (error instanceof PlatformError) return 'store-away';
  if (!(error instanceof RespError)) return 'disk-error';
  const text = error.message;
  if (error.code === 'OOM' || text.includes('maxmemory')) return 'storage-full';
  if (error.code === 'READONLY') return 'read-only';
  if (['NOPERM', 'NOAUTH'].includes(error.code)) return 'not-permitted';
  return ['LOADING', 'BUSY', 'CLUSTERDOWN', 'MASTERDOWN', 'TRYAGAIN'].includes(error.code)
    ? 'store-away'
    : 'disk-error';
}

/** What the server said, as an error that a person can meet. */
function rethrown(error: unknown): never {
  if (!(error instanceof RespError)) throw error;
  throw new PlatformError('CACHE_REDIS_REFUSED', error.message, {
    hint: 'Look at what the server permits this user.',
  });
}

function faultIn(reply: RespValue | undefined): unknown {
  return reply instanceof RespError ? reply : new Error('the server answered nothing');
}

function idAt(bytes: Uint8Array, at: number): Buffer {
  assert(bytes.length >= at + 32, 'an id has 32 bytes');
  return Buffer.from(bytes.subarray(at, at + 32));
}
