import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AddressBook, addressText, nextFree, parseRange } from './addresses.ts';

for (const { range, first, last } of [
  { range: '127.73.5.0/24', first: '127.73.5.1', last: '127.73.5.254' },
  { range: '127.73.5.77/29', first: '127.73.5.73', last: '127.73.5.78' },
  { range: '127.0.0.0/8', first: '127.0.0.1', last: '127.255.255.254' },
]) {
  test(`the range ${range} goes from ${first} to ${last}`, () => {
    const found = parseRange(range);
    assert.deepEqual([addressText(found.first), addressText(found.last)], [first, last]);
  });
}

for (const range of [
  '',
  '127.73.5.0',
  '127.73.5.0/30',
  '127.73.5.0/7',
  '127.73.256.0/24',
  '::1/64',
]) {
  test(`"${range}" is no range`, () => {
    assert.throws(() => parseRange(range), { code: 'AGENT_RANGE_INVALID' });
  });
}

test('the next address comes after the last one given, going round', () => {
  const range = parseRange('127.73.5.0/29');
  const used = new Set(['127.73.5.6', '127.73.5.1']);
  const after = (cursor: number): string => addressText(nextFree(range, used, cursor) ?? 0);
  assert.equal(after(0), '127.73.5.2');
  assert.equal(after(range.first + 2), '127.73.5.4');
  assert.equal(after(range.first + 4), '127.73.5.2');
  const all = new Set(Array.from({ length: 6 }, (_, index) => `127.73.5.${index + 1}`));
  assert.equal(nextFree(range, all, 0), undefined);
});

test('an address book keeps addresses, does not give one back at once, and says when it is full', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'addresses-'));
  try {
    const book = await AddressBook.open(directory, '127.73.5.0/29');
    const [one, two] = await Promise.all([book.allot('one'), book.allot('two')]);
    assert.deepEqual([one, two], ['127.73.5.1', '127.73.5.2']);
    await book.release('one');
    const again = await AddressBook.open(directory, '127.73.5.0/29');
    assert.equal(await again.allot('two'), '127.73.5.2');
    assert.equal(await again.allot('three'), '127.73.5.3');
    for (const uid of ['four', 'five', 'six', 'seven']) await again.allot(uid);
    await assert.rejects(again.allot('eight'), { code: 'AGENT_ADDRESSES_EXHAUSTED' });
    await again.retain(new Set(['two']));
    assert.equal(await again.allot('eight'), '127.73.5.3');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
