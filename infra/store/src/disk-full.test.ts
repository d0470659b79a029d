// What may still be written when the disk is full, and what is not claimed when it fails.

import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isPlatformError, PlatformError, silentLogger } from '@tweendeck/std';
import type { Journal } from './journal.ts';
import { JournaledStore } from './journaled-store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Mutation, Store } from './store.ts';
import { Table } from './table.ts';

const value = Buffer.alloc(16_384, 'x');
const put = (key: string, reclaims = false): Mutation => ({
  operation: 'put',
  key,
  value,
  reclaims,
});

/** Writes until no more goes in; gives the keys that did. */
async function fill(store: Store): Promise<readonly string[]> {
  for (const keys: string[] = []; ; keys.push(`k${keys.length}`)) {
    try {
      await store.commit([put(`k${keys.length}`)]);
    } catch (error) {
      ok(isPlatformError(error, 'STORE_FULL'), String(error));
      return keys;
    }
  }
}

test('a full store takes deletes and what leads to them, and everything when there is room again', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'store-full-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'store.db');
  const limits = { fileBytesMax: 1_024 ** 2, reserveBytes: 512 * 1_024 };
  await using store = await openSqliteStore({ path, log: silentLogger, ...limits }, context.signal);
  ok(existsSync(`${path}.reserve`));
  const keys = await fill(store);
  equal((await store.list('')).items.length, keys.length);
  const outcomes = await Promise.allSettled([
    store.commit([put('more')]),
    store.commit([put(keys[0] ?? '', true)]),
    store.commit([{ operation: 'delete', key: keys[1] ?? '' }]),
    store.commit([{ operation: 'delete', key: keys[2] ?? '' }, put('with it')]),
  ]);
  deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'rejected'],
  );
  ok(!existsSync(`${path}.reserve`), 'the room is in use');
  for (const key of keys.slice(3)) await store.commit([{ operation: 'delete', key }]);
  await store.compact(store.revision);
  deepEqual(await store.commit([put('again')]), [store.revision]);
});

test('after a failed sync nothing is claimed to be on disk any more', async () => {
  const failure = new PlatformError('STORE_FAILED', 'disk I/O error', {
    hint: 'Look at the disk.',
  });
  let failing = false;
  const journal: Journal = {
    append: (_changes, _options, done) => {
      queueMicrotask(() => {
        done(failing ? failure : undefined);
        if (failing) store.fail(failure);
      });
    },
    read: (_request, done) => done(failure),
    compact: (_revision, done) => done(),
    sweep: (done) => done(false),
    close: async () => undefined,
  };
  const store: JournaledStore = new JournaledStore({
    journal,
    table: new Table(),
    revision: 0,
    compactedRevision: 0,
    defer: queueMicrotask,
    watchLengthMax: 10,
  });
  deepEqual(await store.commit([put('a')]), [1]);
  failing = true;
  await rejects(store.commit([put('b')]), { code: 'STORE_FAILED' });
  failing = false; // a second sync that succeeds would be a lie
  await rejects(store.commit([put('b')]), { code: 'STORE_CLOSED' });
  equal(store.revision, 1);
});
