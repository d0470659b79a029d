// The document that a spec amounts to, what of it makes pods start anew, and where its Secrets are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Pod } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { readRulesDocument } from './config/rules-document.ts';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { renderDeployment } from './render.ts';
import { renderRules, rulesFile, rulesOption, rulesProblem, rulesVolume } from './render-rules.ts';

function cacheServer(spec: Partial<CacheServerSpec> = {}, name = 'cache'): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: {
      ...{ name, namespace: 'team', uid: 'u', resourceVersion: '1' },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      ...{ replicas: 2, port: 9_000, storage: 1_000, image: 'example.com/cache:1' },
      serviceType: 'ClusterIP',
      resources: { limits: { cpu: '1', memory: '1Gi' } },
      ...spec,
    },
  };
}

const from = { directory: '/run/rules', source: 'rules' };

function documentOf(spec: Partial<CacheServerSpec>, name?: string): Record<string, unknown> {
  const document: unknown = JSON.parse(rulesFile(cacheServer(spec, name)).text);
  assert.ok(isJsonObject(document));
  return document;
}

const address = 'redis.db.svc:6379';
const whole: Partial<CacheServerSpec> = {
  store: {
    redis: {
      ...{ address, user: 'cache', database: 2, ttlSeconds: 60, renewOnHit: false },
      passwordSecret: { name: 'login' },
      tls: {
        ...{ caSecret: { name: 'trust', key: 'root.pem' }, serverName: 'redis' },
        certificateSecret: { name: 'own' },
      },
    },
  },
  mirror: {
    targets: [
      { address: '10.0.0.1:8126' },
      {
        address: 'far.example.com:8443',
        tls: { caSecret: { name: 'trust' } },
        tokenSecret: { name: 'far', key: 'mirror' },
      },
    ],
    backfill: false,
  },
  upstream: {
    address: '10.0.0.2',
    tls: {},
    tokenSecret: { name: 'far' },
    connections: 2,
    waitSeconds: 3,
    absentSeconds: 0,
  },
  reliability: { threshold: 3, clients: 'distinct', forgetAfterSeconds: 0 },
  access: { readOnly: true, putFrom: ['10.0.0.0/8', '2001:db8::1'] },
};

test('a spec that says nothing amounts to an empty document', () =>
  assert.deepEqual(Object.keys(documentOf({})), ['revision']));

test('data planes read what the spec says', () => {
  const read = readRulesDocument(documentOf(whole), from);
  assert.deepEqual(read.store?.connection.address, { host: 'redis.db.svc', port: 6_379 });
  assert.equal(read.store?.connection.user, 'cache');
  assert.equal(read.store?.connection.database, 2);
  assert.equal(read.store?.passwordFile, '/run/rules/login/password');
  assert.deepEqual(read.store?.tls, {
    caFile: '/run/rules/trust/root.pem',
    certificateFile: '/run/rules/own/tls.crt',
    keyFile: '/run/rules/own/tls.key',
    serverName: 'redis',
  });
  assert.equal(read.store?.keeping.ttlMs, 60_000);
  assert.equal(read.store?.keeping.renewOnHit, false);
  assert.equal(read.store?.keeping.prefix, 'cache:team:cache:');
  const [near, far] = read.mirror?.settings.targets ?? [];
  assert.deepEqual(near, { host: '10.0.0.1', port: 8_126 });
  assert.equal(far?.tls?.caFile, '/run/rules/trust/ca.crt');
  assert.equal(far?.tls?.tokenFile, '/run/rules/far/mirror');
  assert.equal(read.mirror?.settings.backfill, false);
  assert.equal(read.upstream?.address.tls?.tokenFile, '/run/rules/far/token');
  assert.deepEqual([read.upstream?.waitMs, read.upstream?.absentMs], [3_000, 0]);
  assert.deepEqual([read.reliability?.threshold, read.reliability?.forgetAfterSeconds], [3, 0]);
  assert.equal(read.readOnly, true);
  assert.equal(read.putFrom.length, 2);
  assert.equal(read.revision, rulesFile(cacheServer(whole)).revision);
});

test('long names have a prefix of their own all the same', () => {
  const store = { redis: { address } };
  const prefixes = ['x', 'y'].map((end) => {
    const read = readRulesDocument(documentOf({ store }, `${'n'.repeat(200)}${end}`), from);
    return read.store?.keeping.prefix;
  });
  assert.equal(new Set(prefixes).size, 2);
});

test('what no data plane would take is told in its words', () => {
  assert.equal(rulesProblem(cacheServer(whole)), undefined);
  const wrong = cacheServer({ access: { putFrom: ['10.0.0.0/33'] } });
  assert.match(rulesProblem(wrong) ?? '', /^spec\.access\.putFrom\[0\]: .*no range of addresses/);
  const twice = cacheServer({ mirror: { targets: [{ address: 'a:1' }, { address: 'a:1' }] } });
  assert.match(rulesProblem(twice) ?? '', /mirror\.targets.*twice/);
});

const store = { redis: { address } };
for (const { name, before, after, anew } of [
  { name: 'a store', before: {}, after: { store }, anew: true },
  {
    name: 'another store',
    before: { store },
    after: { store: { redis: { address: 'other' } } },
    anew: true,
  },
  {
    name: 'the same store in another order',
    before: { store: { redis: { address, database: 1 } } },
    after: { store: { redis: { database: 1, address } } },
    anew: false,
  },
  { name: 'a first mirror', before: {}, after: { mirror: {} }, anew: true },
  {
    name: 'one mirror more',
    before: { mirror: {} },
    after: { mirror: { targets: [{ address: 'a' }] } },
    anew: false,
  },
  {
    name: 'a mirror with another Secret',
    before: { mirror: {} },
    after: { mirror: { targets: [{ address: 'a', tls: { caSecret: { name: 'b' } } }] } },
    anew: true,
  },
  {
    name: 'another upstream',
    before: { upstream: { address: 'a' } },
    after: { upstream: { address: 'b' } },
    anew: false,
  },
  { name: 'no upstream any more', before: { upstream: { address: 'a' } }, after: {}, anew: true },
  { name: 'who may put', before: {}, after: { access: { putFrom: ['10.0.0.1'] } }, anew: false },
  { name: 'reliability', before: {}, after: { reliability: {} }, anew: true },
] as const) {
  test(`${name} ${anew ? 'makes pods start anew' : 'leaves the pods alone'}`, () => {
    const [left, right] = [cacheServer(before), cacheServer(after)];
    const same = JSON.stringify(renderDeployment(left)) === JSON.stringify(renderDeployment(right));
    assert.equal(same, !anew);
  });
}

test('files that pods were started with stay', () => {
  const spec = { containers: [{ name: 'cacheserver', args: ['serve', rulesOption('a.json')] }] };
  // Of a pod nothing else is looked at.
  const pods = [{ spec } as unknown as Pod];
  const cache = cacheServer(whole);
  const rendered = renderRules(cache, { 'a.json': 'A', 'b.json': 'B' }, pods);
  const { data } = rendered as unknown as ConfigMap; // as complete as the kind
  assert.deepEqual(Object.keys(data ?? {}).sort(), [rulesFile(cache).name, 'a.json'].sort());
  assert.equal(data?.['a.json'], 'A');
});

test('Secrets are mounted beside the document, and are in no argument', () => {
  const sources = rulesVolume(cacheServer(whole)).projected?.sources ?? [];
  assert.deepEqual(
    sources.map(({ configMap, secret }) => configMap?.name ?? secret?.name),
    ['cache-rules', 'far', 'login', 'own', 'trust'],
  );
  assert.deepEqual(sources[4]?.secret?.items, [
    { key: 'ca.crt', path: 'trust/ca.crt' },
    { key: 'root.pem', path: 'trust/root.pem' },
  ]);
  assert.equal(rulesVolume(cacheServer()).projected?.sources?.length, 1);
});
