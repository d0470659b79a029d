// Mirrors and upstreams as operators run them: real processes, killed while they have something to bring.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { type CacheProcess, startCacheProcess } from './support/cache-process.ts';
import { EditorClient, type UnityEntry } from './unity-clients.ts';

function entryOf(number: number): UnityEntry {
  const guid = Buffer.alloc(16, 3);
  guid.writeUInt32LE(number, 4);
  return { guid, hash: Buffer.alloc(16, 7) };
}

function filesOf(number: number): { readonly a: Buffer; readonly i: Buffer; readonly r: Buffer } {
  const large = number % 20 === 0 ? 600_000 : 2_000;
  return {
    a: Buffer.alloc(large, number),
    i: Buffer.alloc(30, number),
    r: Buffer.alloc(400, number),
  };
}

/** A document of one namespace in a directory that outlives its process. */
function document(directory: string, port: number, sections: object): () => object {
  const listen = [{ address: `127.0.0.1:${port}` }];
  const namespace = { name: 'main', directory, storage: '256Mi', memory: '8Mi', listen };
  return () => ({
    namespaces: [{ ...namespace, ...sections }],
    status: { address: '127.0.0.1:0' },
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

interface MirrorFigures {
  readonly lagTransactions: number;
  readonly sent: number;
  readonly state: string;
}

async function mirrorOf(cache: CacheProcess): Promise<MirrorFigures> {
  const stats: unknown = await (await cache.ask('/stats')).json();
  const own = stats as { namespaces: { main: { mirror: { mirrors: MirrorFigures[] } } } }; // its own
  const [mirror] = own.namespaces.main.mirror.mirrors;
  assert.ok(mirror);
  return mirror;
}

/** Stores one key after another until the server is gone; notes those that were acknowledged. */
async function storeUntilKilled(
  port: number,
  next: () => number,
  acknowledged: number[],
): Promise<void> {
  try {
    const client = await EditorClient.connect('127.0.0.1', port);
    for (;;) {
      const number = next();
      await client.store(entryOf(number), filesOf(number));
      await client.find(entryOf(2 ** 31)); // answered: what was before it is stored
      acknowledged.push(number);
    }
  } catch {
    // It was killed.
  }
}

test('a server killed at random, 8 times, half of them with its mirror down: the mirror lacks nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cache-mirror-'));
  const random = seededRandom(7);
  const port = await freePort();
  const sections = {
    mirror: { targets: [`127.0.0.1:${port}`], backfill: false, retryMax: '200ms' },
  };
  const hereWith = (durability: 'none' | 'commit'): (() => object) =>
    document(join(directory, 'here'), 0, { ...sections, durability });
  const here = hereWith('none');
  const there = document(join(directory, 'there'), port, { mirror: {} });
  const acknowledged: number[] = [];
  let next = 0;
  let mirror: CacheProcess | undefined;
  try {
    for (let round = 0; round < 8; round++) {
      if (round === 4) mirror = await startCacheProcess(there);
      await using cache = await startCacheProcess(hereWith(round % 2 === 0 ? 'none' : 'commit'));
      const ownPort = cache.ports[0] ?? 0;
      const storing = Array.from({ length: 8 }, () =>
        storeUntilKilled(ownPort, () => next++, acknowledged),
      );
      const enough = acknowledged.length + 8 + random.integer(24);
      await cache.until('stored', async () => acknowledged.length >= enough);
      cache.signal('SIGKILL');
      await cache.ended;
      await Promise.all(storing);
    }
    assert.ok(acknowledged.length > 50, `${acknowledged.length} stored`);
    await using cache = await startCacheProcess(here);
    await cache.until('mirrored', async () => (await mirrorOf(cache)).lagTransactions === 0);
    const reader = await EditorClient.connect('127.0.0.1', port);
    for (const number of acknowledged) {
      assert.deepEqual(await reader.find(entryOf(number)), filesOf(number), `key ${number}`);
    }
    reader.close();
  } finally {
    await mirror?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  }
});

test('an empty server asks the full one, and has everything when that goes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cache-upstream-'));
  try {
    await using full = await startCacheProcess(document(join(directory, 'full'), 0, {}));
    const writer = await EditorClient.connect('127.0.0.1', full.ports[0] ?? 0);
    for (let number = 0; number < 60; number++)
      await writer.store(entryOf(number), filesOf(number));
    await writer.find(entryOf(2 ** 31));
    writer.close();
    const upstream = { address: `127.0.0.1:${full.ports[0]}` };
    await using empty = await startCacheProcess(
      document(join(directory, 'empty'), 0, { upstream }),
    );
    for (const round of ['asked for', 'kept']) {
      const readers = Array.from({ length: 6 }, async () => {
        const reader = await EditorClient.connect('127.0.0.1', empty.ports[0] ?? 0);
        for (let number = 0; number < 60; number++) {
          assert.deepEqual(
            await reader.find(entryOf(number)),
            filesOf(number),
            `${round} ${number}`,
          );
        }
        assert.deepEqual(await reader.find(entryOf(100)), {});
        reader.close();
      });
      await Promise.all(readers);
      if (round === 'asked for') full.signal('SIGKILL');
      await full.ended;
    }
    const text = await (await empty.ask('/metrics')).text();
    assert.match(
      text,
      /tweendeck_cache_upstream_misses_total\{namespace="main",outcome="filled"\} 60\n/,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
