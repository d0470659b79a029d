// Real bits flipped in a real file are found at the start, and named; what is copied or set aside can be opened.

import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { isPlatformError, silentLogger } from '@tweendeck/std';
import { packValues } from './packed-values.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
import { beginAnewAt, readStoreFile } from './store-file.ts';

const never = new AbortController().signal;
const pbkdf2Async = promisify(pbkdf2);

describe('a damaged store file', { concurrency: 4, timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-damage-'));
  let count = 0;
  after(() => rmSync(directory, { recursive: true }));

  const open = (path: string, more: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> =>
    openSqliteStore(
      {
        path,
        log: silentLogger,
        reserveBytes: 0,
        compileCacheDirectory: join(directory, 'compiled'),
        ...more,
      },
      never,
    );

  /** A closed store of a hundred keys, and the log as it was before it was closed. */
  async function written(): Promise<{ path: string; log: string }> {
    const path = join(directory, `${count++}`, 'store.db');
    await using store = await open(path);
    for (let index = 0; index < 100; index++) {
      await store.commit([
        {
          operation: 'put',
          key: `/registry/pods/p${index}`,
          value: Buffer.from(`{"value":"${index} ${'x'.repeat(500)}"}`),
        },
      ]);
    }
    const log = `${path}.saved-wal`;
    cpSync(`${path}-wal`, log);
    cpSync(path, `${path}.saved`);
    return { path, log };
  }

  function flip(path: string, at: number): void {
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    writeFileSync(path, bytes);
  }

  const refused = (code: string, message: RegExp) => (error: unknown) => {
    ok(isPlatformError(error, code), String(error));
    match(error.message, message);
    ok(error.hint);
    return true;
  };

  test('with a flipped bit in a value names the key', async () => {
    const { path } = await written();
    flip(path, readFileSync(path).indexOf('"42 xxx') + 5);
    await rejects(
      open(path),
      refused('STORE_RECORDS_DAMAGED', /\/registry\/pods\/p42 \(revision 43\)$/),
    );
  });

  test('goes on without its damaged records when told to, and keeps them aside', async () => {
    const { path } = await written();
    flip(path, readFileSync(path).indexOf('"42 xxx') + 5);
    {
      await using store = await open(path, { damagedRecords: 'set-aside' });
      equal((await store.list('')).items.length, 99);
      equal(await store.get('/registry/pods/p42'), undefined);
      equal(store.revision, 101);
      await store.compact(store.revision);
    }
    await using again = await open(path);
    equal((await again.list('')).items.length, 99);
    await again[Symbol.asyncDispose]();
    using database = new DatabaseSync(path, { readOnly: true });
    deepEqual(
      { ...database.prepare('SELECT revision, key FROM aside').get() },
      {
        revision: 43,
        key: '/registry/pods/p42',
      },
    );
  });

  for (const { name, at } of [
    { name: 'in its first bytes', at: () => 3 },
    { name: 'in the kind of a page of its tree', at: () => 3 * 4_096 },
  ]) {
    test(`with a flipped bit ${name} is refused`, async () => {
      const { path } = await written();
      flip(path, at());
      await rejects(open(path), refused('STORE_DAMAGED', /store\.db/));
    });
  }

  for (const { name, damage, message } of [
    {
      name: 'is missing',
      damage: (log: string) => rmSync(log),
      message: /ends at revision \d+, and 100 was on disk/,
    },
    {
      name: 'has a flipped bit in its middle',
      damage: (log: string) => flip(log, 40 * 4_120 + 2_000),
      message: /frame \d+ of .* is not as it was written, and \d+ commits stand behind it/,
    },
    {
      name: 'has a flipped bit in its header',
      damage: (log: string) => flip(log, 17),
      message: /header of .* is not as it was written/,
    },
    {
      name: 'was cut off',
      damage: (log: string) => truncateSync(log, 32 + 20 * 4_120),
      message: /ends at revision \d+, and 100 was on disk/,
    },
  ]) {
    test(`whose write-ahead log ${name} is refused`, async () => {
      const { path, log } = await written();
      cpSync(`${path}.saved`, path);
      cpSync(log, `${path}-wal`);
      writeFileSync(`${path}.pid`, '1\n             100\n'); // as a kill leaves it
      damage(`${path}-wal`);
      await rejects(open(path), refused('STORE_DAMAGED', message));
    });
  }

  test('whose write-ahead log ends in the middle of a frame is as it was before that commit', async () => {
    const { path, log } = await written();
    cpSync(`${path}.saved`, path);
    cpSync(log, `${path}-wal`);
    truncateSync(`${path}-wal`, readFileSync(log).byteLength - 100);
    await using store = await open(path);
    ok(store.revision >= 98 && store.revision < 100, String(store.revision));
  });

  test('is not made by copying it while it is written to', async () => {
    const { path } = await written();
    const target = join(directory, 'copy.db');
    await using store = await open(path);
    const progress: number[] = [];
    let over = false;
    const copying = store
      .backUp(target, (done) => progress.push(done))
      .finally(() => {
        over = true;
      });
    for (let index = 0; !over; index++) {
      await store.commit([{ operation: 'put', key: `/later/${index}`, value: Buffer.from('{}') }]);
    }
    const copied = await copying;
    const atEnd = store.revision;
    await using copy = await open(target);
    equal(copy.revision, copied);
    ok(copy.revision >= 100 && copy.revision <= atEnd, `${copy.revision} of ${atEnd}`);
    const items = (await copy.list('')).items;
    equal(items.length, copy.revision);
    await rejects(
      store.backUp(join(directory, 'no', 'such', 'folder')),
      refused('STORE_BACKUP_FAILED', /store\.db/),
    );
  });

  test('is not made by copying it while a commit is under way', async () => {
    const { path } = await written();
    const target = join(directory, 'begun.db');
    using database = new SqliteDatabase({
      path,
      fileBytesMax: 2 ** 30,
      reserveBytes: 0,
      damagedRecords: 'refuse',
    });
    const keys = Array.from({ length: 5_000 }, (_, at) => `/later/${at}`);
    const previousRevisions = keys.map(() => 0);
    const values = packValues(keys.map(() => Buffer.from('{}')));
    for (let round = 0; round < 8; round++) {
      const firstRevision = 101 + round * keys.length;
      // Steps of a copying run on the threads that these keep for a while.
      const busy = Array.from({ length: 4 }, () =>
        pbkdf2Async('', '', 1 + round * 4_000, 8, 'sha512'),
      );
      const copying = database.backup(target, () => {});
      database.append({
        ...{ kind: 'append', firstRevision, keys, previousRevisions, values, useReserve: false },
      });
      const last = await copying;
      ok(last === firstRevision - 1 || last === firstRevision + keys.length - 1, String(last));
      await Promise.all(busy);
      rmSync(target);
    }
  });

  test('that begins anew keeps its values, and nothing of its past', async () => {
    const { path } = await written();
    deepEqual(readStoreFile(path), { revision: 100, recordCount: 100 });
    deepEqual(beginAnewAt(path, 1_000_000_100), { revision: 1_000_000_100, recordCount: 100 });
    {
      await using store = await open(path);
      equal(store.compactedRevision, 1_000_000_100);
      equal((await store.get('/registry/pods/p42'))?.revision, 43);
      await rejects(store.list('', { revision: 100 }), { code: 'STORE_COMPACTED' });
      deepEqual(
        await store.commit([{ operation: 'delete', key: '/registry/pods/p42' }]),
        [1_000_000_101],
      );
      throws(() => readStoreFile(path), { code: 'STORE_IN_USE' });
    }
    deepEqual(readStoreFile(path), { revision: 1_000_000_101, recordCount: 99 });
    flip(path, readFileSync(path).indexOf('"77 xxx') + 5);
    throws(() => readStoreFile(path), { code: 'STORE_RECORDS_DAMAGED', message: /p77/ });
  });

  test('of the first format is taken over', async () => {
    const { path } = await written();
    {
      using database = new DatabaseSync(path);
      database.exec(
        'ALTER TABLE log DROP COLUMN checksum; DROP TABLE aside; PRAGMA user_version = 1',
      );
    }
    {
      await using store = await open(path);
      equal((await store.list('')).items.length, 100);
      await store.commit([{ operation: 'delete', key: '/registry/pods/p1' }]);
    }
    await using again = await open(path);
    equal(again.revision, 101);
    ok(existsSync(path));
  });
});
