// Both stores pass the one suite; what only a store on disk can do stands here too.

import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { isPlatformError, type PlatformError, silentLogger } from '@tweendeck/std';

import { storeConformance } from './conformance.ts';
import { JournaledStore } from './journaled-store.ts';
import { openMemoryStore } from './memory-store.ts';
import { SqliteJournal } from './sqlite-journal.ts';
import { load, openSqliteStore, startThread } from './sqlite-store.ts';
import type { Store } from './store.ts';
import { Table } from './table.ts';

const never = new AbortController().signal;

describe('a store in memory', { timeout: 60_000 }, () => {
  for (const { name, run } of storeConformance) {
    test(name, () => run(async (options) => openMemoryStore(options)));
  }
});

describe('a store in a file', { concurrency: 4, timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-test-'));
  let count = 0;
  const newPath = (): string => join(directory, `${count++}`, 'store.db');
  const options = {
    log: silentLogger,
    reserveBytes: 0,
    compileCacheDirectory: join(directory, 'compiled'),
  };
  const open = (path: string, more: { fileBytesMax?: number } = {}): Promise<Store> =>
    openSqliteStore({ ...options, path, ...more }, never);
  after(() => rmSync(directory, { recursive: true }));

  for (const { name, run } of storeConformance) {
    test(name, () =>
      run((more) => openSqliteStore({ ...options, path: newPath(), ...more }, never)),
    );
  }

  test('is found again as it was left', async () => {
    const path = newPath();
    const before = await fill(await open(path));
    await using store = await open(path);
    deepEqual(await contentsOf(store), before);
    const history = await historyOf(store, 0);
    deepEqual(
      history.map((change) => change.revision),
      range(1, store.revision),
    );
    deepEqual(await store.commit([put('new', 'x')]), [before.revision + 1]);
  });

  test('never gives a revision again, even when the newest changes are compacted deletes', async () => {
    const path = newPath();
    {
      await using store = await open(path);
      await store.commit([put('a', '1'), { operation: 'delete', key: 'a' }]);
      await store.compact(2);
    }
    await using store = await open(path);
    equal(store.revision, 2);
    equal(store.compactedRevision, 2);
    deepEqual(await store.commit([put('a', '1')]), [3]);
  });

  test('keeps only current rows and later history after compaction, and uses their space again', async () => {
    const path = newPath();
    const value = 'x'.repeat(1_000);
    const rewrite = async (store: Store): Promise<void> => {
      for (let turn = 0; turn < 20; turn++) {
        await store.commit(range(1, 100).map((index) => put(`a/${index}`, value)));
      }
      await store.compact(store.revision);
    };
    {
      await using store = await open(path);
      await rewrite(store);
    }
    const size = statSync(path).size;
    {
      await using store = await open(path);
      for (let turn = 0; turn < 5; turn++) await rewrite(store);
      await store.commit([{ operation: 'delete', key: 'a/1' }]);
      await store.compact(store.revision);
      await store.commit([{ operation: 'delete', key: 'a/2' }, put('a/3', value)]);
      equal((await store.list('')).items.length, 98);
    }
    equal(rowsOf(path), 101); // 98 current, 1 delete, and what the last two changes superseded
    equal(statSync(path).size <= size * 1.1, true, `${size} grew to ${statSync(path).size}`);
  });

  test('finishes a compaction that was cut short', async () => {
    const path = newPath();
    {
      await using store = await open(path);
      for (let turn = 0; turn < 20; turn++) {
        await store.commit(range(1, 100).map((index) => put(`a/${index}`, `${turn}`)));
      }
      const compacted = store.compact(2_000);
      await store[Symbol.asyncDispose]();
      await compacted;
    }
    equal(rowsOf(path) > 100, true);
    {
      await using store = await open(path);
      equal((await store.list('', { revision: 2_000 })).items.length, 100);
      await store.compact(2_000);
      await store.commit([put('a/1', 'after')]);
      await store.compact(2_001);
    }
    equal(rowsOf(path), 100);
  });

  test('is for its owner alone and leaves nothing beside it', async () => {
    const path = newPath();
    {
      await using store = await open(path);
      await store.commit([put('a', '1')]);
      const names = readdirSync(join(path, '..'));
      deepEqual(names.toSorted(), ['store.db', 'store.db-wal', 'store.db.pid']);
      for (const name of names) {
        if (name.endsWith('.pid')) continue;
        equal(statSync(join(path, '..', name)).mode & 0o777, 0o600, name);
      }
      match(readFileSync(`${path}.pid`, 'utf8'), new RegExp(`^${process.pid}\\n +\\d+\\n$`));
    }
    deepEqual(readdirSync(join(path, '..')), ['store.db']);
  });

  test('refuses a second one on the same file, naming the holder, and is not disturbed', async () => {
    const path = newPath();
    await using store = await open(path);
    await rejects(open(path), refusal('STORE_IN_USE', new RegExp(`pid ${process.pid}`)));
    deepEqual(await store.commit([put('a', '1')]), [1]);
    await rejects(open(path), refusal('STORE_IN_USE', /has it open/));
  });

  test('takes over from a holder that is gone', async () => {
    const path = newPath();
    await fill(await open(path));
    writeFileSync(`${path}.pid`, '1\n');
    await using store = await open(path);
    equal(store.revision > 0, true);
  });

  for (const { name, spoil } of [
    { name: 'is no SQLite file', spoil: (path: string) => writeFileSync(path, 'x'.repeat(9_999)) },
    { name: 'is cut off', spoil: (path: string) => cutTo(path, 6_000) },
    { name: 'is overwritten in the middle', spoil: (path: string) => scratch(path) },
    {
      name: 'is of another program',
      spoil: (path: string) => runSql(path, 'PRAGMA application_id = 7'),
    },
    {
      name: 'lacks a change',
      spoil: (path: string) => runSql(path, 'DELETE FROM log WHERE revision = 7'),
    },
  ]) {
    test(`says so when the file ${name}`, async () => {
      const path = newPath();
      await fill(await open(path));
      spoil(path);
      await rejects(open(path), refusal('STORE_DAMAGED', new RegExp(path)));
      await rejects(open(path), refusal('STORE_DAMAGED', /store\.db/)); // and lets go of it
    });
  }

  test('refuses a file of a newer format', async () => {
    const path = newPath();
    await fill(await open(path));
    runSql(path, 'PRAGMA user_version = 99');
    await rejects(open(path), refusal('STORE_FORMAT_UNKNOWN', /format 99/));
  });

  test('says so when its directory cannot be made or its file is none', async () => {
    const blocked = join(directory, 'blocked');
    writeFileSync(blocked, '');
    await rejects(open(join(blocked, 'store.db')), refusal('STORE_UNWRITABLE', /blocked/));
    await rejects(open(directory), refusal('STORE_UNWRITABLE', /store-test/));
  });

  test('refuses writes when it is full, changes nothing, and goes on', async () => {
    const path = newPath();
    const value = 'x'.repeat(10_000);
    {
      await using store = await open(path, { fileBytesMax: 512 * 1_024 });
      let written = 0;
      const fillUp = async (): Promise<void> => {
        for (;;) {
          await store.commit([put('big', value)]);
          written++;
        }
      };
      await rejects(fillUp(), refusal('STORE_FULL', /store\.db/));
      equal(store.revision, written);
      const many = range(1, 10).map((index) => store.commit([put(`a/${index}`, value)]));
      const outcomes = await Promise.allSettled(many);
      deepEqual(new Set(outcomes.map((outcome) => outcome.status)), new Set(['rejected']));
      equal(store.revision, written);
      await store.compact(store.revision);
      deepEqual(await store.commit([put('a', value)]), [written + 1]);
    }
    await using store = await open(path);
    deepEqual(
      (await store.list('')).items.map((item) => item.key),
      ['a', 'big'],
    );
  });

  test('tells everybody when its thread dies, and can be opened again', async () => {
    const path = newPath();
    const thread = startThread({
      path,
      fileBytesMax: 1e9,
      reserveBytes: 0,
      damagedRecords: 'refuse',
    });
    const table = new Table();
    const opened = await load(thread, path, table);
    const failures: PlatformError[] = [];
    const journal = new SqliteJournal(thread, path, (failure) => {
      failures.push(failure);
      store.fail(failure);
    });
    const store = new JournaledStore({
      ...opened,
      journal,
      table,
      defer: setImmediate,
      watchLengthMax: 100,
    });
    await store.commit([put('a', '1')]);
    const watcher = store.watch('', 1, never)[Symbol.asyncIterator]();
    const watched = watcher.next();
    const commits = range(1, 5).map((index) => store.commit([put(`b/${index}`, '1')]));
    const outcomes = Promise.allSettled([...commits, store.list('', { revision: 0 }), watched]);
    await thread.terminate();
    for (const outcome of await outcomes) {
      if (outcome.status === 'fulfilled') continue; // done before the end
      match(outcome.reason.code, /^STORE_(CLOSED|FAILED)$/);
    }
    await rejects(watched, (error) => isPlatformError(error, 'STORE_CLOSED'));
    await rejects(store.commit([put('c', '1')]), refusal('STORE_CLOSED', /stopped/));
    await rejects(store.list(''), refusal('STORE_CLOSED', /stopped/));
    equal(failures.length, 1);
    await store[Symbol.asyncDispose]();
    await using again = await open(path);
    equal((await again.get('a'))?.revision, 1);
  });

  test('leaves nothing running when opening is aborted', async () => {
    const controller = new AbortController();
    const path = newPath();
    const opening = openSqliteStore({ ...options, path }, controller.signal);
    controller.abort();
    await rejects(opening, { name: 'AbortError' });
    await using store = await open(path);
    equal(store.revision, 0);
  });
});

function put(key: string, text: string) {
  return { operation: 'put', key, value: Buffer.from(text) } as const;
}

/** Writes values, deletes, history and a compaction, and closes the store; gives what it held. */
async function fill(store: Store): Promise<Awaited<ReturnType<typeof contentsOf>>> {
  await using filled = store;
  for (const turn of range(1, 5)) {
    await filled.commit(range(1, 40).map((index) => put(`a/${index}`, `${turn} `.repeat(50))));
  }
  await filled.commit([{ operation: 'delete', key: 'a/3' }, put('😀', '')]);
  return await contentsOf(filled);
}

async function contentsOf(store: Store) {
  const { items, revision } = await store.list('');
  return {
    revision,
    items: items.map((item) => ({ ...item, value: `${Buffer.from(item.value)}` })),
  };
}

async function historyOf(store: Store, afterRevision: number) {
  const controller = new AbortController();
  const changes = [];
  for await (const batch of store.watch('', afterRevision, controller.signal)) {
    changes.push(...batch);
    if (changes.at(-1)?.revision === store.revision) break;
  }
  return changes;
}

function runSql(path: string, sql: string): void {
  using database = new DatabaseSync(path);
  database.exec(sql);
}

function rowsOf(path: string): number {
  using database = new DatabaseSync(path);
  return Number(database.prepare('SELECT count(*) AS rows FROM log').get()?.['rows']);
}

function cutTo(path: string, length: number): void {
  writeFileSync(path, readFileSync(path).subarray(0, length));
}

function scratch(path: string): void {
  const bytes = readFileSync(path);
  bytes.fill(0xff, 8_192, bytes.length - 4_096);
  writeFileSync(path, bytes);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function refusal(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!isPlatformError(error, code)) return false;
    match(error.message, message);
    return error.hint !== undefined || code === 'STORE_CLOSED';
  };
}

test('a store on a file system that became read-only is told to be unwritable', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'tweendeck-store-'));
  try {
    const path = join(directory, 'fs', 'state.db');
    const module = new URL('./sqlite-store.ts', import.meta.url).pathname;
    const script = `
      import { openSqliteStore } from '${module}';
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const open = () => openSqliteStore({ path: '${path}', log }, new AbortController().signal);
      if (process.argv[1] === 'make') await (await open())[Symbol.asyncDispose]();
      else await open().then(() => console.log('opened'), (error) => console.log(error.code));
    `;
    const shell = `
      mkdir "$0" && mount -t tmpfs -o size=4m none "$0" || { echo no mounts; exit; }
      "$1" --input-type=module-typescript -e "$2" make && mount -o remount,ro "$0"
      "$1" --input-type=module-typescript -e "$2" open
    `;
    const args = ['-rm', 'sh', '-c', shell, join(directory, 'fs'), process.execPath, script];
    const said = await promisify(execFile)('unshare', args).then(
      ({ stdout }) => stdout,
      () => 'no mounts\n', // no namespaces for this user, or no such program
    );
    if (said === 'no mounts\n') context.skip('this machine lets nobody mount');
    else equal(said, 'STORE_UNWRITABLE\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
