import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { isPlatformError, type Random, seededRandom } from '@tweendeck/std';
import { type BodySource, openBody } from './body-reader.ts';
import { MemoryTier } from './memory-tier.ts';
import { diskPartBytes, PartBuffers } from './part-buffers.ts';
import type { BodyReader } from './value-store.ts';

/** A file that tells its number, and now and then its place, on a disk that takes its time and gives less than asked for. */
function sourceOf(file: number, sizeBytes: number, random: Random): BodySource {
  const content = contentOf(file, sizeBytes);
  return {
    segment: file,
    offset: 0,
    sizeBytes,
    crc: crc32(content),
    damaged: () => undefined,
    async read(target, at, length, position) {
      for (let wait = random.integer(6); wait > 0; wait--) await turn();
      const count = random.integer(3) === 0 ? Math.ceil(length / 2) : length;
      content.copy(target, at, position, position + count);
      return count;
    },
  };
}

function contentOf(file: number, sizeBytes: number): Buffer {
  const content = Buffer.alloc(sizeBytes, file % 251);
  for (let at = 0; at + 4 <= sizeBytes; at += 4_096) content.writeUInt32LE(at, at);
  return content;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads a file as a connection does: a part is looked at until it was sent, then given back, or not. */
async function send(body: BodyReader, content: Buffer, random: Random): Promise<void> {
  const endsAt = random.integer(4) === 0 ? random.integer(content.length) : content.length;
  let sent = 0;
  try {
    while (sent < endsAt) {
      const part = await body.next();
      assert.ok(part);
      for (let wait = random.integer(8); wait > 0; wait--) await turn();
      assert.ok(part.equals(content.subarray(sent, sent + part.length)), 'foreign bytes');
      sent += part.length;
      if (random.integer(3) > 0) body.recycle?.(part);
    }
    if (endsAt === content.length) assert.equal(await body.next(), undefined);
  } finally {
    body.close(); // maybe with a part on its way from the disk
  }
}

for (let seed = 1; seed <= 8; seed++) {
  test(`files that are read at once never get each other's bytes, history ${seed}`, async () => {
    const random = seededRandom(seed);
    const memory = { tier: new MemoryTier(seed % 2 ? 0 : 8 * 1_048_576), parts: new PartBuffers() };
    const sizes = Array.from({ length: 10 }, (_, file) =>
      file % 2 === 0 ? 2 * diskPartBytes : 1 + random.integer(3 * diskPartBytes),
    );
    const readers = Array.from({ length: 12 }, async (_, reader) => {
      for (let time = 0; time < 4; time++) {
        const file = (reader * 4 + time) % sizes.length;
        const size = sizes[file] ?? 0;
        const body = openBody(sourceOf(file, size, random), memory);
        await send(body, contentOf(file, size), random);
      }
    });
    await Promise.all(readers);
    assert.ok(memory.tier.bytes <= memory.tier.bytesMax);
  });
}

test("a damaged file is not read to its end, and its parts are nobody else's before they are given back", async () => {
  const parts = new PartBuffers();
  const source = sourceOf(1, 2 * diskPartBytes, seededRandom(1));
  const body = openBody({ ...source, crc: source.crc ^ 1 }, { tier: new MemoryTier(0), parts });
  const first = await body.next();
  assert.ok(first);
  await assert.rejects(Promise.resolve(body.next()), (error) => isPlatformError(error));
  body.close();
  body.recycle?.(first); // too late: the reader is closed
  assert.notEqual(parts.take(diskPartBytes), first);
});
