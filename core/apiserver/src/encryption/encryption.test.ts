import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { openMemoryStore, type Store } from '@tweendeck/store';
import { TestServer } from '../testing/test-server.ts';
import { encryptStore } from './encrypted-store.ts';
import { parseEncryptionKeys } from './encryption-keys.ts';
import { isSealed, keyNameOf, ValueCipher } from './value-cipher.ts';

const random = seededRandom(3);
const key = (name: string, fill: number): string =>
  `${name} ${Buffer.alloc(32, fill).toString('base64')}`;
const cipherOf = (...lines: readonly string[]): ValueCipher =>
  new ValueCipher(parseEncryptionKeys(lines.join('\n')), random);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const place = '/registry/core/secrets/default/x';
const value = Buffer.from('the secret');

test('a sealed value tells nothing, and opens at its place only', () => {
  const cipher = cipherOf(key('a', 1));
  const sealed = cipher.seal(place, value);
  assert.ok(isSealed(sealed) && !text(sealed).includes('secret'));
  assert.notDeepEqual(cipher.seal(place, value), sealed);
  assert.equal(text(cipher.unseal(place, sealed)), 'the secret');
  assert.throws(() => cipher.unseal(`${place}2`, sealed), {
    code: 'APISERVER_ENCRYPTED_VALUE_DAMAGED',
  });
});

test('what was never sealed is read as it is', () => {
  assert.equal(text(cipherOf(key('a', 1)).unseal(place, value)), 'the secret');
});

test('an older key opens what it sealed, and a new one seals', () => {
  const old = cipherOf(key('a', 1)).seal(place, value);
  const both = cipherOf(key('b', 2), key('a', 1));
  assert.equal(text(both.unseal(place, old)), 'the secret');
  assert.deepEqual([both.isCurrent(old), keyNameOf(both.seal(place, value))], [false, 'b']);
});

for (const { name, lines, code } of [
  {
    name: 'whose key is gone',
    lines: [key('b', 2)],
    code: 'APISERVER_ENCRYPTION_KEY_MISSING',
  },
  {
    name: 'whose key is another now',
    lines: [key('a', 9)],
    code: 'APISERVER_ENCRYPTED_VALUE_DAMAGED',
  },
]) {
  test(`a value ${name} is refused with the way out`, () => {
    const sealed = cipherOf(key('a', 1)).seal(place, value);
    assert.throws(() => cipherOf(...lines).unseal(place, sealed), { code });
  });
}

for (const { name, lines, problem } of [
  { name: 'nothing', lines: ['# empty'], problem: /there is no key/ },
  { name: 'a short key', lines: ['a c2hvcnQ='], problem: /line 1 is no key/ },
  { name: 'no name', lines: [key('', 1)], problem: /is no key/ },
  { name: 'one name twice', lines: [key('a', 1), key('a', 2)], problem: /the same name/ },
]) {
  test(`a file of keys with ${name} is refused`, () => {
    assert.throws(() => parseEncryptionKeys(lines.join('\n')), problem);
  });
}

async function inDirectory(run: (keyFile: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-keys-'));
  try {
    await run(join(directory, 'keys'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const secrets = '/api/v1/namespaces/default/secrets';
const stored = async (store: Store): Promise<Uint8Array> =>
  (await store.get(place))?.value ?? Buffer.from('gone');

test('a server over an encrypted store keeps its secrets in it, and reads them again', () =>
  inDirectory(async (keyFile) => {
    await using store = openMemoryStore();
    const first = await TestServer.open(
      {},
      { store: await encryptStore(store, { keyFile, random }) },
    );
    await first.create(secrets, { metadata: { name: 'x' }, stringData: { a: 'very secret' } });
    const watch = await first.watch(`${secrets}?watch=true`);
    const encoded = Buffer.from('very secret').toString('base64');
    assert.equal((await watch.next()).object.data.a, encoded);
    await watch.close();
    assert.equal((await first.get(`${secrets}?limit=1`)).json.items[0].data.a, encoded);
    await first[Symbol.asyncDispose]();
    assert.ok(isSealed(await stored(store)));
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600);

    await using second = await TestServer.open(
      {},
      { store: await encryptStore(store, { keyFile, random }) },
    );
    assert.equal((await second.get(`${secrets}/x`)).json.data.a, encoded);
  }));

test('what lies there in the clear or under an older key is written anew', () =>
  inDirectory(async (keyFile) => {
    await using store = openMemoryStore();
    await store.commit([{ operation: 'put', key: place, value }]);
    await encryptStore(store, { keyFile, random });
    const before = keyNameOf(await stored(store));
    await writeFile(keyFile, `${key('fresh', 5)}\n${await readFile(keyFile, 'utf8')}`);
    const encrypted = await encryptStore(store, { keyFile, random });
    assert.deepEqual([before === 'fresh', keyNameOf(await stored(store))], [false, 'fresh']);
    assert.equal(text((await encrypted.get(place))?.value ?? value), 'the secret');
  }));

test('a file of keys that cannot be made is said so', async () => {
  await using store = openMemoryStore();
  await assert.rejects(encryptStore(store, { keyFile: '/nowhere/keys', random }), {
    code: 'APISERVER_ENCRYPTION_KEYS_UNWRITABLE',
  });
});

test('without its keys a store is not opened, and nothing is changed', () =>
  inDirectory(async (keyFile) => {
    await using store = openMemoryStore();
    await store.commit([{ operation: 'put', key: place, value }]);
    await encryptStore(store, { keyFile, random });
    const before = await stored(store);
    await rm(keyFile);
    await assert.rejects(encryptStore(store, { keyFile, random }), {
      code: 'APISERVER_ENCRYPTION_KEY_MISSING',
    });
    await assert.rejects(stat(keyFile), { code: 'ENOENT' });
    await writeFile(keyFile, key('other', 7));
    await assert.rejects(encryptStore(store, { keyFile, random }), {
      code: 'APISERVER_ENCRYPTION_KEY_MISSING',
    });
    assert.deepEqual(await stored(store), before);
  }));
