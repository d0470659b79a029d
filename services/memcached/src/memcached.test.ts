// What of memcached is decided without a server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '@tweendeck/engine';
import { parseStats } from './ask-server.ts';
import { itemMebibytes, type MemcachedFacts, memcachedEngine } from './memcached.ts';

const resources = { limits: { memory: '80Mi' } };
const cluster = {
  ...{ name: 'c', namespace: 'n' },
  spec: { version: '1.6', groups: { servers: { members: 1, resources } }, options: {} },
};

test('the lines of stats are figures by name', () => {
  const stats = parseStats('STAT version 1.6.18\r\nSTAT curr_items 3\r\nEND\r\n');
  assert.deepEqual(
    [...stats],
    [
      ['version', '1.6.18'],
      ['curr_items', '3'],
    ],
  );
  assert.throws(() => parseStats('ERROR\r\nEND\r\n'), /it answered ERROR/);
});

for (const { limit, want } of [
  { limit: '80Mi', want: 64 },
  { limit: '1Gi', want: 1_008 },
  { limit: 33_554_432, want: 16 },
  { limit: '1Mi', want: 1 },
]) {
  test(`${limit} of memory leave ${want} MiB for items`, () => {
    assert.equal(itemMebibytes(limit), want);
  });
}

test('settings become arguments', () => {
  const { recipes } = memcachedEngine();
  const context = {
    ...{ place: { group: 'servers', shard: 0, ordinal: 0 }, name: 'c-servers-0', hostName: 'h' },
    cluster: { ...cluster, spec: { ...cluster.spec, config: { threads: 2 } } },
  };
  assert.deepEqual(recipes['servers']?.command(context), [
    ...['--listen=$(POD_IP)', '--port=11211', '--memory-limit=64', '--conn-limit=1024'],
    ...['--threads=2', '--max-item-size=1048576'],
  ]);
});

test('a server that answers takes part, as a peer', async () => {
  const asked: string[] = [];
  const stats = new Map([
    ['version', '1.6.18'],
    ['curr_items', '3'],
  ]);
  const engine = memcachedEngine((server) => {
    asked.push(`${server.host}:${server.port}`);
    return Promise.resolve(stats);
  });
  const member: Member<MemcachedFacts> = {
    ...{ name: 'c-servers-0', place: { group: 'servers', shard: 0, ordinal: 0 }, wanted: true },
    ...{ revision: 'r', view: undefined, silence: undefined },
    pod: {
      ...{ name: 'c-servers-0-0', uid: 'u', ip: '10.0.0.1', host: 'h', ready: true },
      ...{ terminating: false, revision: 'r', trouble: undefined },
    },
  };
  const view = await engine.observe(member, cluster, new AbortController().signal);
  assert.deepEqual(asked, ['10.0.0.1:11211']);
  assert.deepEqual(view, {
    ...{ role: 'peer', synced: true, version: '1.6.18' },
    facts: stats,
  });
  assert.deepEqual(engine.plan(cluster, { members: [member] }), { steps: [], troubles: [] });
});
