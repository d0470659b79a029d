// The current state of all keys, and the decision what a commit does to it.

import { StoreConflict } from './conflict.ts';
import { compareKeys, SortedKeys } from './key-order.ts';
import type { Change, Item, Mutation } from './store.ts';

export interface PageOptions {
  readonly after?: string | undefined;
  readonly lengthMax?: number | undefined;
}

export interface Page {
  readonly items: readonly Item[];
  readonly remaining: number;
}

/** What every key holds now. */
export class Table {
  readonly #items = new Map<string, Item>();
  readonly #keys = new SortedKeys();

  /** Takes the items of a store that was just opened; their keys are unique. */
  load(items: readonly Item[]): void {
    for (const item of items) this.#items.set(item.key, item);
    this.#keys.load([...this.#items.keys()]);
  }

  get(key: string): Item | undefined {
    return this.#items.get(key);
  }

  apply(changes: readonly Change[]): void {
    for (const { key, revision, value, previous } of changes) {
      if (value === undefined) {
        this.#items.delete(key);
        this.#keys.delete(key);
      } else {
        this.#items.set(key, { key, value, revision });
        if (previous === undefined) this.#keys.add(key);
      }
    }
  }

  list(prefix: string, options: PageOptions): Page {
    const { keys, remaining } = this.#keys.range(prefix, options);
    return { items: keys.map((key) => this.#items.get(key) as Item), remaining }; // keys mirrors items
  }

  /** The list as it was when the keys in `past` held what it says; every other key holds what it held then. */
  listPast(
    prefix: string,
    options: PageOptions,
    past: ReadonlyMap<string, Item | undefined>,
  ): Page {
    const { after, lengthMax = Number.POSITIVE_INFINITY } = options;
    const unchanged = this.list(prefix, { after }).items.filter((item) => !past.has(item.key));
    const restored = [...past.values()].filter(
      (item) => item !== undefined && (after === undefined || compareKeys(item.key, after) > 0),
    ) as Item[]; // undefined was just filtered out
    const items = [...unchanged, ...restored].sort((a, b) => compareKeys(a.key, b.key));
    const page = items.slice(0, lengthMax);
    return { items: page, remaining: items.length - page.length };
  }
}

/** Commits that go to disk together. Each sees the effects of those before it, and fails alone. */
export class Batch {
  readonly #table: Table;
  readonly #overlay = new Map<string, Item | undefined>();
  readonly changes: Change[] = [];
  #revision: number;

  constructor(table: Table, revision: number) {
    this.#table = table;
    this.#revision = revision;
  }

  /** Adds a commit and gives the revisions of its mutations; throws StoreConflict and adds nothing. */
  add(mutations: readonly Mutation[]): readonly number[] {
    const own = new Map<string, Item | undefined>();
    const changes: Change[] = [];
    const revisions: number[] = [];
    for (const mutation of mutations) {
      const { key, expectedRevision } = mutation;
      const previous = own.has(key) ? own.get(key) : this.#current(key);
      const actual = previous?.revision ?? 0;
      if (expectedRevision !== undefined && expectedRevision !== actual) {
        throw new StoreConflict(key, { expected: expectedRevision, actual });
      }
      const value = mutation.operation === 'put' ? mutation.value : undefined;
      if (value === undefined && previous === undefined) {
        revisions.push(0);
        continue;
      }
      const revision = this.#revision + changes.length + 1;
      changes.push({ key, revision, value, previous });
      own.set(key, value && { key, value, revision });
      revisions.push(revision);
    }
    for (const [key, item] of own) this.#overlay.set(key, item);
    for (const change of changes) this.changes.push(change);
    this.#revision += changes.length;
    return revisions;
  }

  #current(key: string): Item | undefined {
    return this.#overlay.has(key) ? this.#overlay.get(key) : this.#table.get(key);
  }
}
