import assert from 'node:assert/strict';
import { test } from 'node:test';

import { diskPartBytes, PartBuffers } from './part-buffers.ts';

test('a part that was given back is the next one', () => {
  const parts = new PartBuffers();
  const part = parts.take(diskPartBytes);
  assert.notEqual(parts.take(diskPartBytes), part);
  parts.give(part);
  assert.equal(parts.take(diskPartBytes), part);
});

test('the last part of a file, which is shorter, is never used again', () => {
  const parts = new PartBuffers();
  const part = parts.take(10);
  parts.give(part);
  assert.notEqual(parts.take(10), part);
});

test('16 idle parts are kept', () => {
  const parts = new PartBuffers();
  const taken = Array.from({ length: 20 }, () => parts.take(diskPartBytes));
  for (const part of taken) parts.give(part);
  const again = Array.from({ length: 20 }, () => parts.take(diskPartBytes));
  assert.equal(again.filter((part) => taken.includes(part)).length, 16);
});
