import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RespMap } from '@tweendeck/wire';
import { decodeHead, encodeHead, type FileHead, fieldsOf, RedisNames } from './redis-record.ts';

const head: FileHead = {
  sizeBytes: 2 ** 31 - 1,
  crc: 0xfedc_ba98,
  storedMs: Date.UTC(2026, 0, 1),
  version: '0123456789abcdef'.repeat(2),
  where: 'chunks',
  chunkBytes: 262_144,
};

test('a head comes back as it was', () => {
  for (const where of ['inline', 'chunks'] as const) {
    assert.deepEqual(decodeHead(encodeHead({ ...head, where })), { ...head, where });
  }
});

test('no byte of a head may change, go or come', () => {
  const bytes = encodeHead(head);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(decodeHead(changed), undefined, `byte ${at}`);
    assert.equal(decodeHead(bytes.subarray(0, at)), undefined);
  }
  assert.equal(decodeHead(Buffer.concat([bytes, Buffer.alloc(1)])), undefined);
  assert.equal(decodeHead(null), undefined);
  assert.equal(decodeHead('text'), undefined);
});

test('fields are read in either protocol', () => {
  const [name, value] = [Buffer.from('a'), Buffer.from('x')];
  assert.deepEqual(fieldsOf([name, value]), new Map([['a', value]]));
  assert.deepEqual(fieldsOf(new RespMap([[name, value]])), new Map([['a', value]]));
  assert.equal(fieldsOf([]), undefined);
  assert.equal(fieldsOf('OK'), undefined);
});

test('names lead back to what they name, and to nothing of others', () => {
  const names = new RedisNames('a[*]:');
  const id = Buffer.alloc(32, 0xab);
  const record = Buffer.from(names.record(id));
  const value = Buffer.from(names.value(id, 'r', head.version));
  assert.deepEqual(names.idOf(record), id);
  assert.equal(names.idOf(value), undefined);
  assert.deepEqual(names.valueOf(value), { id, type: 'r', version: head.version });
  assert.equal(names.valueOf(record), undefined);
  for (const foreign of ['a[*]:k:', 'b:k:00', `${record.toString()}0`, `x${record.toString()}`]) {
    assert.equal(names.idOf(Buffer.from(foreign)), undefined, foreign);
  }
  assert.equal(names.recordPattern(id.subarray(0, 2)), 'a\\[\\*\\]:k:abab*');
});
