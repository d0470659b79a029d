// What is told of rules that travel to replicas, and of a store that cannot be used.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicaAnswer, ReplicaFigures } from './figures/figures.ts';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { rulesFile } from './render-rules.ts';
import { peersCondition, rulesCondition, storeCondition } from './rules-words.ts';

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
  readonly troubledPeers?: ReplicaFigures['troubledPeers'];
}

const answer = ({ revision, redis, troubledPeers = [] }: Said): ReplicaAnswer => ({
  pod: 'a',
  figures: {
    ...{ usedBytes: 0, objects: 0, hits: 0, misses: 0, cleaned: undefined, kernel: {} },
    ...{ revision, redis, troubledPeers },
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

const mirrored = cacheServer({ mirror: { targets: [{ address: 'far:1' }] } });
const inTrouble = (what: 'mirror' | 'upstream', state: string, failure = ''): ReplicaAnswer =>
  answer({ troubledPeers: [{ what, address: 'far:1', state, failure }] });

for (const { name, cache, answers, reason, says } of [
  { name: 'nobody to bring anything', cache: cacheServer({ mirror: {} }), answers: [answer({})] },
  { name: 'a mirror that serves', cache: mirrored, answers: [answer({})], reason: 'PeersServe' },
  { name: 'a mirror nobody tells of', cache: mirrored, answers: [silent], reason: 'NotToldBack' },
  {
    name: 'a mirror that is away',
    cache: mirrored,
    answers: [answer({}), inTrouble('mirror', 'failing', 'ECONNREFUSED')],
    reason: 'PeerUnreachable',
    says: /^mirror far:1 of pod a: ECONNREFUSED; what is stored waits/,
  },
  {
    name: 'a mirror that keeps nothing, at two replicas',
    cache: mirrored,
    answers: [inTrouble('mirror', 'refused'), inTrouble('mirror', 'refused')],
    reason: 'PeerKeepsNothing',
    says: /spec\.access of that cache.*and 1 more/,
  },
  {
    name: 'a mirror that is not trusted',
    cache: mirrored,
    answers: [inTrouble('mirror', 'untrusted', 'self-signed certificate')],
    reason: 'PeerUntrusted',
    says: /self-signed certificate; look at tls/,
  },
  {
    name: 'a mirror that is the cache itself',
    cache: mirrored,
    answers: [inTrouble('mirror', 'self')],
    reason: 'PeerIsSelf',
    says: /take it out/,
  },
  {
    name: 'an upstream that asks in turn',
    cache: cacheServer({ upstream: { address: 'far:1' } }),
    answers: [inTrouble('upstream', 'loop')],
    reason: 'PeerLoop',
    says: /take spec\.upstream away/,
  },
]) {
  test(`of ${name} is told: ${reason ?? 'nothing'}`, () => {
    const condition = peersCondition(cache, answers);
    assert.equal(condition?.reason, reason);
    assert.match(condition?.message ?? '', says ?? /.*/);
  });
}
