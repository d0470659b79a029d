import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { UploadParts } from './upload-parts.ts';

for (let seed = 1; seed <= 10; seed++) {
  test(`parts come out as they went in, and take no more than twice their bytes and a little (${seed})`, () => {
    const random = seededRandom(seed);
    const parts = new UploadParts();
    const expected: Buffer[] = [];
    let bytes = 0;
    for (let part = 0; part < 60; part++) {
      const chunk = Buffer.from(random.bytes(1 + random.integer(65_536)));
      const from = random.integer(chunk.length);
      const length = random.integer(2) === 0 ? 1 + random.integer(300) : chunk.length - from;
      const piece = chunk.subarray(from, from + length);
      parts.add(piece, random.integer(100_000));
      expected.push(piece);
      bytes += piece.length;
      assert.equal(parts.bytes, bytes);
      assert.ok(parts.memoryBytes >= bytes);
      assert.ok(parts.memoryBytes <= 2 * bytes + 16_384 * (part + 1));
    }
    const taken = parts.take();
    assert.ok(Buffer.concat(taken).equals(Buffer.concat(expected)));
    assert.deepEqual([parts.bytes, parts.memoryBytes, parts.take()], [0, 0, []]);
  });
}

test('a small part of much memory is copied, a large one is not', () => {
  const parts = new UploadParts();
  const chunk = Buffer.alloc(65_536, 1);
  parts.add(chunk.subarray(0, 10_000), 0);
  assert.equal(parts.memoryBytes, 10_000);
  parts.add(chunk.subarray(10_000, 60_000), 0);
  assert.equal(parts.memoryBytes, 10_000 + 65_536);
  const [copied, held] = parts.take();
  assert.notEqual(copied?.buffer, chunk.buffer);
  assert.equal(held?.buffer, chunk.buffer);
});

test('many small parts share memory', () => {
  const parts = new UploadParts();
  for (let left = 9_000; left > 0; left -= 100) parts.add(Buffer.alloc(100, left), left - 100);
  assert.equal(parts.memoryBytes, 9_000);
  assert.equal(parts.take().length, 1);
});
