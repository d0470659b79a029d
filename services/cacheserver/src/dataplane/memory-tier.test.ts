import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryTier } from './memory-tier.ts';

const kibibyte = 1_024;

test('a tier never holds more than its bound, and the least recently used goes first', () => {
  const tier = new MemoryTier(100 * kibibyte);
  for (let offset = 0; offset < 50; offset++) {
    tier.put(1, offset, Buffer.alloc(8 * kibibyte, offset));
    assert.ok(tier.bytes <= tier.bytesMax);
    assert.equal(tier.get(1, 0)?.[0], 0);
  }
  assert.equal(tier.get(1, 1), undefined);
  assert.equal(tier.get(1, 49)?.[0], 49);
});

test('what is held counts until it is released, dropped or not', () => {
  const tier = new MemoryTier(64 * kibibyte);
  tier.put(1, 0, Buffer.alloc(7 * kibibyte));
  const held = tier.hold(1, 0);
  tier.drop(1, 0);
  assert.ok(tier.bytes > 7 * kibibyte);
  assert.equal(tier.get(1, 0), undefined);
  held?.release();
  held?.release();
  assert.equal(tier.bytes, 0);
});

test('a tier full of held values takes nothing more', () => {
  const tier = new MemoryTier(64 * kibibyte);
  const held = Array.from({ length: 8 }, (_, offset) => {
    tier.put(1, offset, Buffer.alloc(7 * kibibyte + 700));
    return tier.hold(1, offset);
  });
  tier.put(2, 0, Buffer.alloc(7 * kibibyte));
  assert.equal(tier.get(2, 0), undefined);
  assert.equal(tier.reserve(7 * kibibyte), false);
  for (const value of held) value?.release();
  assert.ok(tier.reserve(7 * kibibyte));
  tier.unreserve(7 * kibibyte);
});

test('tiny values, and ones above an eighth of the tier, stay out', () => {
  const tier = new MemoryTier(800 * kibibyte);
  for (const [sizeBytes, admitted] of [
    [100, false],
    [4_096, true],
    [99 * kibibyte, true],
    [100 * kibibyte, false],
  ] as const) {
    assert.equal(tier.admits(sizeBytes), admitted, `${sizeBytes} bytes`);
  }
});

test('segments whose numbers lie 2^21 apart are not taken for one another', () => {
  const tier = new MemoryTier(100 * kibibyte);
  tier.put(5, 0, Buffer.alloc(5_000, 1));
  assert.equal(tier.get(5 + 2 ** 21, 0), undefined);
  tier.put(5 + 2 ** 21, 0, Buffer.alloc(5_000, 2));
  assert.equal(tier.get(5, 0), undefined);
  assert.equal(tier.get(5 + 2 ** 21, 0)?.[0], 2);
});
