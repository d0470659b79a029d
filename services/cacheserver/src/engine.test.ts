// What a CacheServer is made of, in which order, and what is told of it beside what is told of every fleet.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FleetSeen, FleetView, Member } from '@tweendeck/engine';
import { cacheServerEngine } from './engine.ts';
import type { ReplicaFigures } from './figures/figures.ts';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';

const stats = { server: { hits: {}, misses: {} }, store: { keys: 1, storageBytes: 9 } };
const engine = cacheServerEngine(() => Promise.resolve(stats));

function cacheServer(more: Partial<CacheServerSpec> = {}): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: {
      ...{ name: 'cache', namespace: 'team', uid: 'u', resourceVersion: '1', generation: 3 },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      ...{ replicas: 1, port: 8_126, storage: 1, image: 'x', serviceType: 'ClusterIP' },
      resources: { limits: {} },
      ...more,
    },
  };
}

const view = (more: Partial<FleetView> = {}): FleetView => ({
  ...{ present: () => undefined, pods: [], entryServes: false },
  ...more,
});

const alone = [
  'ConfigMap cache-rules',
  'Service cache',
  'PodDisruptionBudget cache',
  'Deployment cache',
  'CronJob cache-cleaner',
];
const followers = [
  'Service cache-replicas',
  ...['ServiceAccount', 'Role', 'RoleBinding'].map((kind) => `${kind} cache-follower`),
];
const but = (...left: readonly string[]) => alone.filter((one) => !left.includes(one));

for (const { name, spec, made } of [
  {
    name: 'one replica',
    spec: {},
    made: but('PodDisruptionBudget cache', 'CronJob cache-cleaner'),
  },
  {
    name: 'several replicas',
    spec: { replicas: 2 },
    made: [
      ...['ConfigMap cache-rules', ...followers, 'Deployment cache-entry'],
      ...but('ConfigMap cache-rules', 'CronJob cache-cleaner'),
    ],
  },
  {
    name: 'a replica with a cleaner',
    spec: { cleaner: {} },
    made: [
      ...['ConfigMap cache-rules', ...followers],
      ...but('ConfigMap cache-rules', 'PodDisruptionBudget cache'),
    ],
  },
] satisfies { name: string; spec: Partial<CacheServerSpec>; made: readonly string[] }[]) {
  test(`made in this order: ${name}`, () => {
    const children = engine.children(cacheServer(spec), view());
    assert.deepEqual(
      children.map(({ resource, object }) => `${resource.kind} ${object.metadata.name}`),
      made,
    );
    const owned = new Set(engine.owns.map(({ kind }) => kind));
    for (const { resource } of children) assert.ok(owned.has(resource.kind), resource.kind);
    const refusable = children.filter(({ mayBeRefused }) => mayBeRefused);
    assert.deepEqual(
      refusable.map(({ resource }) => resource.kind),
      'cleaner' in spec ? ['CronJob'] : [],
    );
  });
}

test('clients are led through the entry once it serves', () => {
  const through = (entryServes: boolean): unknown => {
    const children = engine.children(cacheServer({ replicas: 2 }), view({ entryServes }));
    const service = children.find(({ object: { metadata } }) => metadata.name === 'cache');
    assert.equal(
      children.filter(({ object: { metadata } }) => metadata.name === 'cache').length,
      3,
    );
    return service?.object['spec'];
  };
  const selected = (entryServes: boolean): string => JSON.stringify(through(entryServes));
  assert.match(selected(false), /"app.kubernetes.io\/name":"cacheserver"/);
  assert.match(selected(true), /"app.kubernetes.io\/name":"cacheserver-entry"/);
});

test('a replica is asked at the address of its pod, and believed only what a data plane says', async () => {
  const { signal } = new AbortController();
  const asked: string[] = [];
  const replica = (ip: string): Member<ReplicaFigures> => ({
    ...{ name: 'cache-1', place: { group: 'replicas', shard: 0, ordinal: 0 }, wanted: true },
    pod: {
      ...{ name: 'cache-1', uid: 'u', ip, host: 'h', ready: true, terminating: false },
      ...{ revision: '', trouble: undefined },
    },
    ...{ revision: '', view: undefined, silence: undefined },
  });
  const { observe } = cacheServerEngine((address) => {
    asked.push(address);
    return Promise.resolve(address === '10.0.0.1' ? stats : 'hello');
  });
  const seen = await observe(replica('10.0.0.1'), cacheServer(), signal);
  assert.equal(seen.facts.usedBytes, 9);
  const other = observe(replica('10.0.0.2'), cacheServer(), signal);
  await assert.rejects(other, /it answered something else/);
  assert.deepEqual(asked, ['10.0.0.1', '10.0.0.2']);
});

function seen(failure: string | undefined, more: Partial<FleetSeen<ReplicaFigures>> = {}) {
  const facts: ReplicaFigures = {
    ...{ usedBytes: 7, objects: 0, hits: 0, misses: 0, cleaned: undefined, kernel: {} },
    ...{ revision: undefined, redis: { address: 'redis:6379', failure }, troubledPeers: [] },
  };
  const member: Member<ReplicaFigures> = {
    ...{ name: 'cache-1', place: { group: 'replicas', shard: 0, ordinal: 0 }, wanted: true },
    ...{ revision: '', pod: undefined, silence: undefined },
    view: { role: 'peer', synced: true, facts },
  };
  const notAsked = { ...member, name: 'cache-2', view: undefined };
  return {
    ...{ members: [member, notAsked], made: () => undefined, refused: () => undefined },
    ...{ secretRefusal: undefined, blocked: undefined },
    ...more,
  };
}

const inRedis = cacheServer({ store: { redis: { address: 'redis' } } });
for (const { name, cache, given, trouble, told } of [
  {
    name: 'a store that serves',
    cache: inRedis,
    given: seen(undefined),
    trouble: undefined,
    told: ['RulesApplied=True', 'StoreReachable=True', 'FiguresKnown=True'],
  },
  {
    name: 'a store that is away: trouble, though all pods are well',
    cache: inRedis,
    given: seen('refused'),
    trouble: 'StoreUnreachable',
    told: ['RulesApplied=True', 'StoreReachable=False', 'FiguresKnown=True'],
  },
  {
    name: 'nobody to ask',
    cache: cacheServer(),
    given: seen(undefined, { members: [] }),
    trouble: undefined,
    told: ['FiguresKnown=False'],
  },
  {
    name: 'a cleaner whose schedule is refused',
    cache: cacheServer({ cleaner: { schedule: '61 * * * *' } }),
    given: seen(undefined, {
      refused: (kind, child) =>
        `${kind} ${child}` === 'CronJob cache-cleaner' ? 'bad' : undefined,
    }),
    trouble: undefined,
    told: ['CleanerScheduled=False', 'FiguresKnown=True'],
  },
]) {
  test(`told with ${name}`, () => {
    const words = engine.words(cache, given);
    assert.equal(words.trouble?.reason, trouble);
    assert.deepEqual(
      words.conditions.map(({ type, status }) => `${type}=${status}`),
      told,
    );
    const known = new Set([...engine.conditions, 'FiguresKnown']);
    for (const { type } of words.conditions) assert.ok(known.has(type), type);
  });
}
