import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { CommitLog } from './commit-log.ts';
import {
  type CommitRecord,
  commitRecordBytes,
  decodeCommitRecord,
  encodeCommitRecord,
  type FilePlace,
  filesEnd,
} from './commit-record.ts';

const random = seededRandom(7);
const word = (): number => random.integer(2 ** 32);

function recordOf(kind: number): CommitRecord {
  const place = (bit: number): FilePlace | undefined =>
    kind & bit
      ? { offset: word(), sizeBytes: 1 + random.integer(2 ** 31), crc: word() }
      : undefined;
  return {
    sequence: 1 + random.integer(2 ** 48),
    committedMs: random.next() * 2 ** 41,
    id: Buffer.from(Array.from({ length: 32 }, () => random.integer(256))),
    files: [place(1), place(2), place(4)],
    removed: random.integer(8),
  };
}

const records = Array.from({ length: 200 }, (_, at) => recordOf(at % 8));
const log = new CommitLog(records.length);
for (const [at, record] of records.entries()) {
  encodeCommitRecord(record, log.bytes, at * commitRecordBytes);
}

test('a log tells of each record what decoding it does', () => {
  for (const [at, record] of records.entries()) {
    assert.ok(log.isWhole(at));
    assert.equal(log.sequence(at), record.sequence);
    assert.equal(log.committedMs(at), record.committedMs);
    assert.equal(log.removed(at), record.removed);
    assert.equal(log.valuesEnd(at), filesEnd(record.files));
    const id = log.idAt(at);
    const words = Buffer.from(log.words.slice(id, id + 8).buffer);
    assert.deepEqual(words, record.id);
    for (const [file, place] of record.files.entries()) {
      const from = log.fileAt(at, file);
      const told = [...log.words.slice(from, from + 3)];
      assert.deepEqual(told, place ? [place.offset, place.sizeBytes, place.crc] : [0, 0, 0]);
    }
  }
});

test('a log writes the bytes that encoding does, over whatever was there', () => {
  const written = new CommitLog(records.length);
  written.bytes.fill(0xee);
  for (const [at, record] of records.entries()) written.set(at, record);
  assert.ok(written.bytes.equals(log.bytes));
});

test('a bit that changed anywhere is seen, as decoding sees it', () => {
  for (let bit = 0; bit < commitRecordBytes * 8; bit++) {
    const at = bit % records.length;
    const byte = at * commitRecordBytes + Math.floor(bit / 8);
    log.bytes[byte] = (log.bytes[byte] ?? 0) ^ (1 << (bit % 8));
    assert.ok(!log.isWhole(at), `bit ${bit}`);
    assert.equal(decodeCommitRecord(log.bytes, at * commitRecordBytes), undefined);
    log.bytes[byte] = (log.bytes[byte] ?? 0) ^ (1 << (bit % 8));
  }
});
