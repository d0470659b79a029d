// The data of a pretended redis-server and how replicas come by them: a log of writes by offset, taken over from a master a
// little later, or whole when the two have no common history.

import type { Random } from '@tweendeck/std';
import { slotOfKey } from './slot-set.ts';

interface Change {
  /** Of the log behind it. */
  readonly offset: number;
  readonly key: string;
  /** Undefined: the key went. */
  readonly value: string | undefined;
}

/** From whom a replica takes its data. */
interface Source {
  readonly host: string;
  state: 'away' | 'syncing' | 'up';
  /** Of the process that it is linked to. */
  data: SimData | undefined;
  heardMs: number;
}

export interface DataGround {
  readonly random: Random;
  /** 7.0 waits so long for more replicas before it sends everything (`repl-diskless-sync-delay`; 5 s unless said otherwise). */
  readonly syncDelayMs: number;
  nowMs(): number;
  after(delayMs: number, run: () => void): void;
  /** The data of the process at an address; `refused`: nobody listens there; undefined: out of reach. */
  dataAt(host: string): SimData | 'refused' | undefined;
  /** Before its data are another one's. */
  replaced(by: SimData): void;
}

const goneMs = 60_000;
const changesMax = 5_000;

export class SimData {
  readonly #ground: DataGround;
  #values: Map<string, string>;
  #slots = new Map<number, Set<string>>();
  #changes: Change[] = [];
  /** Offset before the first of the changes. */
  #since = 0;
  offset = 0;
  history: string;
  /** Of the master it followed before it led, and up to where. */
  #before: { readonly history: string; readonly offset: number } | undefined;
  source: Source | undefined;
  isEnded = false;
  readonly #pullers = new Set<SimData>();
  #isPulling = false;
  /** A replica's own lag behind a healthy link, in milliseconds at most. */
  lagMs = 2;

  constructor(ground: DataGround, values: ReadonlyMap<string, string>) {
    this.#ground = ground;
    this.#values = new Map(values);
    this.history = this.#newHistory();
    this.#index();
  }

  get values(): ReadonlyMap<string, string> {
    return this.#values;
  }

  get replicas(): number {
    return this.#pullers.size;
  }

  keysIn(slot: number): readonly string[] {
    return [...(this.#slots.get(slot) ?? [])];
  }

  slotsWithKeys(): readonly number[] {
    return [...this.#slots.keys()];
  }

  countKeys(slot: number): number {
    return this.#slots.get(slot)?.size ?? 0;
  }

  /** A write of a master, or the end of a key. */
  write(key: string, value: string | undefined): void {
    this.offset += 50;
    this.#apply({ offset: this.offset, key, value });
    for (const replica of this.#pullers) replica.#pullSoon();
  }

  // Following

  follow(host: string | undefined): void {
    if (this.source?.host === host && host !== undefined) return;
    if (this.source) this.#lose(this.source);
    if (host === undefined) {
      if (!this.source) return;
      // Who followed the same master goes on from here without a whole copy.
      this.#before = { history: this.history, offset: this.offset };
      this.history = this.#newHistory();
      this.source = undefined;
      return;
    }
    this.source = { host, state: 'away', data: undefined, heardMs: this.#ground.nowMs() };
    this.cron();
  }

  /** Once a second. */
  cron(): void {
    const { source } = this;
    if (!source) return;
    const now = this.#ground.nowMs();
    const found = this.#ground.dataAt(source.host);
    if (source.data) {
      const isSame = found === source.data;
      if (isSame) source.heardMs = now;
      const isCut = found === 'refused' || (found instanceof SimData && !isSame);
      if (isCut || source.data.isEnded || now - source.heardMs > goneMs) this.#lose(source);
      else if (source.state === 'up') this.#pullSoon();
    }
    if (!source.data && found instanceof SimData) this.#link(source, found);
  }

  #lose(source: Source): void {
    if (source.data) source.data.#pullers.delete(this);
    source.data = undefined;
    source.state = 'away';
  }

  #link(source: Source, data: SimData): void {
    // Who has no link to its own master gives nothing on.
    if (data === this || data.isEnded || (data.source && data.source.state !== 'up')) return;
    source.data = data;
    source.heardMs = this.#ground.nowMs();
    if (data.#hasAllSince(this.history, this.offset)) {
      this.history = data.history;
      this.#up(source, data);
      return;
    }
    source.state = 'syncing';
    const isStill = (): boolean => this.source === source && source.data === data;
    this.#ground.after(this.#ground.syncDelayMs + 20 + this.#ground.random.integer(500), () => {
      if (!isStill()) return;
      if (data.isEnded || this.#ground.dataAt(source.host) !== data) this.#lose(source);
      else this.#takeAll(source, data);
    });
  }

  #hasAllSince(history: string, offset: number): boolean {
    const isOwn = history === this.history && offset <= this.offset;
    const isBefore = history === this.#before?.history && offset <= this.#before.offset;
    return (isOwn || isBefore) && offset >= this.#since;
  }

  #takeAll(source: Source, data: SimData): void {
    this.#ground.replaced(data);
    this.#values = new Map(data.#values);
    this.#index();
    this.#changes = [];
    this.#since = data.offset;
    this.offset = data.offset;
    this.history = data.history;
    this.#before = data.#before;
    for (const replica of this.#pullers) if (replica.source) replica.#lose(replica.source);
    this.#up(source, data);
  }

  #up(source: Source, data: SimData): void {
    source.state = 'up';
    data.#pullers.add(this);
    this.#pullSoon();
  }

  #pullSoon(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    const delayMs = 1 + this.#ground.random.integer(this.lagMs);
    this.#ground.after(delayMs, () => {
      this.#isPulling = false;
      const { source } = this;
      if (this.isEnded || source?.state !== 'up' || !source.data || source.data.isEnded) return;
      if (this.#ground.dataAt(source.host) !== source.data) return; // later, or never
      source.heardMs = this.#ground.nowMs();
      this.#pull(source.data);
    });
  }

  #pull(from: SimData): void {
    let at = from.#changes.length;
    while (at > 0 && (from.#changes[at - 1]?.offset ?? 0) > this.offset) at--;
    for (const change of from.#changes.slice(at)) this.#apply(change);
    this.offset = Math.max(this.offset, from.offset);
    for (const replica of this.#pullers) replica.#pullSoon();
  }

  #apply(change: Change): void {
    const { key, value, offset } = change;
    this.offset = offset;
    this.#changes.push(change);
    if (this.#changes.length > changesMax) {
      this.#changes = this.#changes.slice(changesMax / 2);
      this.#since = (this.#changes[0]?.offset ?? this.offset) - 50;
    }
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
    if (value !== undefined) {
      this.#file(key);
      return;
    }
    const slot = slotOfKey(key);
    const keys = this.#slots.get(slot);
    if (keys?.delete(key) && keys.size === 0) this.#slots.delete(slot);
  }

  #file(key: string): void {
    const slot = slotOfKey(key);
    const keys = this.#slots.get(slot);
    if (keys) keys.add(key);
    else this.#slots.set(slot, new Set([key]));
  }

  #index(): void {
    this.#slots = new Map();
    for (const key of this.#values.keys()) this.#file(key);
  }

  #newHistory(): string {
    return Buffer.from(this.#ground.random.bytes(20)).toString('hex');
  }
}
