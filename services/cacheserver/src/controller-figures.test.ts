// What the controllers tell Prometheus of CacheServers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineFigures, fleetController } from '@tweendeck/engine';
import { podResource } from '@tweendeck/kube';
import { cacheServerEngine } from './engine.ts';
import { labelsOf } from './labels.ts';
import { manager, openHome, ref } from './testing/home.ts';

const stats = {
  server: { hits: { a: 3 }, misses: { a: 1 } },
  store: { keys: 2, storageBytes: 4_096 },
};

test('phase, counts and what each replica told are told, until the CacheServer is gone', async () => {
  await using home = await openHome();
  const { client, signal } = home;
  const labels = labelsOf('cache');
  for (const [name, ip] of [
    ['cache-1', '127.0.0.9'],
    ['cache-2', '127.0.0.10'],
  ] as const) {
    const container = { name: 'cacheserver', image: 'x' };
    const metadata = { name, namespace: 'default', labels };
    await client.apply(
      podResource,
      { metadata, spec: { containers: [container] } },
      manager,
      signal,
    );
    const conditions = [{ type: 'Ready', status: 'True' }];
    const body = { status: { phase: 'Running', podIP: ip, conditions } };
    const patch = { type: 'merge', body } as const;
    await client.patch(podResource, { ...ref, name }, patch, { subresource: 'status' }, signal);
  }
  const figures = new EngineFigures();
  const told = (): readonly string[] =>
    figures.families().flatMap(({ name, samples }) =>
      samples.map(({ suffix, labels: of, value }) => {
        const { kind: _, namespace: __, name: ___, ...more } = of;
        return `${name}${suffix} ${Object.values(more).join(' ')} ${value}`.replaceAll('  ', ' ');
      }),
    );
  await home.apply({ replicas: 3 });
  const engine = cacheServerEngine((address) =>
    address === '127.0.0.9' ? Promise.resolve(stats) : Promise.reject(new Error('refused')),
  );
  await home.run(fleetController(engine, figures), async () =>
    told().some((line) => line.startsWith('tweendeck_member_up cache-2')),
  );
  const lines = told();
  for (const line of [
    'tweendeck_cluster_phase Progressing 1',
    'tweendeck_cluster_phase Failed 0',
    'tweendeck_cluster_condition Ready 0',
    'tweendeck_cluster_condition FiguresKnown 0',
    'tweendeck_cluster_members_wanted replicas 3',
    'tweendeck_cluster_members_ready replicas peer 1',
    'tweendeck_member_up cache-1 1',
    'tweendeck_member_up cache-2 0',
    'tweendeck_cacheserver_used_bytes cache-1 4096',
    'tweendeck_cacheserver_keys cache-1 2',
    'tweendeck_cacheserver_hits_total cache-1 3',
    'tweendeck_cacheserver_misses_total cache-1 1',
  ]) {
    assert.ok(lines.includes(line), `${line} is not in\n${lines.join('\n')}`);
  }
  fleetController(engine, figures).options.forget?.(ref);
  assert.deepEqual(
    told().filter((line) => line.includes('cache-1')),
    [],
  );
});
