// Class 47: mutated sessions against the real process. Nothing of them may stay, and nobody else may notice.
// TWEENDECK_FUZZ_SESSIONS=5000 makes it long, TWEENDECK_FUZZ_SEED repeats a run.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Random, seededRandom } from '@tweendeck/std';
import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import { type CacheProcess, startCacheProcess } from './support/cache-process.ts';
import { makeCertificate } from './support/certificates.ts';
import { EditorClient } from './unity-clients.ts';

const sessions = Number(process.env['TWEENDECK_FUZZ_SESSIONS'] ?? 300);
const seed = Number(process.env['TWEENDECK_FUZZ_SEED'] ?? 20_261_122);
const roundSessions = 100;
const together = 20;
/** What buffers, caches of the runtime and the memory tier may take beyond the first round. */
const growthBytesMax = 96 * 1_048_576;

const bytesOf = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );

const witnessEntry = { guid: Buffer.alloc(16, 0xd1), hash: Buffer.alloc(16, 0xd2) };
const witnessFiles = {
  a: Buffer.alloc(90_000, 1),
  i: Buffer.alloc(77, 2),
  r: Buffer.alloc(3_000, 3),
};

function keyOf(random: Random): Buffer {
  return Buffer.concat([Buffer.alloc(31, 0x51), Buffer.from([random.integer(20)])]);
}

function sizeOf(random: Random): number {
  const sizes = [1, 2, 100, 4_096, 65_536, 65_537, 300_000, 2_000_000];
  return sizes[Math.min(random.integer(sizes.length), random.integer(sizes.length))] ?? 1;
}

/** A session that could be a client's, and its header where a proxy is expected. */
function session(random: Random): Buffer {
  const parts: (string | Buffer)[] = ['000000fe'];
  for (let command = random.integer(8); command >= 0; command--) {
    const key = keyOf(random);
    if (random.next() < 0.5) parts.push(unityCacheGet(typeOf(random), key));
    else {
      parts.push(unityCacheBegin(key));
      for (let file = random.integer(4); file > 0; file--) {
        const size = sizeOf(random);
        parts.push(unityCachePut(typeOf(random), size), Buffer.alloc(size, 0x71));
      }
      if (random.next() < 0.9) parts.push('te');
    }
  }
  if (random.next() < 0.3) parts.push('q');
  return bytesOf(...parts);
}

function typeOf(random: Random): 'a' | 'i' | 'r' {
  return (['a', 'i', 'r'] as const)[random.integer(3)] ?? 'a';
}

/** Flips, drops, repeats, inserts and cuts. */
function mutated(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let change = random.integer(4); change > 0; change--) {
    const at = random.integer(Math.min(result.length, 400) + 1);
    const length = random.integer(40);
    const [head, tail] = [result.subarray(0, at), result.subarray(at)];
    const kinds = [
      () => bytesOf(head, Buffer.from(random.bytes(1)), tail.subarray(1)),
      () => bytesOf(head, tail.subarray(length)),
      () => bytesOf(head, tail.subarray(0, length), tail),
      () => bytesOf(head, Buffer.from(random.bytes(length)), tail),
      () => head,
    ];
    result = Buffer.from((kinds[random.integer(kinds.length)] ?? kinds[0])?.() ?? result);
  }
  return result;
}

/** Runs one session: sends it in pieces, reads or does not, and leaves in one of several ways. */
async function run(port: number, bytes: Buffer, random: Random): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  if (random.next() < 0.8) socket.resume();
  const pieces = 1 + random.integer(6);
  const length = Math.ceil(bytes.length / pieces) || 1;
  for (let at = 0; at < bytes.length && !socket.destroyed; at += length) {
    socket.write(bytes.subarray(at, at + length));
    await new Promise(setImmediate);
  }
  const way = random.integer(4);
  if (way === 0) socket.resetAndDestroy();
  else if (way === 1) socket.destroy();
  else {
    socket.end();
    socket.resume();
  }
  await closed;
}

async function assertNothingStays(cache: CacheProcess, baseline: number): Promise<void> {
  let left = '';
  await cache
    .until('connections and uploads of a round gone', async () => {
      const { server, store } = await cache.stats();
      left = JSON.stringify({ open: server.connectionsOpen, uploadBytes: store.uploadBytes });
      return server.connectionsOpen === 1 && store.uploadBytes === 0;
    })
    .catch((error: unknown) => {
      throw new Error(`left: ${left}`, { cause: error });
    });
  const { store } = await cache.stats();
  await cache.until('descriptors of a round gone', () => {
    const paths = cache.descriptors();
    const deleted = paths.filter((path) => path.endsWith('(deleted)'));
    const sockets = paths.filter((path) => path.startsWith('socket:'));
    return deleted.length === 0 && sockets.length <= baseline;
  });
  const files = readdirSync(join(cache.directory, 'main')).filter((name) =>
    name.endsWith('.single'),
  );
  assert.ok(files.length <= store.segments, `${files.length} files of ${store.segments} segments`);
}

test(`${sessions} mutated sessions leave nothing behind, and a witness never notices (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  const local = { address: '127.0.0.1:0' };
  await using cache = await startCacheProcess((directory) => {
    const own = makeCertificate(directory, { name: 'cache' });
    return {
      namespaces: [
        {
          name: 'main',
          directory: 'main',
          storage: '64Mi',
          memory: '8Mi',
          listen: [
            local,
            { ...local, readOnly: true },
            { ...local, proxyProtocol: { trusted: ['127.0.0.1'] } },
            { ...local, tls: { certificate: own.certificateFile, key: own.keyFile } },
          ],
        },
      ],
      status: { address: '127.0.0.1:0' },
      drain: '1s',
    };
  });
  const [open = 0, readOnly = 0, proxied = 0, secured = 0] = cache.ports;
  const ports = [open, open, open, readOnly, proxied, secured];
  const witness = await EditorClient.connect('127.0.0.1', open);
  await witness.store(witnessEntry, witnessFiles);
  assert.deepEqual(await witness.find(witnessEntry), witnessFiles);
  const sockets = cache.descriptors().filter((path) => path.startsWith('socket:')).length + 1;
  let firstBytes = 0;
  for (let done = 0; done < sessions; done += together) {
    const batch = Array.from({ length: Math.min(together, sessions - done) }, () => {
      const port = ports[random.integer(ports.length)] ?? open;
      const header = port === proxied ? 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n' : '';
      return run(port, mutated(bytesOf(header, session(random)), random), random);
    });
    await Promise.all(batch);
    if ((done + together) % roundSessions !== 0) continue;
    await assertNothingStays(cache, sockets);
    await witness.store(witnessEntry, witnessFiles);
    assert.deepEqual(
      await witness.find(witnessEntry),
      witnessFiles,
      `after ${done + together} sessions`,
    );
    firstBytes ||= cache.residentBytes();
  }
  const growth = cache.residentBytes() - firstBytes;
  assert.ok(growth < growthBytesMax, `${growth} bytes of memory more than after the first round`);
  const { server } = await cache.stats();
  assert.ok(server.connectionsOpened > sessions * 0.9);
  assert.ok(
    (server.transactions['stored'] ?? 0) > sessions / 10,
    'sessions that never store test little',
  );
  assert.ok(Object.keys(server.closings).length > 6, JSON.stringify(server.closings));
  witness.close();
  cache.signal('SIGTERM');
  assert.deepEqual(await cache.ended, { code: 0, signal: null });
  assert.ok(!cache.lines.some(({ level }) => level === 'error'), JSON.stringify(cache.lines));
});
