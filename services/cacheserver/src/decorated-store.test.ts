import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type NamespaceConfig, readCacheConfig } from './config/cache-config.ts';
import { metricsText } from './dataplane/metrics-text.ts';
import { contentOf, getFiles, idOf, putFiles } from './dataplane/value-store-conformance.ts';
import { type OpenNamespace, openNamespace } from './open-namespace.ts';
import { TestWorld } from './testing/planes.ts';

const signal = new AbortController().signal;

/** A namespace that the document says, in a directory that goes with the test. */
function configOf(sections: Record<string, unknown>, directory = '/nowhere'): NamespaceConfig {
  const namespace = {
    name: 'test',
    directory,
    storage: '4Mi',
    listen: ['127.0.0.1:0'],
    ...sections,
  };
  const { namespaces } = readCacheConfig(
    { namespaces: [namespace] },
    { directory: '/', source: 'test' },
  );
  const [config] = namespaces;
  assert.ok(config);
  return config;
}

class Home implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'tweendeck-decorated-'));

  open(world: TestWorld, sections: Record<string, unknown>): Promise<OpenNamespace> {
    const { clock, random, log } = world;
    return openNamespace(configOf(sections, this.directory), { clock, random, log }, signal);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

const small = { a: contentOf(1, 500), i: contentOf(2, 20) };

test('a namespace asks its upstream, counts uploads, and mirrors what it stores, all at once', async () => {
  await using world = new TestWorld();
  const upstream = await world.serve(await world.openStore());
  const mirror = await world.serve(await world.openStore());
  using home = new Home();
  const sections = {
    upstream: { address: `127.0.0.1:${upstream.address.port}` },
    mirror: { targets: [`127.0.0.1:${mirror.address.port}`] },
    reliability: { threshold: 2 },
  };
  await using namespace = await home.open(world, sections);
  const { store } = namespace;
  await putFiles(upstream.store, idOf(1), small);
  assert.deepEqual(await getFiles(store, idOf(1)), small);
  assert.deepEqual(await putFiles(store, idOf(1), small), {
    outcome: 'dropped',
    reason: 'settled',
  });
  assert.equal((await putFiles(store, idOf(2), small)).outcome, 'dropped');
  assert.deepEqual(await getFiles(store, idOf(2)), {});
  assert.equal((await putFiles(store, idOf(2), small)).outcome, 'stored');
  const lag = (): number | undefined => namespace.parts().mirror?.mirrors[0]?.lagTransactions;
  await world.until('mirrored', () => lag() === 0 && mirror.store.stats().keys > 0);
  assert.deepEqual(await getFiles(mirror.store, idOf(2)), small);

  const served = await world.serve(store);
  const stats = served.server.stats();
  const own = stats.namespaces['test'];
  assert.ok(own);
  const text = metricsText({ ...stats, namespaces: { test: { ...own, ...namespace.parts() } } });
  const label = `mirror="127.0.0.1:${mirror.address.port}"`;
  assert.ok(text.includes(`tweendeck_cache_mirror_lag_seconds{namespace="test",${label}} 0\n`));
  assert.ok(
    text.includes('tweendeck_cache_upstream_misses_total{namespace="test",outcome="filled"} 1\n'),
  );
});

test('a namespace takes over mirrors and rules at a reload, and tells what begins later', async () => {
  await using world = new TestWorld();
  const there = await world.serve(await world.openStore());
  using home = new Home();
  await using namespace = await home.open(world, { mirror: {} });
  await putFiles(namespace.store, idOf(1), small);
  const target = `127.0.0.1:${there.address.port}`;
  const next = configOf(
    { mirror: { targets: [target], queue: '1Mi' }, upstream: { address: target } },
    home.directory,
  );
  const kept = await namespace.change(next);
  assert.deepEqual(kept, [
    'asking an upstream of namespace test begins at the next start',
    'the mirror queue of namespace test stays 67108864 until the next start',
  ]);
  await world.until('backfilled', () => there.store.stats().keys === 1);
});

for (const { name, sections, problem } of [
  {
    name: 'a mirror named twice',
    sections: { mirror: { targets: ['a:1', 'a:1'] } },
    problem: /namespaces\[0\]\.mirror\.targets: names a mirror twice/,
  },
  {
    name: 'a mirror without an address',
    sections: { mirror: { targets: ['http://a'] } },
    problem: /mirror\.targets\[0\]: "http:\/\/a" is no address/,
  },
  {
    name: 'an upstream without an address',
    sections: { upstream: {} },
    problem: /upstream\.address: is missing/,
  },
  {
    name: 'a field that is not known',
    sections: { upstream: { address: 'a:1', waits: '1s' } },
    problem: /Do you mean wait\?/,
  },
]) {
  test(`a document with ${name} is told`, () => {
    assert.throws(() => configOf(sections), problem);
  });
}

test('a document says everything of mirrors and upstream', () => {
  const { mirror, upstream } = configOf({
    mirror: {
      targets: ['a', '[::1]:9'],
      queue: '1Mi',
      backfill: false,
      idleTimeout: '1s',
      retryMax: '5m',
    },
    upstream: { address: 'b:1', connections: 2, requests: 9, wait: '1s', absent: '0s' },
  });
  assert.deepEqual(mirror?.settings.targets, [
    { host: 'a', port: 8_126 },
    { host: '::1', port: 9 },
  ]);
  const { queueBytesMax, settings } = mirror ?? {};
  assert.deepEqual(
    [queueBytesMax, settings?.backfill, settings?.timing.retryMaxMs],
    [2 ** 20, false, 300_000],
  );
  assert.deepEqual(
    upstream && [upstream.address.port, upstream.requestsMax, upstream.waitMs],
    [1, 9, 1_000],
  );
});
