// The data plane as Unity's clients and their operators meet it: builds, crowds, a killed process, a full disk.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { RawConnection, startCacheRig } from './support/cache-rig.ts';
import { BuildPipelineClient, EditorClient, type UnityEntry } from './unity-clients.ts';

function entryOf(number: number): UnityEntry {
  const guid = Buffer.alloc(16, 3);
  guid.writeUInt32LE(number, 4);
  return { guid, hash: Buffer.alloc(16, 7) };
}

test('a build downloads thousands of entries that another build uploaded', async () => {
  await using rig = await startCacheRig();
  const count = 3_000;
  const uploader = await BuildPipelineClient.connect('127.0.0.1', rig.port);
  const infoOf = (number: number): Buffer => Buffer.alloc(600, number % 256);
  const resourceOf = (number: number): Buffer =>
    Buffer.alloc(number % 50 === 0 ? 200_000 : 3_000, number % 256);
  for (let number = 0; number < count; number++) {
    uploader.upload(
      entryOf(number),
      infoOf(number),
      number % 3 === 0 ? undefined : resourceOf(number),
    );
  }
  await uploader.download([entryOf(count + 1)]); // behind all uploads
  uploader.close();
  const reader = await BuildPipelineClient.connect('127.0.0.1', rig.port);
  const answers = await reader.download(
    Array.from({ length: count + 10 }, (_, number) => entryOf(number)),
  );
  for (const [number, { i, r }] of answers.entries()) {
    if (number >= count) assert.deepEqual([i, r], [undefined, undefined]);
    else {
      assert.ok(i?.equals(infoOf(number)), `info ${number}`);
      assert.equal(r?.equals(resourceOf(number)) ?? false, number % 3 !== 0, `resource ${number}`);
    }
  }
  reader.close();
  await rig.until('quit counted', () => rig.closings('quit') === 2);
  await rig.assertNothingLeft();
});

test('a build whose info has one byte loses that connection, and stores nothing false', async () => {
  await using rig = await startCacheRig();
  const client = await BuildPipelineClient.connect('127.0.0.1', rig.port);
  client.upload(entryOf(1), Buffer.from('x'), Buffer.alloc(100));
  await assert.rejects(client.download([entryOf(2)]), /closed|ended|ECONNRESET|EPIPE/);
  const reader = await EditorClient.connect('127.0.0.1', rig.port);
  assert.deepEqual(await reader.find(entryOf(1)), {});
  reader.close();
  await rig.assertNothingLeft();
});

test('an editor finds what it stored, of any size, and what another overwrote', async () => {
  await using rig = await startCacheRig();
  const first = await EditorClient.connect('127.0.0.1', rig.port);
  const second = await EditorClient.connect('127.0.0.1', rig.port);
  for (const length of [2, 70_000, 9_000_000]) {
    const files = {
      a: Buffer.alloc(length, 1),
      i: Buffer.alloc(20, 2),
      r: Buffer.alloc(length / 2, 3),
    };
    await first.store(entryOf(length), files);
    assert.deepEqual(await first.find(entryOf(length)), files);
    const newer = { ...files, a: Buffer.alloc(length + 1, 4) };
    await second.store(entryOf(length), newer);
    assert.deepEqual(await second.find(entryOf(length)), newer);
    assert.deepEqual(await first.find(entryOf(length + 1)), {});
    assert.deepEqual(await first.find(entryOf(length)), newer);
  }
  first.close();
  second.close();
  await rig.assertNothingLeft();
});

test('64 writers of one key: every reader gets all three files of one of them', async () => {
  await using rig = await startCacheRig();
  const entry = entryOf(1);
  let writing = 64;
  const writers = Array.from({ length: 64 }, async (_, writer) => {
    const client = await EditorClient.connect('127.0.0.1', rig.port);
    for (let round = 0; round < 6; round++) {
      await client.store(entry, {
        a: Buffer.alloc(1_000 + writer * 4_000, writer),
        i: Buffer.alloc(10 + writer, writer),
        r: Buffer.alloc(100 + writer * 1_500, writer),
      });
    }
    await client.find(entryOf(2));
    client.close();
    writing--;
  });
  let checked = 0;
  const readers = Array.from({ length: 8 }, async () => {
    const client = await EditorClient.connect('127.0.0.1', rig.port);
    do {
      const { a, i, r } = await client.find(entry);
      if (a === undefined) continue;
      const writer = a[0] ?? 0;
      assert.deepEqual(
        [a.length, i?.length, r?.length],
        [1_000 + writer * 4_000, 10 + writer, 100 + writer * 1_500],
      );
      for (const bytes of [a, i, r]) assert.ok(bytes?.equals(Buffer.alloc(bytes.length, writer)));
      checked++;
    } while (writing > 0);
    client.close();
  });
  await Promise.all([...writers, ...readers]);
  assert.ok(checked > 8, `${checked} reads`);
  await rig.assertNothingLeft();
});

test('a download that waits goes on with its version while the key is overwritten and evicted', async () => {
  await using rig = await startCacheRig({}, { storageBytes: 32 * 1_048_576 });
  const writer = await EditorClient.connect('127.0.0.1', rig.port);
  const files = { a: Buffer.alloc(6_000_000, 0xaa), i: Buffer.alloc(50, 0xaa) };
  await writer.store(entryOf(1), files);
  await writer.find(entryOf(99));
  using slow = await RawConnection.open(rig.port);
  const id = Buffer.concat([entryOf(1).guid, entryOf(1).hash]);
  slow.socket.pause();
  const gets = ['a', 'a', 'i'].flatMap((type) => [Buffer.from(`g${type}`), id]);
  await slow.send(Buffer.concat([Buffer.from('fe'), ...gets]));
  await rig.until('the gets were read', () => (rig.server.stats().server.hits.a ?? 0) >= 2);
  for (let number = 0; number < 40; number++) {
    await writer.store(entryOf(number % 2 === 0 ? 1 : number), {
      a: Buffer.alloc(3_000_000, number),
    });
  }
  await writer.find(entryOf(99));
  assert.ok(rig.store.stats().evictedSegments > 0);
  assert.ok(rig.store.stats().storageBytes <= 32 * 1_048_576);
  slow.socket.resume();
  const got = await slow.expect(8 + 2 * (50 + 6_000_000) + 50 + 50);
  for (const at of [58, 58 + 6_000_050]) {
    assert.ok(got.subarray(at, at + 6_000_000).equals(files.a), 'foreign bytes');
  }
  assert.ok(got.subarray(-50).equals(files.i));
  slow.socket.destroy();
  writer.close();
  await rig.assertNothingLeft();
});

/** A file of which every word tells file and place. */
function tellingFile(file: number, sizeBytes: number): Buffer {
  const words = new Uint32Array(sizeBytes / 4);
  for (let at = 0; at < words.length; at++) words[at] = file * 0x1000000 + at;
  return Buffer.from(words.buffer);
}

for (const memoryBytes of [0, 64 * 1_048_576]) {
  test(`slow, quick and vanishing readers of large files get no foreign byte, with ${memoryBytes} bytes of memory`, async () => {
    await using rig = await startCacheRig({}, { memoryBytes });
    const random = seededRandom(memoryBytes + 5);
    const writer = await EditorClient.connect('127.0.0.1', rig.port);
    const files = [3_000_000, 2_621_440, 262_144, 1_500_004].map((size, file) =>
      tellingFile(file, size),
    );
    for (const [file, content] of files.entries())
      await writer.store(entryOf(file), { a: content });
    await writer.find(entryOf(99));
    writer.close();
    let whole = 0;
    const read = async (): Promise<void> => {
      const wanted = Array.from({ length: 6 }, () => random.integer(files.length));
      const client = await RawConnection.open(rig.port);
      client.socket.removeAllListeners('data');
      const bodies = wanted.map((file) => files[file] ?? Buffer.alloc(0));
      const ids = wanted.map((file) => Buffer.concat([entryOf(file).guid, entryOf(file).hash]));
      client.socket.write(
        Buffer.concat([Buffer.from('fe'), ...ids.flatMap((id) => [Buffer.from('ga'), id])]),
      );
      const heads = bodies.map((body, at) =>
        Buffer.concat([
          Buffer.from(`+a${body.length.toString(16).padStart(16, '0')}`),
          ids[at] ?? Buffer.alloc(0),
        ]),
      );
      const expected = Buffer.concat([
        Buffer.from('000000fe'),
        ...bodies.flatMap((body, at) => [heads[at] ?? body, body]),
      ]);
      const endsAt = random.integer(3) === 0 ? random.integer(expected.length) : expected.length;
      let at = 0;
      for await (const chunk of client.socket) {
        assert.ok(chunk.equals(expected.subarray(at, at + chunk.length)), `foreign bytes at ${at}`);
        at += chunk.length;
        if (at >= endsAt) break; // which destroys the socket, maybe in the middle
        for (let wait = random.integer(40) - 30; wait > 0; wait--) await new Promise(setImmediate);
      }
      if (at === expected.length) whole++;
    };
    await Promise.all(Array.from({ length: 16 }, read));
    await Promise.all(Array.from({ length: 16 }, read));
    assert.ok(whole >= 10, `${whole} whole`);
    await rig.assertNothingLeft();
  });
}

test('the side door tells liveness, readiness and figures, and draining lets clients finish', async () => {
  await using rig = await startCacheRig();
  const client = await EditorClient.connect('127.0.0.1', rig.port);
  await client.store(entryOf(1), { a: Buffer.alloc(10, 1) });
  await client.find(entryOf(1));
  const ask = async (path: string): Promise<{ status: number; body: string }> => {
    const response = await fetch(`http://127.0.0.1:${rig.healthPort}${path}`);
    return { status: response.status, body: await response.text() };
  };
  assert.deepEqual(await ask('/livez'), { status: 200, body: 'ok\n' });
  assert.deepEqual(await ask('/readyz'), { status: 200, body: 'ok\n' });
  assert.equal((await ask('/nowhere')).status, 404);
  const metrics = (await ask('/metrics')).body;
  for (const line of [
    'tweendeck_cache_hits_total{namespace="default",type="a"} 1',
    'tweendeck_cache_keys{namespace="default"} 1',
    'tweendeck_cache_transactions_total{namespace="default",end="stored"} 1',
  ]) {
    assert.ok(metrics.split('\n').includes(line), line);
  }
  assert.match((await ask('/stats')).body, /"state":"serving"/);
  using uploading = await RawConnection.open(rig.port);
  await uploading.send(Buffer.concat([Buffer.from('fets'), Buffer.alloc(32, 5)]));
  await uploading.expect(8);
  const drained = rig.server.drain(5_000);
  await rig.until('idle clients gone', () => rig.closings('drained') === 1);
  assert.equal((await ask('/readyz')).status, 503);
  await uploading.send(Buffer.concat([Buffer.from('pa0000000000000001xte')]));
  await drained;
  assert.equal(rig.closings('drained'), 2);
  assert.equal(rig.store.stats().keys, 2);
});

test('a client that is at work is served on while the server drains, and let go when it rests', async () => {
  await using rig = await startCacheRig();
  const client = await EditorClient.connect('127.0.0.1', rig.port);
  await client.store(entryOf(1), { a: Buffer.alloc(10, 1) });
  const drained = rig.server.drain(30_000);
  for (let question = 0; question < 200; question++) {
    assert.equal((await client.find(entryOf(1))).a?.length, 10);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await assert.rejects(EditorClient.connect('127.0.0.1', rig.port), 'nobody new comes in');
  await drained;
  assert.equal(rig.closings('drained'), 1);
});

test('too many connections: the further ones are closed, the others go on', async () => {
  await using rig = await startCacheRig({ connectionsMax: 5 });
  const kept = await Promise.all(
    Array.from({ length: 5 }, () => EditorClient.connect('127.0.0.1', rig.port)),
  );
  await assert.rejects(EditorClient.connect('127.0.0.1', rig.port));
  for (const client of kept) assert.deepEqual(await client.find(entryOf(1)), {});
  assert.equal(rig.closings('too-many-connections'), 1);
  for (const client of kept) client.close();
  await rig.assertNothingLeft();
});

// Class 26: the process is killed, again and again.

async function startChild(directory: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'support/cache-child.ts'), directory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => reject(new Error('the cache did not come up')));
  });
  return { child, port: Number(line) };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Files whose sizes and bytes all follow from their version. */
function versionOf(key: number, version: number): { a: Buffer; i: Buffer; r: Buffer } {
  const random = seededRandom(key * 1_000_003 + version);
  const [large, small] = [random.next() < 0.2, random.integer(5_000)];
  const content = (length: number): Buffer => {
    const bytes = Buffer.alloc(length, version % 256);
    bytes.writeUInt32LE(version, 0);
    return bytes;
  };
  return {
    a: content(large ? 400_000 : 4 + small),
    i: content(4 + (small % 90)),
    r: content(4 + random.integer(9_000)),
  };
}

test('a server killed at random, 12 times: acknowledged uploads are there, whole', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cache-kill-'));
  const random = seededRandom(2_024);
  const keys = 12;
  const acknowledged = new Array<number>(keys).fill(0);
  const sent = new Array<number>(keys).fill(0);
  let running: ChildProcess | undefined;
  try {
    for (let round = 0; round < 12; round++) {
      const { child, port } = await startChild(directory);
      running = child;
      const reader = await EditorClient.connect('127.0.0.1', port);
      for (let key = 0; key < keys; key++) {
        const files = await reader.find(entryOf(key));
        const version = files.a?.readUInt32LE(0) ?? 0;
        const [least, most] = [acknowledged[key] ?? 0, sent[key] ?? 0];
        assert.ok(
          version >= least && version <= most,
          `key ${key}: ${version}, not ${least} to ${most}`,
        );
        if (version > 0) assert.deepEqual(files, versionOf(key, version));
        acknowledged[key] = version;
      }
      reader.close();
      const writers = Array.from({ length: keys }, async (_, key) => {
        const client = await EditorClient.connect('127.0.0.1', port);
        for (;;) {
          const version = (sent[key] ?? 0) + 1;
          sent[key] = version;
          await client.store(entryOf(key), versionOf(key, version));
          await client.find(entryOf(1_000)); // answered: the upload before it was processed
          acknowledged[key] = version;
        }
      });
      const ended = Promise.allSettled(writers);
      const delayMs = 20 + random.integer(120);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await kill(child);
      await ended;
    }
    assert.ok(
      acknowledged.every((version) => version > 0),
      acknowledged.join(' '),
    );
  } finally {
    running?.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});
