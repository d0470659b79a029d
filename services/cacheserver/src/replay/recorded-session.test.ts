import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import { readSession } from './recorded-session.ts';

const id = Buffer.from('qte\n'.repeat(8));
const bytesOf = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
const get = unityCacheGet('a', id);
const put = bytesOf(unityCacheBegin(id), unityCachePut('a', 4), 'qqqq', 'te');

for (const { name, sent, kept = sent, gets = 0, transactions = 0 } of [
  { name: 'nothing', sent: bytesOf('') },
  { name: 'half a version', sent: bytesOf('0000'), kept: bytesOf('') },
  { name: 'something else', sent: bytesOf('GET / HTTP/1.1'), kept: bytesOf('') },
  { name: 'a version', sent: bytesOf('000000fe') },
  { name: 'a whole session', sent: bytesOf('fe', put, get, get), gets: 2, transactions: 1 },
  {
    name: 'a session with its quit',
    sent: bytesOf('fe', get, 'q'),
    kept: bytesOf('fe', get),
    gets: 1,
  },
  {
    name: 'a session cut in a command',
    sent: bytesOf('fe', get, get.subarray(0, 9)),
    kept: bytesOf('fe', get),
    gets: 1,
  },
  {
    name: 'a session cut in a body',
    sent: bytesOf('fe', put.subarray(0, -4)),
    kept: bytesOf('fe', put.subarray(0, 34)),
  },
  {
    name: 'a session that goes wrong',
    sent: bytesOf('fe', get, 'x', get),
    kept: bytesOf('fe', get),
    gets: 1,
  },
]) {
  test(`a recording of ${name} is replayed as far as it is whole`, () => {
    assert.deepEqual(readSession(sent), { bytes: kept, gets, transactions });
  });
}
