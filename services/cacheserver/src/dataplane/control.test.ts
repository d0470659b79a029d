import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { unityGuidText, unityHashText } from '@tweendeck/wire';
import { openCacheStore } from './cache-store.ts';
import { type CleanOrder, type ControlOptions, controlReply } from './control.ts';
import { MemoryDisk } from './memory-disk.ts';
import { contentOf, idOf, putFiles } from './value-store-conformance.ts';

const signal = new AbortController().signal;

/** A key whose GUID is told by one number and whose hash by another. */
function keyOf(guid: number, hash: number): Buffer {
  return Buffer.concat([idOf(guid).subarray(0, 16), idOf(hash).subarray(0, 16)]);
}
const textOf = (key: Buffer): string =>
  `guid=${unityGuidText(key.subarray(0, 16))}&hash=${unityHashText(key.subarray(16))}`;
const guidOf = (guid: number): string => `guid=${unityGuidText(keyOf(guid, 0).subarray(0, 16))}`;

async function withStore(
  run: (
    ask: (
      path: string,
      how?: { method?: string; body?: unknown },
    ) => Promise<{ status: number; body: Record<string, unknown> }>,
  ) => Promise<void>,
  differs: Partial<ControlOptions> = {},
): Promise<void> {
  const random = seededRandom(1);
  const clock = new SimClock({ random });
  await using store = await openCacheStore(
    {
      directory: 'memory',
      storageBytes: 2 ** 24,
      memoryBytes: 0,
      clock,
      random,
      log: silentLogger,
      disk: new MemoryDisk(),
    },
    signal,
  );
  await putFiles(store, keyOf(1, 1), { a: contentOf(1, 10), i: contentOf(1, 5) });
  await putFiles(store, keyOf(1, 2), { a: contentOf(2, 20) });
  await putFiles(store, keyOf(2, 3), { r: contentOf(3, 30) });
  const clean = async ({ dryRun, rules }: CleanOrder): Promise<object> => ({
    dryRun,
    ...(rules ? { rules } : {}),
  });
  const options: ControlOptions = {
    namespaces: [{ name: 'main', store, clean }],
    token: () => 'secret',
    ...differs,
  };
  await run(async (path, { method = 'GET', body } = {}) => {
    const request = { method, url: new URL(`/control/${path}`, 'http://cache'), accept: '', body };
    const reply = await controlReply(options, request, signal);
    assert.ok(reply);
    const parsed: Record<string, unknown> = JSON.parse(reply.body);
    return { status: reply.status, body: parsed };
  });
}

const shown = { method: 'POST', body: { token: 'secret' } };

test('the control tells what is kept under a key or a GUID', () =>
  withStore(async (ask) => {
    const one = await ask(`lookup?${textOf(keyOf(1, 1))}`);
    assert.equal(one.body['count'], 1);
    assert.match(JSON.stringify(one.body), /"bytes":\{"a":10,"i":5\}/);
    assert.equal((await ask(`lookup?${guidOf(1)}`)).body['count'], 2);
    assert.equal((await ask(`lookup?${textOf(keyOf(9, 9))}`)).body['count'], 0);
  }));

test('the control tells why a key misses', () =>
  withStore(async (ask) => {
    const hit = await ask(`why?${textOf(keyOf(1, 1))}`);
    assert.deepEqual(
      [hit.body['found'], hit.body['why']],
      [true, 'it is here with a, i and without r'],
    );
    const other = await ask(`why?${textOf(keyOf(1, 9))}`);
    assert.equal(other.body['found'], false);
    assert.match(String(other.body['why']), /other hashes of this GUID are here/);
    assert.match(JSON.stringify(other.body['sameGuid']), /"count":2/);
    const nothing = await ask(`why?${textOf(keyOf(7, 7))}`);
    assert.match(String(nothing.body['why']), /nothing of this GUID is here/);
  }));

test('the control takes away a key, a GUID or everything, for who shows the token', () =>
  withStore(async (ask) => {
    assert.deepEqual((await ask(`purge?${textOf(keyOf(1, 1))}`, shown)).body, { removedKeys: 1 });
    assert.deepEqual((await ask(`purge?${textOf(keyOf(1, 1))}`, shown)).body, { removedKeys: 0 });
    assert.deepEqual((await ask(`purge?${guidOf(1)}`, shown)).body, { removedKeys: 1 });
    assert.deepEqual((await ask('purge?all=true', shown)).body, { removedKeys: 1 });
    assert.equal((await ask(`lookup?${guidOf(2)}`)).body['count'], 0);
  }));

test('the control cleans, and says when nothing does', () =>
  withStore(async (ask) => {
    assert.deepEqual((await ask('clean?dryRun=true', shown)).body, { report: { dryRun: true } });
    assert.deepEqual((await ask('clean', shown)).body, { report: { dryRun: false } });
    const rules = { ttlSeconds: 60, renewOnHit: false };
    const ordered = { ...shown, body: { token: 'secret', rules } };
    assert.deepEqual((await ask('clean', ordered)).body, { report: { dryRun: false, rules } });
    for (const wrong of ['x', { ttl: 1 }, { maxBytes: '1' }]) {
      const refused = { ...shown, body: { token: 'secret', rules: wrong } };
      assert.equal((await ask('clean', refused)).status, 400);
    }
  }));

for (const { name, path, how, status, options } of [
  { name: 'a purge without a token', path: 'purge?all=true', how: { method: 'POST' }, status: 403 },
  {
    name: 'a purge with a wrong one',
    path: 'purge?all=true',
    how: { method: 'POST', body: { token: 'x' } },
    status: 403,
  },
  {
    name: 'a purge where there is none',
    path: 'purge?all=true',
    how: shown,
    status: 403,
    options: { token: () => undefined },
  },
  {
    name: 'a purge where it is empty',
    path: 'purge?all=true',
    how: { method: 'POST', body: { token: '' } },
    status: 403,
    options: { token: () => '' },
  },
  { name: 'a clean without a token', path: 'clean', how: { method: 'POST' }, status: 403 },
  {
    name: 'a purge by GET',
    path: 'purge?all=true',
    how: { body: { token: 'secret' } },
    status: 405,
  },
  { name: 'a lookup by POST', path: `lookup?${guidOf(1)}`, how: shown, status: 405 },
  { name: 'a purge of nothing in particular', path: 'purge', how: shown, status: 400 },
  { name: 'a lookup of no GUID', path: 'lookup?guid=x', how: {}, status: 400 },
  { name: 'a why without a hash', path: `why?${guidOf(1)}`, how: {}, status: 400 },
  { name: 'another order', path: 'format', how: shown, status: 404 },
  { name: 'another namespace', path: 'lookup?namespace=other', how: {}, status: 404 },
  {
    name: 'none of no namespaces',
    path: 'lookup',
    how: {},
    status: 404,
    options: { namespaces: [] },
  },
] as const) {
  test(`the control refuses ${name}`, () =>
    withStore(async (ask) => assert.equal((await ask(path, how)).status, status), options));
}

test('the control leaves other paths alone', () => {
  const request = {
    method: 'GET',
    url: new URL('http://cache/stats'),
    accept: '',
    body: undefined,
  };
  assert.equal(
    controlReply({ namespaces: [], token: () => undefined }, request, signal),
    undefined,
  );
});
