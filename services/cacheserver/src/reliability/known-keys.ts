// What is known of keys, compact in memory and durable in a journal; the least telling is forgotten first.

import type { CacheDisk } from '../dataplane/cache-disk.ts';
import { CommitSync } from '../dataplane/commit-sync.ts';
import { RecordJournal } from '../journal/record-journal.ts';
import type { KnownKey } from './decide.ts';

const recordBytes = 64;
/** Bytes of a version's digest that are kept. */
export const versionBytes = 20;
const states = ['free', 'pending', 'stable', 'unstable'] as const;
/** A journal is written anew when it is so many records and twice what is known. */
const rewriteRecordsMin = 4_096;
/** Keys looked at for one that may be forgotten. */
const victimsMax = 64;

/** A key with what is known of it. */
export interface KnownKeyOf extends KnownKey {
  /** 32 bytes. */
  readonly id: Buffer;
}

/**
 * At most `keysMax` keys, about 200 bytes of memory each. Beyond that stable keys go first, since the store itself
 * tells that they are there; a pending one that goes has to be uploaded anew.
 */
export class KnownKeys implements Disposable {
  readonly #keysMax: number;
  readonly #journal: RecordJournal;
  readonly #places = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #counts = { pending: 0, stable: 0, unstable: 0 };
  readonly #scratch = Buffer.alloc(recordBytes);
  readonly #sync = new CommitSync();
  #records: Buffer = Buffer.alloc(recordBytes * 1_024);
  #used = 0;
  #hand = 0;
  #forgotten = 0;
  #lostRecords = 0;

  /** The disk is a directory of its own, locked. Throws what the disk throws. */
  constructor(disk: CacheDisk, keysMax: number) {
    this.#keysMax = keysMax;
    const options = { disk, kind: 'cache reliability 1', recordBytes };
    this.#journal = RecordJournal.open(options, (source, at) => this.#take(source, at));
    this.#tidy();
  }

  get(id: Buffer): KnownKey | undefined {
    const place = this.#places.get(keyOf(id));
    return place === undefined ? undefined : this.#read(place * recordBytes);
  }

  /** Notes what is known; undefined: nothing any more. */
  set(id: Buffer, known: KnownKey | undefined): void {
    const record = this.#scratch;
    if (known === undefined && !this.#places.has(keyOf(id))) return;
    encode(record, id, known);
    if (!this.#journal.append(record, 0)) this.#lostRecords++;
    this.#take(record, 0);
    this.#tidy();
  }

  /** Waits until all that was noted would survive a loss of power; what cannot be synced counts as lost. */
  async sync(): Promise<void> {
    if ((await this.#sync.sync(this.#journal.files)) !== undefined) this.#lostRecords++;
  }

  /** Forgets everything; resolves with how many keys that were. */
  clear(): number {
    const ids = [...this.all()].map(({ id }) => id);
    for (const id of ids) this.set(id, undefined);
    return ids.length;
  }

  *all(): Generator<KnownKeyOf> {
    for (let place = 0; place < this.#used; place++) {
      const at = place * recordBytes;
      if (this.#records[at + 56] === 0) continue;
      yield { id: Buffer.from(this.#records.subarray(at, at + 32)), ...this.#read(at) };
    }
  }

  stats(): KnownKeysStats {
    return {
      ...this.#counts,
      keysMax: this.#keysMax,
      forgotten: this.#forgotten,
      journalBytes: this.#journal.sizeBytes,
      lostRecords: this.#lostRecords,
    };
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #take(source: Buffer, at: number): void {
    const key = source.toString('latin1', at, at + 32);
    const state = source[at + 56] ?? 0;
    const known = this.#places.get(key);
    if (known !== undefined) this.#count(known, -1);
    if (state === 0) {
      if (known !== undefined) this.#drop(key, known);
      return;
    }
    const place = known ?? this.#place(key);
    source.copy(this.#records, place * recordBytes, at, at + recordBytes);
    this.#count(place, 1);
  }

  #place(key: string): number {
    if (this.#places.size >= this.#keysMax) this.#forgetOne();
    const place = this.#free.pop() ?? this.#used++;
    if (this.#used * recordBytes > this.#records.length) {
      const grown = Buffer.alloc(this.#records.length * 2);
      this.#records.copy(grown);
      this.#records = grown;
    }
    this.#places.set(key, place);
    return place;
  }

  #forgetOne(): void {
    let victim = -1;
    let rank = Number.POSITIVE_INFINITY;
    for (let looked = 0; looked < victimsMax && rank > 0; looked++) {
      this.#hand = (this.#hand + 1) % Math.max(this.#used, 1);
      const state = this.#records[this.#hand * recordBytes + 56] ?? 0;
      const own = state === 2 ? 0 : state;
      if (state === 0 || own >= rank) continue;
      victim = this.#hand;
      rank = own;
    }
    if (victim < 0) return;
    const at = victim * recordBytes;
    this.#forgotten++;
    this.#count(victim, -1);
    this.#drop(this.#records.toString('latin1', at, at + 32), victim);
  }

  #drop(key: string, place: number): void {
    this.#records[place * recordBytes + 56] = 0;
    this.#places.delete(key);
    this.#free.push(place);
  }

  #count(place: number, by: number): void {
    const state = states[this.#records[place * recordBytes + 56] ?? 0];
    if (state !== undefined && state !== 'free') this.#counts[state] += by;
  }

  #read(at: number): KnownKey {
    const records = this.#records;
    const state = states[records[at + 56] ?? 0];
    return {
      state: state === undefined || state === 'free' ? 'pending' : state,
      version: Buffer.from(records.subarray(at + 32, at + 32 + versionBytes)),
      client: records.readUInt32LE(at + 52),
      count: records[at + 57] ?? 0,
      lastSeconds: records.readUInt32LE(at + 60),
    };
  }

  #tidy(): void {
    const { records, rewriting } = this.#journal;
    if (rewriting || records < rewriteRecordsMin || records < this.#places.size * 2) return;
    void this.#journal.rewrite(this.#snapshot());
  }

  *#snapshot(): Generator<{ readonly source: Buffer; readonly at: number }> {
    for (let place = 0; place < this.#used; place++) {
      const at = place * recordBytes;
      if (this.#records[at + 56] !== 0) yield { source: this.#records, at };
    }
  }
}

export interface KnownKeysStats {
  readonly pending: number;
  readonly stable: number;
  readonly unstable: number;
  readonly keysMax: number;
  /** Keys that had to go for others. */
  readonly forgotten: number;
  readonly journalBytes: number;
  /** Changes that the disk did not take: a restart does not know them. */
  readonly lostRecords: number;
}

/** Layout, little endian: id 32, version 20, client u32, state u8, count u8, 2 free, last upload u32. */
function encode(target: Buffer, id: Buffer, known: KnownKey | undefined): void {
  target.fill(0);
  id.copy(target, 0, 0, 32);
  if (known === undefined) return;
  known.version.copy(target, 32, 0, versionBytes);
  target.writeUInt32LE(known.client, 52);
  target[56] = states.indexOf(known.state);
  target[57] = known.count;
  target.writeUInt32LE(known.lastSeconds, 60);
}

function keyOf(id: Buffer): string {
  return id.toString('latin1', 0, 32);
}
