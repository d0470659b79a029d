// Against a snapshot with a value of each encoding, and what its server gave for each key by DUMP (Redis 7.0.15).

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import recorded from '../../testdata/snapshot-7.0.json' with { type: 'json' };
import { lzfUnpacked } from './lzf.ts';
import { type RdbEntry, RdbScanner } from './rdb-scanner.ts';
import { restoreCommand, slotOf } from './restore-batch.ts';

const snapshot = Buffer.from(recorded.snapshot, 'base64');
const dumps: Readonly<Record<string, string>> = recorded.dumps;

function scan(bytes: Buffer, chunkBytes: number) {
  const entries: RdbEntry[] = [];
  const libraries: string[] = [];
  const sink = {
    entry: (entry: RdbEntry) => void entries.push(entry),
    library: (code: Buffer) => void libraries.push(code.toString()),
  };
  const scanner = new RdbScanner(sink, { keepsValues: true });
  let used = 0;
  for (let at = 0; at < bytes.length; at += chunkBytes)
    used += scanner.push(Buffer.from(bytes.subarray(at, at + chunkBytes)));
  return { scanner, entries, libraries, used };
}

for (const chunkBytes of [1, 7, 100_000]) {
  test(`values are what DUMP gives, in chunks of ${chunkBytes}`, () => {
    const { scanner, entries, libraries, used } = scan(snapshot, chunkBytes);
    assert.ok(scanner.hasEnded);
    assert.equal(used, snapshot.length);
    const made = entries.map((entry) => {
      const [, key, , payload] = restoreCommand(entry, scanner.version);
      return [
        `${entry.database} ${String(key)}`,
        Buffer.from(payload as Buffer).toString('base64'),
      ];
    });
    assert.deepEqual(Object.fromEntries(made), dumps);
    assert.match(libraries.join(), /name=mylib/);
  });
}

test('keys are counted where nobody asks for values and libraries', () => {
  let keys = 0;
  const scanner = new RdbScanner({ entry: () => keys++ }, { keepsValues: false });
  scanner.push(snapshot);
  assert.ok(scanner.hasEnded);
  assert.equal(keys, Object.keys(dumps).length);
});

test('what expires does, and how often it is used, go along', () => {
  const { scanner, entries } = scan(snapshot, 4_096);
  const entry = entries.find(({ key }) => key.toString() === 's:int');
  assert.ok(entry?.expiresMs);
  const words = restoreCommand(entry, scanner.version);
  assert.equal(words[2], String(entry.expiresMs));
  assert.deepEqual(words.slice(4), ['ABSTTL', 'FREQ', entry.frequency]);
});

test('what comes behind the end is not its own', () => {
  const { used } = scan(Buffer.concat([snapshot, Buffer.from('more')]), 64);
  assert.equal(used, snapshot.length);
});

for (const { name, bytes, says } of [
  { name: 'of something else', bytes: Buffer.from('PK34567890'), says: /does not begin/ },
  { name: 'with a value of a module', bytes: Buffer.from('REDIS0010\x07'), says: /type 7/ },
  {
    name: 'with an impossible length',
    bytes: Buffer.from('REDIS0010\xfe\x8f', 'latin1'),
    says: /length/,
  },
]) {
  test(`a file ${name} is refused`, () => {
    assert.throws(() => scan(bytes, 3), { code: 'REDIS_BACKUP_UNREADABLE', message: says });
  });
}

test('a packed string that lies about its length is refused', () => {
  assert.throws(() => lzfUnpacked(Buffer.from([1, 97, 98]), 5), {
    code: 'REDIS_BACKUP_UNREADABLE',
  });
});

for (const [key, slot] of [
  ['123456789', 12_739],
  ['foo', 12_182],
  ['{user1000}.following', 3_443],
  ['foo{}{bar}', 8_363],
  ['foo{{bar}}zap', 4_015],
] as const) {
  test(`${key} belongs to slot ${slot}`, () => {
    assert.equal(slotOf(Buffer.from(key)), slot);
  });
}
