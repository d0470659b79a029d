// What is told of rules that travel to replicas, and of a store that cannot be used.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicaAnswer } from './figures/figures.ts';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { rulesFile } from './render-rules.ts';
import { rulesCondition, storeCondition } from './rules-words.ts';

function cacheServer(spec: Partial<CacheServerSpec> = {}): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: {
      ...{ name: 'cache', namespace: 'team', uid: 'u', resourceVersion: '1' },
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

interface Said {
  readonly revision?: string;
  readonly redis?: { readonly address: string; readonly failure: string | undefined };
}

const answer = ({ revision, redis }: Said): ReplicaAnswer => ({
  pod: 'a',
  figures: {
    ...{ usedBytes: 0, objects: 0, hits: 0, misses: 0, cleaned: undefined, kernel: {} },
    ...{ revision, redis },
  },
});
const silent: ReplicaAnswer = { pod: 'b', silence: 'no answer' };
const readOnly = cacheServer({ access: { readOnly: true } });
const { revision } = rulesFile(readOnly);

for (const { name, cache, answers, reason } of [
  { name: 'no rules', cache: cacheServer(), answers: [answer({})], reason: undefined },
  {
    name: 'rules that were taken away and still count',
    cache: cacheServer(),
    answers: [answer({ revision })],
    reason: 'RulesOnTheirWay',
  },
  {
    name: 'rules of before',
    cache: readOnly,
    answers: [answer({ revision }), answer({ revision: 'old' })],
    reason: 'RulesOnTheirWay',
  },
  { name: 'a silent replica', cache: readOnly, answers: [silent], reason: 'NotToldBack' },
  { name: 'nobody to tell', cache: readOnly, answers: [], reason: 'NotToldBack' },
  {
    name: 'rules that all follow',
    cache: readOnly,
    answers: [answer({ revision })],
    reason: 'AllReplicasFollow',
  },
]) {
  test(`of ${name} is told: ${reason ?? 'nothing'}`, () =>
    assert.equal(rulesCondition(cache, answers)?.reason, reason));
}

const address = 'redis:6379';
const login = {
  ...{ address, user: 'cache', passwordSecret: { name: 'login' } },
  tls: { caSecret: { name: 'trust' } },
};
const shared = cacheServer({ store: { redis: login } });
const plain = cacheServer({ store: { redis: { address } } });
const failing = (failure: string | undefined): ReplicaAnswer =>
  answer({ redis: { address, failure } });

test('the own disk is no store to be told of', () =>
  assert.equal(storeCondition(cacheServer(), [answer({})]), undefined));
test('a store that all use is told', () =>
  assert.deepEqual(storeCondition(shared, [failing(undefined)]), {
    ...{ type: 'StoreReachable', status: 'True', reason: 'StoreServes' },
    message: 'the replica uses redis:6379',
  }));
test('a store that nobody tells of is not called reachable', () =>
  assert.equal(storeCondition(shared, [silent])?.status, 'False'));

for (const { cache, failure, hint } of [
  { cache: plain, failure: 'redis:6379: connect ECONNREFUSED', hint: /whether the server runs/ },
  { cache: plain, failure: 'redis:6379: NOAUTH Authentication required.', hint: /passwordSecret/ },
  { cache: shared, failure: 'WRONGPASS invalid username', hint: /user \(cache\).*Secret login/ },
  {
    cache: shared,
    failure: "ENOENT: no such file or directory, open '/run/rules/login/password'",
    hint: /Make the Secret login with a field password/,
  },
  {
    cache: shared,
    failure: "ENOENT: open '/run/rules/trust/ca.crt'",
    hint: /Make the Secret trust with a field ca\.crt/,
  },
  { cache: shared, failure: 'unable to verify the first certificate', hint: /caSecret/ },
  { cache: plain, failure: 'getaddrinfo ENOTFOUND redis', hint: /cannot resolve/ },
]) {
  test(`of a store that fails with "${failure}" is told what to do`, () => {
    const told = storeCondition(cache, [failing(undefined), failing(failure)]);
    assert.equal(told?.reason, 'StoreUnreachable');
    assert.match(told?.message ?? '', hint);
    assert.match(told?.message ?? '', /downloads are misses/);
  });
}
