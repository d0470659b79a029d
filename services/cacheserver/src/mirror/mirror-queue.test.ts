import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import { idOf } from '../dataplane/value-store-conformance.ts';
import { MirrorQueue } from './mirror-queue.ts';

const nowhere = { sequence: 0, totalBytes: 0 };

function open(disk: MemoryDisk, bytesMax = 2 ** 20): MirrorQueue {
  return new MirrorQueue({ disk, bytesMax }, nowhere);
}

function append(queue: MirrorQueue, number: number, done = 0): number | undefined {
  const origin = number % 2 === 0 ? Buffer.alloc(8, 1 + (number % 250)) : undefined;
  return queue.append({ id: idOf(number), sizeBytes: number, storedMs: number * 10, origin }, done);
}

/** The numbers in a queue, each checked whole. */
function numbers(queue: MirrorQueue, from = 1): number[] {
  return queue.read(from, 10_000).map(({ id, sizeBytes, storedMs, origin }) => {
    assert.deepEqual([id, storedMs], [idOf(sizeBytes), sizeBytes * 10]);
    assert.deepEqual(
      origin,
      sizeBytes % 2 === 0 ? Buffer.alloc(8, 1 + (sizeBytes % 250)) : undefined,
    );
    return sizeBytes;
  });
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

test('a mirror queue gives back what it was given, over a death, at every length of its file', () => {
  const disk = new MemoryDisk();
  const queue = open(disk);
  for (const number of range(1, 3)) assert.equal(append(queue, number), number);
  assert.deepEqual(queue.end, { sequence: 3, totalBytes: 6 });
  for (let size = 3 * 72; size >= 0; size--) {
    const torn = disk.afterCrash();
    for (const inode of torn.files.values()) inode.sizeBytes = size;
    const again = open(torn);
    const whole = range(1, Math.floor(size / 72));
    assert.deepEqual(numbers(again), whole);
    assert.equal(append(again, 9), whole.length + 1);
    assert.deepEqual(numbers(open(torn.afterCrash())), [...whole, 9]);
  }
});

test('a mirror queue lets go of what all have, and goes on counting', () => {
  const disk = new MemoryDisk();
  const queue = open(disk, 16 * 16 * 72); // 16 to a file
  for (const number of range(1, 100)) append(queue, number, number - 10);
  assert.ok(disk.files.size <= 2, `${disk.files.size} files`);
  assert.deepEqual(numbers(queue, 91), range(91, 100));
  queue.trim(100);
  const again = open(disk.afterCrash(), 16 * 16 * 72);
  assert.equal(append(again, 101), 101);
  assert.equal(again.dropped, 0);
});

test('a mirror queue that nobody reads stays within its bound: the oldest go, and are counted', () => {
  const disk = new MemoryDisk();
  const bytesMax = 16 * 16 * 72;
  const queue = open(disk, bytesMax);
  for (const number of range(1, 1_000)) append(queue, number);
  assert.ok(disk.usedBytes <= bytesMax, `${disk.usedBytes} bytes`);
  assert.deepEqual(numbers(queue), range(queue.first, 1_000));
  assert.ok(queue.first > 700);
  assert.equal(queue.dropped, queue.first - 1);
  assert.equal(queue.end.totalBytes, 500_500);
});

test('a mirror queue leaves out what is damaged', () => {
  const disk = new MemoryDisk();
  const queue = open(disk);
  for (const number of range(1, 5)) append(queue, number);
  for (const { bytes } of disk.files.values()) bytes[72 * 2 + 8] = 77;
  assert.deepEqual(numbers(queue), [1, 2, 4, 5]);
  assert.deepEqual(numbers(open(disk.afterCrash())), [1, 2, 4, 5]);
});

test('a mirror queue says when the disk does not take a transaction, and goes on when it does', () => {
  const disk = new MemoryDisk();
  const queue = open(disk);
  append(queue, 1);
  disk.fault = ({ operation }) =>
    operation === 'write' ? { error: systemError('ENOSPC'), writtenBytes: 30 } : undefined;
  assert.equal(append(queue, 2), undefined);
  assert.equal(queue.failures, 1);
  disk.fault = () => undefined;
  assert.equal(append(queue, 3), 2);
  assert.deepEqual(numbers(open(disk.afterCrash())), [1, 3]);
});

test('a mirror queue uses no sequence again that a mirror knows', () => {
  const queue = new MirrorQueue(
    { disk: new MemoryDisk(), bytesMax: 2 ** 20 },
    { sequence: 50, totalBytes: 7_000 },
  );
  assert.equal(append(queue, 1), 51);
  assert.equal(queue.end.totalBytes, 7_001);
});
