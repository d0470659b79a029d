import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { type IndexedFile, KeyIndex } from './key-index.ts';

const place: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };

function clearSegment(index: KeyIndex, segment: number): void {
  for (let record = 0; record < index.recordsEnd; record++) {
    for (let file = 0; file < 3; file++) {
      index.read(record, file, place);
      if (place.segment === segment) index.clear(record, file);
    }
  }
}

test('an index agrees with a map through inserts, clears and whole segments', () => {
  const random = seededRandom(11);
  const index = new KeyIndex(5);
  const model = new Map<string, { segment: number; offset: number }>();
  const keys = Array.from({ length: 4_000 }, () => Buffer.from(random.bytes(32)));
  for (let step = 0; step < 30_000; step++) {
    const key = keys[random.integer(keys.length)] ?? Buffer.alloc(32);
    const name = key.toString('hex');
    const chance = random.next();
    if (chance < 0.6) {
      const segment = 1 + random.integer(6);
      index.write(index.insert(key, 0), 1, { segment, offset: step, sizeBytes: 1, crc: step });
      model.set(name, { segment, offset: step });
    } else if (chance < 0.999) {
      const record = index.find(key, 0);
      assert.equal(record >= 0, model.has(name));
      if (record >= 0) index.clear(record, 1);
      model.delete(name);
    } else {
      const segment = 1 + random.integer(6);
      clearSegment(index, segment);
      for (const [other, held] of model) if (held.segment === segment) model.delete(other);
    }
    assert.equal(index.count, model.size);
  }
  for (const key of keys) {
    const record = index.find(key, 0);
    const wanted = model.get(key.toString('hex'));
    assert.equal(record >= 0, wanted !== undefined);
    if (wanted === undefined) continue;
    assert.ok(index.read(record, 1, place));
    assert.deepEqual({ segment: place.segment, offset: place.offset }, wanted);
    assert.equal(index.read(record, 0, place), false);
  }
});

test('a key of which only a trace is left is not found, yet known', () => {
  const index = new KeyIndex(3);
  const key = Buffer.alloc(32, 9);
  const record = index.insert(key, 0);
  index.write(record, 0, { segment: 4, offset: 8, sizeBytes: 5, crc: 1 });
  index.write(record, 2, { segment: 5, offset: 8, sizeBytes: 5, crc: 1 });
  const trace = (segment: number): IndexedFile => ({ segment, offset: 0, sizeBytes: 0, crc: 0 });
  index.write(record, 0, trace(4));
  assert.equal(index.find(key, 0), record);
  index.write(record, 2, trace(6));
  assert.deepEqual([index.find(key, 0), index.locate(key, 0)], [-1, record]);
  assert.deepEqual([index.count, index.records], [0, 1]);
  assert.equal(index.read(record, 2, place), false);
  assert.equal(place.segment, 6);
  clearSegment(index, 4);
  assert.equal(index.locate(key, 0), record);
  assert.equal(index.insert(key, 0), record);
  index.write(record, 1, { segment: 7, offset: 0, sizeBytes: 1, crc: 0 });
  assert.deepEqual([index.count, index.records], [1, 1]);
  clearSegment(index, 7);
  clearSegment(index, 6);
  assert.deepEqual([index.locate(key, 0), index.count, index.records], [-1, 0, 0]);
});

test('times of a key never go back, and start anew with the key', () => {
  const index = new KeyIndex(3);
  const key = Buffer.alloc(32, 9);
  const file = { segment: 1, offset: 0, sizeBytes: 1, crc: 0 };
  const record = index.insert(key, 0);
  index.write(record, 2, file);
  index.committed(record, 100);
  index.used(record, 150);
  index.committed(record, 120);
  index.used(record, 90);
  assert.deepEqual([index.committedSeconds(record), index.usedSeconds(record)], [120, 150]);
  assert.ok(index.holdsKey(record));
  const copy = Buffer.alloc(40);
  index.keyOf(record, copy, 8);
  assert.deepEqual(copy.subarray(8), key);
  index.clear(record, 2);
  assert.ok(!index.holdsKey(record));
  assert.equal(index.insert(key, 0), record);
  assert.deepEqual([index.committedSeconds(record), index.usedSeconds(record)], [0, 0]);
  assert.equal(index.recordsEnd, 1);
});

test('a key costs less than 110 bytes', () => {
  const index = new KeyIndex(1);
  const key = Buffer.alloc(36);
  for (let number = 0; number < 200_000; number++) {
    key.writeUInt32BE(number, 4);
    index.write(index.insert(key, 4), 0, { segment: 1, offset: number, sizeBytes: 1, crc: 0 });
  }
  assert.equal(index.count, 200_000);
  assert.ok(index.bytes / index.count < 110, `${index.bytes / index.count} bytes a key`);
});
