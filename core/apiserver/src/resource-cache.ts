// All objects of one resource in key order, what lately happened to them, and who wants to be told.

import type { Change } from '@tweendeck/store';
import { StoredObject } from './stored-object.ts';

/** One change. At least one of `current` and `previous` is there. */
export interface WatchRecord {
  readonly revision: number;
  readonly current: StoredObject | undefined;
  readonly previous: StoredObject | undefined;
  /** Encoded events, shared by all watchers that want the same form. */
  readonly encoded: Map<string, Buffer>;
}

export interface HistoryLimits {
  readonly lengthMax: number;
  readonly bytesMax: number;
}

/** Changes come in by `apply` in the order of their revisions; nothing else changes it. */
export class ResourceCache {
  readonly #limits: HistoryLimits;
  readonly #objects = new Map<string, StoredObject>();
  readonly #watchers = new Set<(record: WatchRecord) => void>();
  #keys: string[] = [];
  #history: WatchRecord[] = [];
  #historyBytes = 0;
  readonly #start: number;
  #forgotten: number;
  #changed = 0;

  /** `revision` is the one before which nothing is known of this resource's past. */
  constructor(revision: number, limits: HistoryLimits) {
    this.#start = revision;
    this.#forgotten = revision;
    this.#limits = limits;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Changes up to this revision cannot be told any more. */
  get forgottenRevision(): number {
    return this.#forgotten;
  }

  /** The revision this cache started from. */
  get startRevision(): number {
    return this.#start;
  }

  /** The last revision that changed anything here; 0 when none has since the start. */
  get changedRevision(): number {
    return this.#changed;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Adds what a first list found; keys must come in order. */
  load(key: string, value: Uint8Array, revision: number): void {
    this.#objects.set(key, new StoredObject(key, value, revision));
    this.#keys.push(key);
  }

  apply(key: string, change: Change): void {
    const previous = this.#objects.get(key);
    if (change.value === undefined) {
      if (!previous) return;
      this.#objects.delete(key);
      this.#keys.splice(this.#position(key), 1);
    } else {
      this.#objects.set(key, new StoredObject(key, change.value, change.revision));
      if (!previous) this.#keys.splice(this.#position(key), 0, key);
    }
    this.#changed = change.revision;
    const current = change.value === undefined ? undefined : this.#objects.get(key);
    this.#record({ revision: change.revision, current, previous, encoded: new Map() });
  }

  /** Objects whose key starts with `prefix` and comes after `after`, in key order. */
  *range(prefix: string, after = ''): Generator<StoredObject, void, undefined> {
    const keys = this.#keys;
    let position = this.#position(after > prefix ? `${after}\0` : prefix);
    for (; position < keys.length; position++) {
      const key = keys[position];
      if (key === undefined || !key.startsWith(prefix)) return;
      const object = this.#objects.get(key);
      if (object) yield object;
    }
  }

  /** How many objects {@link range} would give. */
  count(prefix: string, after = ''): number {
    const start = this.#position(after > prefix ? `${after}\0` : prefix);
    const end = prefix === '' ? this.#keys.length : this.#position(`${prefix}\uffff`);
    return Math.max(0, end - start);
  }

  /** Changes above a revision; undefined when they are not all known any more. */
  since(revision: number): readonly WatchRecord[] | undefined {
    if (revision < this.#forgotten) return undefined;
    let start = this.#history.length;
    while (start > 0 && (this.#history[start - 1]?.revision ?? 0) > revision) start--;
    return this.#history.slice(start);
  }

  /** Tells of every change from now on, in order, as it is applied. */
  subscribe(watcher: (record: WatchRecord) => void): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Drops history up to and including a revision. */
  forget(revision: number): void {
    let count = 0;
    while ((this.#history[count]?.revision ?? Infinity) <= revision) count++;
    this.#drop(count);
    this.#forgotten = Math.max(this.#forgotten, revision);
  }

  #record(record: WatchRecord): void {
    this.#history.push(record);
    this.#historyBytes += record.current?.byteLength ?? 0;
    const { lengthMax, bytesMax } = this.#limits;
    if (this.#history.length > lengthMax || this.#historyBytes > bytesMax) {
      this.#drop(Math.ceil(this.#history.length / 4)); // a quarter at once, so that it happens seldom
    }
    for (const watcher of this.#watchers) watcher(record);
  }

  #drop(count: number): void {
    if (count === 0) return;
    const dropped = this.#history.slice(0, count);
    this.#history = this.#history.slice(count);
    for (const { current, revision } of dropped) {
      this.#historyBytes -= current?.byteLength ?? 0;
      this.#forgotten = Math.max(this.#forgotten, revision);
    }
  }

  /** Where a key is, or would be. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
