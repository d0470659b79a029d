// Random histories: the stores against a model that keeps every state it ever was in.

import { deepEqual, equal, rejects } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { isPlatformError, silentLogger } from '@tweendeck/std';
import fc from 'fast-check';

import { openMemoryStore } from './memory-store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Change, Mutation, Store } from './store.ts';

type Expectation = 'none' | 'right' | 'wrong';
type Step =
  | { readonly kind: 'commit'; readonly parts: readonly Part[] }
  | { readonly kind: 'compact'; readonly at: number }
  | { readonly kind: 'list'; readonly at: number; readonly prefix: string; readonly after: string }
  | { readonly kind: 'watch'; readonly at: number; readonly prefix: string }
  | { readonly kind: 'reopen' };
interface Part {
  readonly key: string;
  readonly text: string | undefined;
  readonly expectation: Expectation;
}

const key = fc.constantFrom('a', 'a/1', 'a/2', 'a/😀', 'a/\uffff', 'b');
const prefix = fc.constantFrom('', 'a', 'a/', 'b', 'c');
/** A point between the beginning and now. */
const at = fc.double({ min: 0, max: 1, noNaN: true });
const part: fc.Arbitrary<Part> = fc.record({
  key,
  text: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
  expectation: fc.constantFrom<Expectation>('none', 'none', 'right', 'right', 'wrong'),
});
const commit: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('commit' as const),
  parts: fc.array(part, { maxLength: 4 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: commit },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), at }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('list' as const), at, prefix, after: key }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('watch' as const), at, prefix }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
);
const history = fc.array(step, { minLength: 5, maxLength: 60 });

test('a store in memory agrees with the model on any history', async () => {
  const check = async (steps: readonly Step[]): Promise<void> => {
    await using store = openMemoryStore();
    const model = new Model();
    for (const step of steps) if (step.kind !== 'reopen') await model.check(store, step);
  };
  await fc.assert(fc.asyncProperty(history, check), { numRuns: 150 });
});

test('a store in a file agrees with the model on any history, closed and opened in between', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'store-model-'));
  context.after(() => rmSync(directory, { recursive: true }));
  let count = 0;
  const check = async (steps: readonly Step[]): Promise<void> => {
    const options = {
      path: join(directory, `${count++}.db`),
      log: silentLogger,
      compileCacheDirectory: join(directory, 'compiled'),
    };
    let store = await openSqliteStore(options, context.signal);
    try {
      const model = new Model();
      for (const step of steps) {
        if (step.kind === 'reopen') {
          await store[Symbol.asyncDispose]();
          store = await openSqliteStore(options, context.signal);
        } else await model.check(store, step);
      }
    } finally {
      await store[Symbol.asyncDispose]();
    }
  };
  await fc.assert(fc.asyncProperty(history, check), { numRuns: 8 });
});

interface Held {
  readonly text: string;
  readonly revision: number;
}
type State = ReadonlyMap<string, Held>;

/** All states, by revision; nothing is ever forgotten but the right to ask. */
class Model {
  readonly #states: State[] = [new Map()];
  #compacted = 0;

  get #revision(): number {
    return this.#states.length - 1;
  }

  async check(store: Store, step: Exclude<Step, { kind: 'reopen' }>): Promise<void> {
    if (step.kind === 'commit') await this.#commit(store, step.parts);
    else if (step.kind === 'compact') await this.#compact(store, this.#revisionAt(step.at));
    else if (step.kind === 'list') await this.#list(store, step);
    else await this.#watch(store, step.prefix, this.#revisionAt(step.at));
    equal(store.revision, this.#revision);
    equal(store.compactedRevision, this.#compacted);
  }

  #revisionAt(at: number): number {
    return Math.round(at * this.#revision);
  }

  async #commit(store: Store, parts: readonly Part[]): Promise<void> {
    const states: State[] = [];
    const revisions: number[] = [];
    let conflict = false;
    const mutations = parts.map((part): Mutation => {
      const state = states.at(-1) ?? this.#states.at(-1) ?? new Map<string, Held>();
      const actual = state.get(part.key)?.revision ?? 0;
      conflict ||= part.expectation === 'wrong';
      const revision = this.#revision + states.length + 1;
      const next = new Map(state);
      const changed = part.text !== undefined || next.delete(part.key);
      if (part.text !== undefined) next.set(part.key, { text: part.text, revision });
      revisions.push(changed ? revision : 0);
      if (changed) states.push(next);
      return mutationOf(part, actual);
    });
    if (conflict) {
      await rejects(store.commit(mutations), (error) => isPlatformError(error, 'STORE_CONFLICT'));
      return;
    }
    deepEqual(await store.commit(mutations), revisions);
    this.#states.push(...states);
  }

  async #compact(store: Store, revision: number): Promise<void> {
    await store.compact(revision);
    this.#compacted = Math.max(this.#compacted, revision);
  }

  async #list(
    store: Store,
    { at, prefix, after }: { readonly at: number; readonly prefix: string; readonly after: string },
  ): Promise<void> {
    const revision = this.#revisionAt(at);
    const listing = store.list(prefix, { revision, after, lengthMax: 2 });
    if (revision < this.#compacted) {
      await rejects(listing, (error) => isPlatformError(error, 'STORE_COMPACTED'));
      return;
    }
    const all = [...(this.#states[revision] ?? [])]
      .filter(([key]) => key.startsWith(prefix) && compare(key, after) > 0)
      .sort(([a], [b]) => compare(a, b))
      .map(([key, held]) => ({ key, ...held }));
    const { items, remaining } = await listing;
    deepEqual(
      items.map(({ key, value, revision }) => ({ key, text: textOf(value), revision })),
      all.slice(0, 2),
    );
    equal(remaining, Math.max(0, all.length - 2));
  }

  async #watch(store: Store, prefix: string, after: number): Promise<void> {
    const controller = new AbortController();
    const want = this.#changes(prefix, after);
    const seen: Change[] = [];
    const watching = (async () => {
      if (want.length === 0 && after >= this.#compacted) return;
      for await (const batch of store.watch(prefix, after, controller.signal)) {
        seen.push(...batch);
        if (seen.length >= want.length) break;
      }
    })();
    if (after < this.#compacted) {
      await rejects(watching, (error) => isPlatformError(error, 'STORE_COMPACTED'));
      return;
    }
    await watching;
    deepEqual(seen.map(toldOf), want);
  }

  #changes(prefix: string, after: number): unknown[] {
    const changes: unknown[] = [];
    for (let revision = after + 1; revision <= this.#revision; revision++) {
      const [before, now] = [this.#states[revision - 1], this.#states[revision]];
      const keys = [...new Set([...(before?.keys() ?? []), ...(now?.keys() ?? [])])];
      const key = keys.find((key) => before?.get(key) !== now?.get(key)) ?? '';
      if (!key.startsWith(prefix)) continue;
      changes.push({ key, revision, text: now?.get(key)?.text, previous: before?.get(key) });
    }
    return changes;
  }
}

function mutationOf({ key, text, expectation }: Part, actual: number): Mutation {
  const expected = { none: undefined, right: actual, wrong: actual + 1 }[expectation];
  const expectedRevision = expected === undefined ? {} : { expectedRevision: expected };
  if (text === undefined) return { operation: 'delete', key, ...expectedRevision };
  return { operation: 'put', key, value: Buffer.from(text), ...expectedRevision };
}

function toldOf({ key, revision, value, previous }: Change): unknown {
  const before = previous && { text: textOf(previous.value), revision: previous.revision };
  return { key, revision, text: value && textOf(value), previous: before };
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString();
}

function compare(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
