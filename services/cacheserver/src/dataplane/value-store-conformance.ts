// What every value store has to do, as a table of tests to run against each of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnityCacheFileType } from '@tweendeck/wire';
import type { KeyQuery, PutOutcome, StoredKey, ValueStore } from './value-store.ts';

type Files = Readonly<Partial<Record<UnityCacheFileType, Buffer>>>;

/** A key of its own for each number. */
export function idOf(number: number): Buffer {
  const id = Buffer.alloc(32, 1);
  id.writeUInt32LE(number, 12);
  return id;
}

/** Content that tells its writer in every byte and has any length. */
export function contentOf(writer: number, length: number): Buffer {
  return Buffer.alloc(length, (writer % 255) + 1);
}

/** Puts files as a connection does, in parts of at most 64 KiB. */
export async function putFiles(store: ValueStore, id: Buffer, files: Files): Promise<PutOutcome> {
  const upload = store.begin(id, 0);
  for (const [type, bytes] of Object.entries(files) as [UnityCacheFileType, Buffer][]) {
    upload.startFile(type, bytes.length); // the keys of Files are types
    for (let at = 0; at < bytes.length; at += 65_536) {
      await upload.write(bytes.subarray(at, at + 65_536));
    }
    upload.endFile();
  }
  return upload.commit();
}

/** The files of a key, small ones by copy and large ones in parts. */
export async function getFiles(store: ValueStore, id: Buffer): Promise<Files> {
  const entry = await store.find(id, 0);
  if (entry === undefined) return {};
  const files: Partial<Record<UnityCacheFileType, Buffer>> = {};
  for (const type of ['a', 'i', 'r'] as const) {
    const size = entry.sizeOf(type);
    if (size === 0) continue;
    if (size <= 65_536) {
      const target = Buffer.alloc(size + 7);
      if (entry.copy(type, target, 7)) files[type] = target.subarray(7);
      continue;
    }
    const body = entry.open(type);
    const parts: Buffer[] = [];
    for (let part = await body.next(); part !== undefined; part = await body.next()) {
      parts.push(Buffer.from(part));
    }
    body.close();
    files[type] = Buffer.concat(parts);
  }
  entry.release();
  return files;
}

/** All keys, page by page; met twice counts once. */
async function allKeys(store: ValueStore, query: Omit<KeyQuery, 'cursor'>): Promise<StoredKey[]> {
  const keys = new Map<string, StoredKey>();
  let cursor: string | undefined;
  do {
    const page = await store.keys({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    assert.ok(page.keys.length <= query.keysMax);
    for (const key of page.keys) keys.set(key.id.toString('hex'), key);
    cursor = page.next;
  } while (cursor !== undefined);
  return [...keys.values()].sort((left, right) => left.id.compare(right.id));
}

interface Row {
  readonly name: string;
  readonly run: (store: ValueStore) => Promise<void>;
}

const stored: PutOutcome = { outcome: 'stored' };

function sizesRow(sizeBytes: number): Row {
  return {
    name: `gives back a file of ${sizeBytes} bytes, twice`,
    run: async (store) => {
      const files = { a: contentOf(1, sizeBytes), i: contentOf(2, 3) };
      assert.deepEqual(await putFiles(store, idOf(1), files), stored);
      assert.deepEqual(await getFiles(store, idOf(1)), files);
      assert.deepEqual(await getFiles(store, idOf(1)), files);
    },
  };
}

const rows: readonly Row[] = [
  ...[1, 2, 4_095, 4_096, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 600_000].map(sizesRow),
  {
    name: 'does not know what was never put',
    run: async (store) => assert.deepEqual(await getFiles(store, idOf(1)), {}),
  },
  {
    name: 'shows nothing before the commit, and nothing of what was abandoned',
    run: async (store) => {
      for (const size of [100, 500_000]) {
        const upload = store.begin(idOf(size), 0);
        upload.startFile('a', size);
        for (let at = 0; at < size; at += 50_000) {
          await upload.write(contentOf(1, Math.min(50_000, size - at)));
        }
        upload.endFile();
        assert.deepEqual(await getFiles(store, idOf(size)), {});
        upload.abandon();
      }
      const upload = store.begin(idOf(3), 0);
      upload.startFile('i', 10);
      await upload.write(contentOf(1, 4));
      upload.abandon();
      await new Promise(setImmediate);
      assert.deepEqual(await getFiles(store, idOf(3)), {});
      assert.equal(store.stats().uploadBytes, 0);
    },
  },
  {
    name: 'replaces the whole at once',
    run: async (store) => {
      const first = { a: contentOf(1, 10), i: contentOf(1, 20), r: contentOf(1, 300_000) };
      const second = { a: contentOf(2, 90_000), i: contentOf(2, 7), r: contentOf(2, 1) };
      await putFiles(store, idOf(1), first);
      assert.deepEqual(await putFiles(store, idOf(1), second), stored);
      assert.deepEqual(await getFiles(store, idOf(1)), second);
    },
  },
  {
    name: 'replaces only the info when only the info comes',
    run: async (store) => {
      const first = { a: contentOf(1, 10), i: contentOf(1, 20), r: contentOf(1, 30) };
      await putFiles(store, idOf(1), first);
      await putFiles(store, idOf(1), { i: contentOf(2, 5) });
      assert.deepEqual(await getFiles(store, idOf(1)), { ...first, i: contentOf(2, 5) });
    },
  },
  {
    name: 'takes the last of two files of one type',
    run: async (store) => {
      const upload = store.begin(idOf(1), 0);
      for (const writer of [1, 2]) {
        upload.startFile('a', 10 * writer);
        await upload.write(contentOf(writer, 10 * writer));
        upload.endFile();
      }
      assert.deepEqual(await upload.commit(), stored);
      assert.deepEqual(await getFiles(store, idOf(1)), { a: contentOf(2, 20) });
    },
  },
  {
    name: 'takes an empty file and stores nothing of it',
    run: async (store) => {
      assert.deepEqual(await putFiles(store, idOf(1), { a: Buffer.alloc(0) }), {
        outcome: 'dropped',
        reason: 'empty',
      });
      const files = { i: contentOf(1, 5) };
      await putFiles(store, idOf(1), { ...files, a: Buffer.alloc(0) });
      assert.deepEqual(await getFiles(store, idOf(1)), files);
    },
  },
  {
    name: 'drops a transaction without files',
    run: async (store) => {
      const outcome = await store.begin(idOf(1), 0).commit();
      assert.deepEqual(outcome, { outcome: 'dropped', reason: 'empty' });
    },
  },
  {
    name: 'drops a zero hash, small or large, and takes a zero guid',
    run: async (store) => {
      const zeroHash = Buffer.concat([Buffer.alloc(16, 1), Buffer.alloc(16)]);
      for (const size of [10, 400_000]) {
        assert.deepEqual(await putFiles(store, zeroHash, { a: contentOf(1, size) }), {
          outcome: 'dropped',
          reason: 'zero-hash',
        });
        assert.deepEqual(await getFiles(store, zeroHash), {});
      }
      const zeroGuid = Buffer.concat([Buffer.alloc(16), Buffer.alloc(16, 1)]);
      assert.deepEqual(await putFiles(store, zeroGuid, { a: contentOf(1, 10) }), stored);
      assert.equal(store.stats().uploadBytes, 0);
    },
  },
  {
    name: 'lets a reader finish the version it found',
    run: async (store) => {
      for (const size of [500, 300_000]) {
        await putFiles(store, idOf(size), { a: contentOf(1, size) });
        const entry = await store.find(idOf(size), 0);
        assert.ok(entry);
        await putFiles(store, idOf(size), { a: contentOf(2, size + 5) });
        assert.equal(entry.sizeOf('a'), size);
        const body = entry.open('a');
        const parts: Buffer[] = [];
        for (let part = await body.next(); part; part = await body.next()) parts.push(part);
        assert.deepEqual(Buffer.concat(parts), contentOf(1, size));
        body.close();
        entry.release();
      }
    },
  },
  {
    name: 'describes a key, and none that is not there',
    run: async (store) => {
      await putFiles(store, idOf(1), { a: contentOf(1, 10), r: contentOf(1, 300_000) });
      assert.equal(await store.describe(idOf(2), 0), undefined);
      const padded = Buffer.concat([Buffer.alloc(5), idOf(1)]);
      const key = await store.describe(padded, 5);
      assert.ok(key);
      assert.deepEqual(key.id, idOf(1));
      assert.deepEqual(key.sizes, { a: 10, r: 300_000 });
      assert.ok(key.ageSeconds >= 0 && key.ageSeconds < 60, `${key.ageSeconds} s`);
      assert.ok(key.idleSeconds >= 0 && key.idleSeconds < 60, `${key.idleSeconds} s`);
    },
  },
  {
    name: 'gives on a peek what a find gives',
    run: async (store) => {
      await putFiles(store, idOf(1), { a: contentOf(1, 100) });
      assert.equal(await store.peek(idOf(2), 0), undefined);
      const entry = await store.peek(idOf(1), 0);
      const target = Buffer.alloc(100);
      assert.ok(entry);
      assert.ok(entry.copy('a', target, 0));
      entry.release();
      assert.deepEqual(target, contentOf(1, 100));
    },
  },
  {
    name: 'meets every key page by page, and those of one guid',
    run: async (store) => {
      assert.deepEqual(await allKeys(store, { keysMax: 5 }), []);
      const ids = Array.from({ length: 60 }, (_, number) => {
        const id = idOf(number % 20);
        id.writeUInt32LE(Math.floor(number / 20), 24); // another hash
        return id;
      }).sort(Buffer.compare);
      for (const [at, id] of ids.entries()) await putFiles(store, id, { i: contentOf(at, at + 1) });
      const met = await allKeys(store, { keysMax: 7 });
      assert.deepEqual(
        met.map(({ id, sizes }) => [id, sizes]),
        ids.map((id, at) => [id, { i: at + 1 }]),
      );
      const guid = idOf(3).subarray(0, 16);
      const siblings = await allKeys(store, { keysMax: 2, guid });
      assert.deepEqual(
        siblings.map(({ id }) => id),
        ids.filter((id) => id.subarray(0, 16).equals(guid)),
      );
    },
  },
  {
    name: 'keeps the last of two files of one type apart from the first, also in memory',
    run: async (store) => {
      const upload = store.begin(idOf(1), 0);
      for (const writer of [1, 2]) {
        upload.startFile('a', 9_000);
        await upload.write(contentOf(writer, 9_000));
        upload.endFile();
      }
      await upload.commit();
      assert.deepEqual(await getFiles(store, idOf(1)), { a: contentOf(2, 9_000) });
    },
  },
  {
    name: 'removes a key once, and takes it anew',
    run: async (store) => {
      const files = { a: contentOf(1, 100), r: contentOf(1, 300_000) };
      await putFiles(store, idOf(1), files);
      await putFiles(store, idOf(2), files);
      assert.deepEqual(await store.remove(idOf(1), 0), { outcome: 'removed' });
      assert.deepEqual(await store.remove(idOf(1), 0), { outcome: 'absent' });
      assert.deepEqual(await getFiles(store, idOf(1)), {});
      assert.equal(await store.describe(idOf(1), 0), undefined);
      assert.deepEqual(await getFiles(store, idOf(2)), files);
      assert.equal((await allKeys(store, { keysMax: 10 })).length, 1);
      assert.equal(store.stats().keys, 1);
      await putFiles(store, idOf(1), { i: contentOf(3, 4) });
      assert.deepEqual(await getFiles(store, idOf(1)), { i: contentOf(3, 4) });
    },
  },
  {
    name: 'clears all keys, and goes on',
    run: async (store) => {
      for (let key = 0; key < 20; key++) {
        await putFiles(store, idOf(key), { a: contentOf(key, 30_000 * (key + 1)) });
      }
      assert.equal(await store.clear(), 20);
      assert.equal(await store.clear(), 0);
      assert.deepEqual(await allKeys(store, { keysMax: 10 }), []);
      for (let key = 0; key < 20; key++) assert.deepEqual(await getFiles(store, idOf(key)), {});
      await putFiles(store, idOf(3), { a: contentOf(9, 70_000) });
      assert.deepEqual(await getFiles(store, idOf(3)), { a: contentOf(9, 70_000) });
      assert.equal(store.stats().keys, 1);
    },
  },
  {
    name: 'lets a reader finish what was removed or cleared meanwhile',
    run: async (store) => {
      for (const size of [500, 300_000]) {
        for (const way of ['remove', 'clear'] as const) {
          await putFiles(store, idOf(1), { a: contentOf(1, size) });
          const entry = await store.find(idOf(1), 0);
          assert.ok(entry);
          const body = entry.open('a');
          const parts = [await body.next()];
          await (way === 'remove' ? store.remove(idOf(1), 0) : store.clear());
          await putFiles(store, idOf(1), { a: contentOf(2, size) });
          for (let part = await body.next(); part; part = await body.next()) parts.push(part);
          const read = parts.filter((part) => part !== undefined);
          assert.deepEqual(Buffer.concat(read), contentOf(1, size));
          body.close();
          entry.release();
        }
      }
    },
  },
  {
    name: 'keeps files of one writer together while many write one key',
    run: async (store) => {
      const writers = Array.from({ length: 64 }, async (_, writer) => {
        const sizes = { a: 100 + writer * 5_000, i: 10 + writer, r: 1 + writer * 17 };
        await putFiles(store, idOf(1), {
          a: contentOf(writer, sizes.a),
          i: contentOf(writer, sizes.i),
          r: contentOf(writer, sizes.r),
        });
      });
      const readers = Array.from({ length: 64 }, async () => {
        await new Promise(setImmediate);
        assertOneWriter(await getFiles(store, idOf(1)));
      });
      await Promise.all([...writers, ...readers]);
      assertOneWriter(await getFiles(store, idOf(1)));
    },
  },
];

/** Fails unless all files come whole from the writer that `contentOf` names. */
function assertOneWriter(files: Files): void {
  const writers = new Set<number>();
  for (const bytes of Object.values(files)) {
    assert.ok(bytes.equals(Buffer.alloc(bytes.length, bytes[0])));
    writers.add(bytes[0] ?? 0);
  }
  assert.ok(writers.size <= 1, `files of ${writers.size} writers: ${[...writers].join(' ')}`);
  assert.ok(Object.keys(files).length === 0 || Object.keys(files).length === 3);
}

/** Runs the table against a store that `open` makes empty; `name` says which. */
export function testValueStore(name: string, open: () => Promise<ValueStore>): void {
  for (const row of rows) {
    test(`${name} ${row.name}`, async () => {
      await using store = await open();
      await row.run(store);
    });
  }
}
