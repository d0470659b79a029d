// Backups taken and restored with files in memory and members of one key a part.

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import type { FileStore } from './file-store.ts';
import { fillFromBackup } from './fill.ts';
import { parseManifest } from './manifest.ts';
import type { BackupAccess, BackupPart, BackupProgram } from './program.ts';
import { takeBackup } from './take.ts';

const never = new AbortController().signal;
const about = { kind: 'Store', cluster: 'shop', namespace: 'default', uid: '1' };
const leader = { name: 'shop-0', group: 'data', shard: 0, host: '192.0.2.1' };
const part = (name: string): BackupPart => ({ name, holds: name, leader, follower: undefined });

class MemoryStore implements FileStore {
  readonly name = 'memory';
  readonly files = new Map<string, Buffer>();

  async write(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.files.set(name, Buffer.concat(parts));
  }

  async *read(name: string): AsyncIterable<Uint8Array> {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw Object.assign(new Error(name), { code: 'MISSING' });
    yield bytes;
  }

  async readText(name: string): Promise<string | undefined> {
    return this.files.get(name)?.toString();
  }

  async clear(): Promise<void> {
    this.files.clear();
  }
}

/** Of parts by name; what fills it is kept. */
function members(texts: Readonly<Record<string, string>>) {
  const held = new Map(Object.entries(texts));
  let states = 0;
  const filled: string[] = [];
  const program: BackupProgram = {
    suffix: '.txt',
    survey: async () => ({ version: '1', parts: [...held.keys()].map(part), state: `${states}` }),
    read: async ({ name }) => ({
      ...{ member: 'shop-1', offset: 7, keys: () => 1 },
      chunks: (async function* () {
        const text = held.get(name) ?? '';
        if (text === 'moves') states++;
        if (text === 'breaks') throw Object.assign(new Error('gone'), { code: 'GONE' });
        yield Buffer.from(text);
      })(),
    }),
    contents: async () => (filled.length > 0 ? `shop-0 holds ${filled.length}` : undefined),
    fill: async (file) => {
      for await (const chunk of file) filled.push(Buffer.from(chunk).toString());
      return { keys: 1, present: 0 };
    },
  };
  return { program, filled };
}

const clock = new SimClock({ random: { next: () => 0 } });
const access: BackupAccess = { members: [leader], passwords: [], tls: undefined, clock };
const progress = (): void => undefined;
const take = (program: BackupProgram, store: FileStore, uid = '1') =>
  takeBackup({ program, store, access, about: { ...about, uid }, progress }, never);

test('every part is a file, and the manifest has them all', async () => {
  const store = new MemoryStore();
  const manifest = await take(members({ a: 'one', b: 'two' }).program, store);
  assert.deepEqual([...store.files.keys()].toSorted(), ['a.txt', 'b.txt', 'manifest.json']);
  assert.deepEqual(parseManifest(store.files.get('manifest.json')?.toString() ?? '', ''), manifest);
  const { name, bytes, keys, member, offset } = manifest.files[1] ?? {};
  assert.deepEqual([name, bytes, keys, member, offset], ['b.txt', 3, 1, 'shop-1', 7]);
});

for (const { name, texts, code } of [
  { name: 'what moves while it is read', texts: { a: 'moves' }, code: 'ENGINE_BACKUP_NOT_WHOLE' },
  { name: 'what breaks off', texts: { a: 'one', b: 'breaks' }, code: 'GONE' },
]) {
  test(`of ${name} there is no backup`, async () => {
    const store = new MemoryStore();
    await assert.rejects(take(members(texts).program, store), { code });
    assert.equal(store.files.has('manifest.json'), false);
  });
}

test('files of an attempt before go, those of another backup stay', async () => {
  const store = new MemoryStore();
  store.files.set('c.txt', Buffer.from('half'));
  const { program } = members({ a: 'one' });
  await take(program, store);
  assert.equal(store.files.has('c.txt'), false);
  await take(program, store);
  await assert.rejects(take(program, store, '2'), { code: 'ENGINE_BACKUP_FOLDER_TAKEN' });
  assert.equal(store.files.has('a.txt'), true);
});

for (const { name, change, code } of [
  { name: 'whole files', change: () => undefined },
  {
    name: 'a file that was changed',
    change: (store: MemoryStore) => void store.files.set('b.txt', Buffer.from('TWO')),
    code: 'ENGINE_BACKUP_DAMAGED',
  },
  {
    name: 'a file that was cut',
    change: (store: MemoryStore) => void store.files.set('b.txt', Buffer.from('tw')),
    code: 'ENGINE_BACKUP_DAMAGED',
  },
  {
    name: 'a file that is gone',
    change: (store: MemoryStore) => void store.files.delete('b.txt'),
    code: 'MISSING',
  },
  {
    name: 'no manifest',
    change: (store: MemoryStore) => void store.files.delete('manifest.json'),
    code: 'ENGINE_BACKUP_FILE_MISSING',
  },
  {
    name: 'half a manifest',
    change: (store: MemoryStore) => void store.files.set('manifest.json', Buffer.from('{"fo')),
    code: 'ENGINE_BACKUP_DAMAGED',
  },
  {
    name: 'a manifest that leads elsewhere',
    change: (store: MemoryStore) => {
      const text = store.files.get('manifest.json')?.toString() ?? '';
      store.files.set('manifest.json', Buffer.from(text.replace('b.txt', '../b.txt')));
    },
    code: 'ENGINE_BACKUP_DAMAGED',
  },
] as readonly {
  name: string;
  change: (store: MemoryStore) => void;
  code?: string;
}[]) {
  test(`a cluster is ${code ? 'not touched' : 'filled'} with ${name}`, async () => {
    const store = new MemoryStore();
    await take(members({ a: 'one', b: 'two' }).program, store);
    change(store);
    const { program, filled } = members({});
    const work = fillFromBackup({ program, store, access, kind: 'Store', resumes: false }, never);
    if (code) await assert.rejects(work, { code });
    else assert.deepEqual(await work, { keys: 2, present: 0, bytes: 6, files: 2 });
    assert.deepEqual(filled.toSorted(), code ? [] : ['one', 'two']);
  });
}

test('only an empty cluster of the same kind is filled, or one that was begun with', async () => {
  const store = new MemoryStore();
  await take(members({ a: 'one' }).program, store);
  const { program, filled } = members({});
  filled.push('something');
  const fill = (kind: string, resumes: boolean) =>
    fillFromBackup({ program, store, access, kind, resumes }, never);
  await assert.rejects(fill('Store', false), { code: 'ENGINE_BACKUP_NOT_EMPTY' });
  await assert.rejects(fill('Other', true), { code: 'ENGINE_BACKUP_OTHER_KIND' });
  await fill('Store', true);
  assert.deepEqual(filled, ['something', 'one']);
});
