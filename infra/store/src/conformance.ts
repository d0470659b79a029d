// What every store has to do, as named cases; a test file registers them for an implementation.

import { deepEqual, equal, ok, rejects } from 'node:assert/strict';

import { isPlatformError } from '@tweendeck/std';

import { StoreConflict } from './conflict.ts';
import { keyBytesMax, mutationsMax, valueBytesMax } from './limits.ts';
import type { Change, Item, Mutation, Store } from './store.ts';

/** Opens a new, empty store; `watchLengthMax` is how many changes a watcher may be behind. The case closes it. */
export type OpenStore = (options: { readonly watchLengthMax?: number }) => Promise<Store>;

export interface StoreCase {
  /** Completes the sentence "a store ...". */
  readonly name: string;
  /** Rejects when the implementation does something else. */
  readonly run: (open: OpenStore) => Promise<void>;
}

const commits: readonly StoreCase[] = [
  store('is empty at revision 0', async (store) => {
    equal(store.revision, 0);
    equal(store.compactedRevision, 0);
    equal(await store.get('a'), undefined);
    deepEqual(await store.list(''), { items: [], revision: 0, remaining: 0 });
  }),
  store('gives each mutation the next revision', async (store) => {
    deepEqual(await store.commit([put('a', '1')]), [1]);
    deepEqual(await store.commit([put('b', '1'), put('a', '2'), remove('b')]), [2, 3, 4]);
    equal(store.revision, 4);
    deepEqual(shown(await store.get('a')), 'a@3=2');
    equal(await store.get('b'), undefined);
  }),
  store('takes an empty commit as nothing', async (store) => {
    deepEqual(await store.commit([]), []);
    equal(store.revision, 0);
  }),
  store('deletes what is there, and takes no revision for what is not', async (store) => {
    await store.commit([put('a', '1')]);
    deepEqual(await store.commit([remove('none'), remove('a'), remove('a')]), [0, 2, 0]);
    deepEqual(await store.commit([remove('a', 0)]), [0]);
    equal(store.revision, 2);
    deepEqual(await store.commit([put('a', '2', 0)]), [3]);
  }),
  store('writes when the expected revision is right', async (store) => {
    deepEqual(await store.commit([put('a', '1', 0)]), [1]);
    deepEqual(await store.commit([put('a', '2', 1)]), [2]);
    deepEqual(await store.commit([remove('a', 2)]), [3]);
  }),
  store('refuses the whole commit when one expectation is wrong', async (store) => {
    await store.commit([put('a', '1'), put('b', '1')]);
    await rejects(
      store.commit([put('c', '1'), remove('a'), put('b', '2', 1)]),
      conflict('b', { expected: 1, actual: 2 }),
    );
    await rejects(store.commit([put('a', '2', 0)]), conflict('a', { expected: 0, actual: 1 }));
    await rejects(store.commit([remove('none', 9)]), conflict('none', { expected: 9, actual: 0 }));
    deepEqual(await listed(store, ''), ['a@1=1', 'b@2=1']);
    equal(store.revision, 2);
  }),
  store('checks an expectation against earlier mutations of the same commit', async (store) => {
    deepEqual(await store.commit([put('a', '1', 0), remove('a'), put('a', '2', 0)]), [1, 2, 3]);
    await rejects(
      store.commit([remove('a'), put('a', '3', 3)]),
      conflict('a', { expected: 3, actual: 0 }),
    );
  }),
  store('lets one of many concurrent creations of a key win', async (store) => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => store.commit([put('a', String(index), 0)])),
    );
    equal(attempts.filter((attempt) => attempt.status === 'fulfilled').length, 1);
    equal(store.revision, 1);
  }),
  store('keeps values as they are, empty and large ones too', async (store) => {
    const large = new Uint8Array(10 * 1_024 * 1_024).map((_, index) => index % 251);
    await store.commit([putBytes('empty', new Uint8Array()), putBytes('large', large)]);
    await store.commit([putBytes('view', large.subarray(250, 256))]);
    deepEqual((await store.get('empty'))?.value.byteLength, 0);
    ok(Buffer.from(large).equals((await store.get('large'))?.value ?? new Uint8Array()));
    const [, fromHistory] = await changes(store, { after: 0, count: 3 });
    ok(Buffer.from(large).equals(fromHistory?.value ?? new Uint8Array()));
    const view = await changes(store, { after: 2, count: 1 });
    deepEqual([...(view[0]?.value ?? [])], [250, 0, 1, 2, 3, 4]);
  }),
  store('refuses keys, values and commits beyond its limits', async (store) => {
    const longest = 'é'.repeat(keyBytesMax / 2);
    deepEqual(await store.commit([put(longest, '1')]), [1]);
    for (const key of ['', `${longest}a`, 'x'.repeat(keyBytesMax + 1), '\ud83d', 'a\0b']) {
      await rejects(store.commit([put('a', '1'), put(key, '1')]), coded('STORE_KEY_INVALID'));
      await rejects(store.commit([remove(key)]), coded('STORE_KEY_INVALID'));
    }
    const tooLarge = new Uint8Array(valueBytesMax + 1);
    await rejects(store.commit([putBytes('a', tooLarge)]), coded('STORE_VALUE_TOO_LARGE'));
    const tooMany = Array.from({ length: mutationsMax + 1 }, () => put('a', '1'));
    await rejects(store.commit(tooMany), coded('STORE_COMMIT_TOO_LARGE'));
    equal(store.revision, 1);
  }),
];

const lists: readonly StoreCase[] = [
  store('orders keys by their UTF-8 bytes', async (store) => {
    const keys = [
      'b',
      'a',
      'a/b',
      'a-b',
      'B',
      'é',
      '\u{e000}',
      '\u{ffff}',
      '😀',
      '\u{10ffff}',
      '中',
    ];
    await store.commit(keys.map((key) => put(key, '1')));
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    deepEqual(keysOf((await store.list('')).items), sorted);
    for (const after of sorted) {
      const rest = sorted.slice(sorted.indexOf(after) + 1);
      deepEqual(keysOf((await store.list('', { after })).items), rest);
    }
  }),
  store('lists exactly the keys that start with the prefix', async (store) => {
    const keys = ['a', 'a/', 'a/1', 'a/1/x', 'a/2', 'a0', 'a\u{10ffff}', 'a\u{10ffff}z', 'b', 'ab'];
    await store.commit(keys.map((key) => put(key, '1')));
    for (const prefix of ['', 'a', 'a/', 'a/1', 'a\u{10ffff}', 'b', 'b/', 'c', '😀']) {
      const want = keys.filter((key) => key.startsWith(prefix)).sort();
      deepEqual(keysOf((await store.list(prefix)).items).toSorted(), want, `prefix ${prefix}`);
    }
  }),
  store('pages with after, and counts what remains', async (store) => {
    const keys = Array.from({ length: 2_000 }, (_, index) => `a/${String(index).padStart(4, '0')}`);
    await store.commit(keys.toReversed().map((key) => put(key, '1')));
    await store.commit([put('Z', '1'), put('a', '1'), put('b', '1')]);
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await store.list('a/', { lengthMax: 333, ...(after && { after }) });
      seen.push(...keysOf(page.items));
      equal(page.remaining, keys.length - seen.length);
      if (page.remaining === 0) break;
      after = page.items.at(-1)?.key;
    }
    deepEqual(seen, keys);
    equal((await store.list('a/', { after: 'a/1999x' })).items.length, 0);
    equal((await store.list('a/', { after: 'A', lengthMax: 0 })).remaining, 2_000);
    equal((await store.list('a/', { after: 'b' })).items.length, 0);
  }),
  store('lists the past under later writes and deletes', async (store) => {
    await store.commit([put('a/1', '1'), put('a/2', '1'), put('b', '1')]);
    await store.commit([remove('a/1'), put('a/2', '2'), put('a/3', '1'), put('a/2', '3')]);
    await store.commit([put('a/1', '2'), remove('b')]);
    deepEqual(await listed(store, 'a/'), ['a/1@8=2', 'a/2@7=3', 'a/3@6=1']);
    deepEqual(await listed(store, 'a/', { revision: 7 }), ['a/2@7=3', 'a/3@6=1']);
    deepEqual(await listed(store, 'a/', { revision: 4 }), ['a/2@2=1']);
    deepEqual(await listed(store, '', { revision: 3 }), ['a/1@1=1', 'a/2@2=1', 'b@3=1']);
    deepEqual(await listed(store, '', { revision: 0 }), []);
    const page = await store.list('', { revision: 3, after: 'a/1', lengthMax: 1 });
    deepEqual([page.items.map(shown), page.remaining, page.revision], [['a/2@2=1'], 1, 3]);
  }),
  store('lists the past beside concurrent writers', async (store) => {
    await store.commit(Array.from({ length: 100 }, (_, index) => put(`a/${index}`, 'old')));
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let turn = 0; turn < 50; turn++) await store.commit([put(`a/${writer}`, `${turn}`)]);
    });
    for (let turn = 0; turn < 20; turn++) {
      const past = await store.list('a/', { revision: 100 });
      ok(past.items.every((item) => textOf(item.value) === 'old' && item.revision <= 100));
      equal(past.items.length, 100);
    }
    await Promise.all(writers);
  }),
  store('refuses a revision that does not exist yet', async (store) => {
    await store.commit([put('a', '1')]);
    await rejects(store.list('', { revision: 2 }), coded('STORE_FUTURE_REVISION'));
    await rejects(changes(store, { after: 2, count: 1 }), coded('STORE_FUTURE_REVISION'));
    await rejects(store.compact(2), coded('STORE_FUTURE_REVISION'));
  }),
];

const compactions: readonly StoreCase[] = [
  store('forgets history up to the compacted revision, and no current value', async (store) => {
    await store.commit([put('a', '1'), put('b', '1'), put('a', '2'), remove('b'), put('a', '3')]);
    await store.compact(4);
    equal(store.compactedRevision, 4);
    equal(store.revision, 5);
    await rejects(store.list('', { revision: 3 }), coded('STORE_COMPACTED'));
    await rejects(changes(store, { after: 3, count: 1 }), coded('STORE_COMPACTED'));
    deepEqual(await listed(store, '', { revision: 4 }), ['a@3=2']);
    deepEqual((await changes(store, { after: 4, count: 1 })).map(told), ['a@5=3 was a@3=2']);
    deepEqual(await listed(store, ''), ['a@5=3']);
  }),
  store('compacts again, further, and never back', async (store) => {
    for (let turn = 0; turn < 1_200; turn++) void store.commit([put(`a/${turn % 7}`, `${turn}`)]);
    await store.commit([remove('a/0')]);
    await Promise.all([store.compact(300), store.compact(100), store.compact(1_201)]);
    equal(store.compactedRevision, 1_201);
    await store.compact(5);
    equal(store.compactedRevision, 1_201);
    equal((await store.list('a/')).items.length, 6);
    deepEqual(await store.commit([put('a/0', 'again', 0)]), [1_202]);
  }),
  store('compacts under writers without disturbing them or live watchers', async (store) => {
    const watched = changes(store, { after: 0, count: 800 });
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let turn = 0; turn < 100; turn++) {
        await store.commit([put(`a/${writer}`, `${turn}`)]);
        if (turn % 10 === 9) await store.compact(store.revision);
      }
    });
    await Promise.all(writers);
    const revisions = (await watched).map((change) => change.revision);
    deepEqual(revisions, numbers(1, 800));
    const last = await store.list('');
    deepEqual(
      last.items.map((item) => textOf(item.value)),
      Array(8).fill('99'),
    );
  }),
];

const watches: readonly StoreCase[] = [
  store('shows a watcher each change with what was before', async (store) => {
    await store.commit([put('a', '1'), put('b', '1')]);
    await store.commit([put('a', '2'), remove('a'), put('a', '3')]);
    const want = [
      'a@1=1 was nothing',
      'b@2=1 was nothing',
      'a@3=2 was a@1=1',
      'a@4 deleted was a@3=2',
      'a@5=3 was nothing',
    ];
    deepEqual((await changes(store, { after: 0, count: 5 })).map(told), want);
    deepEqual((await changes(store, { after: 3, count: 2 })).map(told), want.slice(3));
    const onlyB = await changes(store, { prefix: 'b', after: 0, count: 1 });
    deepEqual(onlyB.map(told), ['b@2=1 was nothing']);
  }),
  store('shows each change once and in order, from anywhere, beside writers', async (store) => {
    await store.commit(numbers(1, 2_500).map((index) => put(`a/${index % 40}`, `${index}`)));
    const total = 2_500 + 8 * 100;
    const starts = [0, 1, 1_000, 1_234, 2_499, 2_500];
    const early = starts.map((after) => changes(store, { after, count: total - after }));
    const late: Promise<void>[] = [];
    const writers = numbers(0, 7).map(async (writer) => {
      for (let turn = 0; turn < 100; turn++) {
        const key = `a/${(writer * 7 + turn) % 40}`;
        const [revision = 0] = await store.commit([turn % 5 === 4 ? put(key, '') : put(key, 'x')]);
        if (turn % 25 !== 0) continue;
        late.push(
          changes(store, { after: revision, count: total - revision }).then((seen) =>
            deepEqual(revisionsOf(seen), numbers(revision + 1, total)),
          ),
        );
      }
    });
    await Promise.all(writers);
    for (const [index, watched] of early.entries()) {
      const seen = await watched;
      deepEqual(revisionsOf(seen), numbers((starts[index] ?? 0) + 1, total));
      if (index === 0) checkPrevious(seen);
    }
    await Promise.all(late);
  }),
  store('has told watchers of a commit when it acknowledges it', async (store) => {
    const { iterator, stop } = watching(store, '', 0);
    const next = iterator.next();
    await store.commit([put('a', '1')]);
    deepEqual(revisionsOf((await next).value), [1]);
    await store.commit([put('a', '2')]);
    await store.commit([put('b', '1')]);
    deepEqual(revisionsOf((await iterator.next()).value), [2, 3]);
    stop();
    equal((await iterator.next()).done, true);
  }),
  {
    name: 'cuts off a watcher that falls too far behind, and no other',
    run: async (open) => {
      await using store = await open({ watchLengthMax: 10 });
      const slow = watching(store, '', 0);
      const other = watching(store, 'b', 0);
      const first = slow.iterator.next();
      const otherFirst = other.iterator.next();
      await store.commit([put('a', '1')]);
      deepEqual(revisionsOf((await first).value), [1]);
      await store.commit(numbers(1, 10).map(() => put('a', '1')));
      await store.commit([put('b', '1')]);
      await rejects(slow.iterator.next(), coded('QUEUE_OVERFLOW'));
      deepEqual(revisionsOf((await otherFirst).value), [12]);
      other.stop();
    },
  },
  store('ends a watch when its signal aborts', async (store) => {
    const { iterator, stop } = watching(store, '', 0);
    const next = iterator.next();
    stop();
    equal((await next).done, true);
    await store.commit([put('a', '1')]);
    const history = watching(store, '', 0);
    history.stop();
    equal((await history.iterator.next()).done, true);
    const midway = watching(store, '', 0);
    const pending = midway.iterator.next();
    midway.stop();
    await pending; // ended, or told of the change: both are before the end
    equal((await midway.iterator.next()).done, true);
  }),
  {
    name: 'finishes accepted commits and ends watchers when it closes, then refuses everything',
    run: async (open) => {
      const store = await open({});
      const { iterator } = watching(store, '', 0);
      const next = iterator.next();
      const accepted = numbers(1, 20).map((index) => store.commit([put(`a/${index}`, '1')]));
      const closed = store[Symbol.asyncDispose]();
      await rejects(store.commit([put('late', '1')]), coded('STORE_CLOSED'));
      deepEqual((await Promise.all(accepted)).flat(), numbers(1, 20));
      await closed;
      await store[Symbol.asyncDispose]();
      deepEqual(revisionsOf((await next).value), numbers(1, 20));
      equal((await iterator.next()).done, true);
      await rejects(store.get('a/1'), coded('STORE_CLOSED'));
      await rejects(store.list(''), coded('STORE_CLOSED'));
      await rejects(store.compact(1), coded('STORE_CLOSED'));
      await rejects(changes(store, { after: 0, count: 1 }), coded('STORE_CLOSED'));
    },
  },
];

/** The suite that every implementation of Store passes. */
export const storeConformance: readonly StoreCase[] = [
  ...commits,
  ...lists,
  ...compactions,
  ...watches,
];

function store(name: string, use: (store: Store) => Promise<void>): StoreCase {
  return {
    name,
    run: async (open) => {
      await using opened = await open({});
      await use(opened);
    },
  };
}

function put(key: string, text: string, expectedRevision?: number): Mutation {
  const value = Buffer.from(text);
  return {
    operation: 'put',
    key,
    value,
    ...(expectedRevision !== undefined && { expectedRevision }),
  };
}

function putBytes(key: string, value: Uint8Array): Mutation {
  return { operation: 'put', key, value };
}

function remove(key: string, expectedRevision?: number): Mutation {
  return { operation: 'delete', key, ...(expectedRevision !== undefined && { expectedRevision }) };
}

interface WatchRange {
  readonly prefix?: string;
  readonly after: number;
  readonly count: number;
}

/** The next `count` changes of a new watch. */
async function changes(store: Store, { prefix = '', after, count }: WatchRange): Promise<Change[]> {
  const seen: Change[] = [];
  if (count === 0) return seen;
  for await (const batch of store.watch(prefix, after, new AbortController().signal)) {
    ok(batch.length > 0, 'an empty batch');
    seen.push(...batch);
    if (seen.length >= count) break;
  }
  equal(seen.length, count);
  return seen;
}

interface Watching {
  readonly iterator: AsyncIterator<readonly Change[]>;
  readonly stop: () => void;
}

function watching(store: Store, prefix: string, after: number): Watching {
  const controller = new AbortController();
  const iterator = store.watch(prefix, after, controller.signal)[Symbol.asyncIterator]();
  return { iterator, stop: () => controller.abort() };
}

async function listed(
  store: Store,
  prefix: string,
  options: { readonly revision?: number } = {},
): Promise<(string | undefined)[]> {
  const { items, revision } = await store.list(prefix, options);
  equal(revision, options.revision ?? store.revision);
  return items.map(shown);
}

/** `previous` of every change is the change of its key before it. */
function checkPrevious(seen: readonly Change[]): void {
  const state = new Map<string, Item>();
  for (const { key, revision, value, previous } of seen) {
    deepEqual(shown(previous), shown(state.get(key)), `before revision ${revision}`);
    if (value === undefined) state.delete(key);
    else state.set(key, { key, value, revision });
  }
}

function shown(item: Item | undefined): string | undefined {
  return item && `${item.key}@${item.revision}=${textOf(item.value)}`;
}

function told({ key, revision, value, previous }: Change): string {
  const now = value === undefined ? ' deleted' : `=${textOf(value)}`;
  return `${key}@${revision}${now} was ${shown(previous) ?? 'nothing'}`;
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString();
}

function keysOf(items: readonly Item[]): string[] {
  return items.map((item) => item.key);
}

function revisionsOf(seen: readonly Change[] | undefined): number[] {
  return (seen ?? []).map((change) => change.revision);
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPlatformError(error, code);
}

function conflict(
  key: string,
  revisions: { readonly expected: number; readonly actual: number },
): (error: unknown) => boolean {
  return (error) =>
    error instanceof StoreConflict &&
    error.key === key &&
    error.expectedRevision === revisions.expected &&
    error.actualRevision === revisions.actual;
}
