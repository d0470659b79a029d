// Settings of servers that Sentinels watch: with which they start, and which they are told while they run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreseenSteps, planCluster } from '@tweendeck/engine';
import type { RespValue } from '@tweendeck/wire';
import type { Command, RedisLink } from '../redis-link.ts';
import { observeData } from './facts.ts';
import { redisSentinelEngine } from './redis-sentinel.ts';
import { setOf, toySet } from './testing/set-of.ts';

const engine = redisSentinelEngine();
const { signal } = new AbortController();

/** Answers `CONFIG GET` by names, and nothing else. */
function linkTo(settings: Readonly<Record<string, string>>, asked: Command[]): RedisLink {
  const ask = (commands: readonly Command[]): Promise<readonly RespValue[]> => {
    asked.push(...commands);
    return Promise.resolve(
      commands.map(([command, , ...names]): RespValue => {
        if (command !== 'CONFIG') return null;
        const known = names.map(String).filter((name) => name in settings);
        return known
          .flatMap((name) => [name, settings[name] ?? ''])
          .map((word) => Buffer.from(word));
      }),
    );
  };
  return { ask, certificate: undefined, [Symbol.dispose]: () => undefined } as unknown as RedisLink; // what is asked of it here
}

test('a server starts with what was chosen, but for what it is told once it is known what it is to be', () => {
  const config = {
    ...{ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru', 'min-replicas-to-write': 0 },
    ...{ timeout: 5, 'slowlog-max-len': 64, 'io-threads': 2, save: '' },
  };
  const cluster = { ...toySet, spec: { ...toySet.spec, config } };
  const place = { group: 'data', shard: 0, ordinal: 0 };
  const { files, command } = engine.recipes['data'] ?? {};
  const context = { cluster, place, name: 's-data-0', hostName: 'h' };
  assert.deepEqual(files?.(context), {
    'redis.conf': 'slowlog-max-len 64\nio-threads 2\nsave ""\n',
  });
  const [first, ...flags] = command?.(context) ?? [];
  assert.equal(first, '/etc/tweendeck/redis.conf');
  assert.equal(flags[flags.indexOf('--appendonly') + 1], 'no');
});

test('a server is asked for what was chosen, but for what its role tells', async () => {
  const asked: Command[] = [];
  const has = { 'slowlog-max-len': '128', 'notify-keyspace-events': 'AKE', timeout: '0' };
  const settings = { 'slowlog-max-len': '64', 'notify-keyspace-events': 'KEA', timeout: '5' };
  const view = await observeData(linkTo(has, asked), { settings }, signal);
  assert.deepEqual(asked.at(-1), ['CONFIG', 'GET', 'slowlog-max-len', 'notify-keyspace-events']);
  assert.deepEqual(view.settings, { ...settings, 'slowlog-max-len': '128' });
});

test('what servers have otherwise they are told while they run, and nobody is restarted', () => {
  const settings = { 'slowlog-max-len': '64' };
  const members = setOf({ data: [{}, {}] }).map((one, at) => {
    const told = { settings: at === 1 ? settings : { 'slowlog-max-len': '128' } };
    return one.view && one.place.group === 'data'
      ? { ...one, view: { ...one.view, ...told } }
      : one;
  });
  const config = { 'slowlog-max-len': 64 };
  const data = { members: 2, resources: { limits: {} } };
  const groups = { ...toySet.spec.groups, data };
  const cluster = { ...toySet, spec: { ...toySet.spec, groups, config }, settings };
  const input = { engine, cluster, observed: { members }, nowMs: 0 };
  const plan = planCluster({ ...input, underWay: undefined, approved: new Set() });
  const ids = foreseenSteps({ ...input, plan }).map(({ id }) => id);
  assert.deepEqual(
    ids.filter((id) => !/^(mark|set up) /.test(id)),
    ['set slowlog-max-len on s-data-0'],
  );
});

test('what keeps the platform from its work cannot be chosen', () => {
  for (const name of [
    'min-replicas-max-lag',
    'repl-diskless-sync-delay',
    'replica-serve-stale-data',
  ])
    assert.equal(engine.parameters[name], undefined, name);
  for (const name of ['notify-keyspace-events', 'slowlog-log-slower-than', 'maxclients', 'hz'])
    assert.equal(engine.parameters[name]?.applies, 'live', name);
});
