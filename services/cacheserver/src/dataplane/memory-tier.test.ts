import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryTier } from './memory-tier.ts';

const kibibyte = 1_024;

test('a tier never holds more than its bound, and the least recently used goes first', () => {
  const tier = new MemoryTier(100 * kibibyte);
  for (let offset = 0; offset < 50; offset++) {
    tier.put({ segment: 1, offset }, Buffer.alloc(8 * kibibyte, offset));
    assert.ok(tier.bytes <= tier.bytesMax);
    assert.equal(tier.get({ segment: 1, offset: 0 })?.[0], 0);
  }
  assert.equal(tier.get({ segment: 1, offset: 1 }), undefined);
  assert.equal(tier.get({ segment: 1, offset: 49 })?.[0], 49);
});

test('what is held counts until it is released, dropped or not', () => {
  const tier = new MemoryTier(64 * kibibyte);
  tier.put({ segment: 1, offset: 0 }, Buffer.alloc(7 * kibibyte));
  const held = tier.hold({ segment: 1, offset: 0 });
  tier.drop({ segment: 1, offset: 0 });
  assert.ok(tier.bytes > 7 * kibibyte);
  assert.equal(tier.get({ segment: 1, offset: 0 }), undefined);
  held?.release();
  held?.release();
  assert.equal(tier.bytes, 0);
});

test('a tier full of held values takes nothing more', () => {
  const tier = new MemoryTier(64 * kibibyte);
  const held = Array.from({ length: 8 }, (_, offset) => {
    tier.put({ segment: 1, offset }, Buffer.alloc(7 * kibibyte + 700));
    return tier.hold({ segment: 1, offset });
  });
  tier.put({ segment: 2, offset: 0 }, Buffer.alloc(7 * kibibyte));
  assert.equal(tier.get({ segment: 2, offset: 0 }), undefined);
  assert.equal(tier.reserve({ segment: 3, offset: 0 }, 7 * kibibyte), false);
  for (const value of held) value?.release();
  for (let time = 0; time < 4; time++) tier.get({ segment: 3, offset: 0 }); // each held one was asked for once
  assert.ok(tier.reserve({ segment: 3, offset: 0 }, 7 * kibibyte));
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

/** Reads a place as a store does: true when it was there. */
function asked(tier: MemoryTier, offset: number): boolean {
  const place = { segment: 1, offset };
  if (tier.get(place) !== undefined) return true;
  if (!tier.reserve(place, 8 * kibibyte)) return false;
  tier.unreserve(8 * kibibyte);
  tier.put(place, Buffer.alloc(8 * kibibyte));
  return false;
}

test('going through more than fits, again and again, finds what fits', () => {
  const tier = new MemoryTier(100 * kibibyte);
  let hits = 0;
  for (let turn = 0; turn < 10; turn++) {
    for (let offset = 0; offset < 24; offset++) hits += Number(asked(tier, offset));
  }
  assert.ok(hits >= 9 * 8, `${hits} of 240`); // twelve fit
});

test('what is asked for often now displaces what was, and what is asked for once does not', () => {
  const tier = new MemoryTier(100 * kibibyte);
  const readAll = (first: number): number => {
    let hits = 0;
    for (let offset = first; offset < first + 12; offset++) hits += Number(asked(tier, offset));
    return hits;
  };
  for (let turn = 0; turn < 20; turn++) readAll(0);
  assert.equal(readAll(100), 0);
  assert.equal(readAll(0), 12);
  let turns = 0;
  while (readAll(200) < 12 && turns < 100) turns++;
  assert.ok(turns < 40, `${turns} turns`);
});

test('what was just written comes, whatever was used', () => {
  const tier = new MemoryTier(100 * kibibyte);
  for (let offset = 0; offset < 12; offset++) {
    tier.put({ segment: 1, offset }, Buffer.alloc(8 * kibibyte));
    if (offset > 0) tier.get({ segment: 1, offset });
  }
  tier.put({ segment: 2, offset: 0 }, Buffer.alloc(12 * kibibyte));
  assert.ok(tier.get({ segment: 2, offset: 0 }));
  assert.equal(tier.get({ segment: 1, offset: 0 }), undefined);
});

test('segments whose numbers lie 2^21 apart are not taken for one another', () => {
  const tier = new MemoryTier(100 * kibibyte);
  tier.put({ segment: 5, offset: 0 }, Buffer.alloc(5_000, 1));
  assert.equal(tier.get({ segment: 5 + 2 ** 21, offset: 0 }), undefined);
  tier.put({ segment: 5 + 2 ** 21, offset: 0 }, Buffer.alloc(5_000, 2));
  assert.equal(tier.get({ segment: 5, offset: 0 }), undefined);
  assert.equal(tier.get({ segment: 5 + 2 ** 21, offset: 0 })?.[0], 2);
});
