// What a status says of what replicas say, and of those that say nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureWords, parseFigures, type ReplicaAnswer } from './figures.ts';

const stats = {
  state: 'serving',
  server: { hits: { a: 1, i: 2, r: 3 }, misses: { a: 0, i: 0, r: 2 }, receivedBytes: 9 },
  store: { keys: 4, storageBytes: 5_000, memoryBytes: 1 },
};

test('figures of a replica are read from its stats', () =>
  assert.deepEqual(parseFigures(stats), {
    ...{ usedBytes: 5_000, objects: 4, hits: 6, misses: 2, cleaned: undefined, kernel: {} },
    ...{ revision: undefined, redis: undefined, troubledPeers: [] },
  }));

for (const [name, wrong] of [
  ['no object', 'hello'],
  ['nothing', undefined],
  ['of another program', { status: 'ok' }],
  ['without a store', { ...stats, store: undefined }],
  ['with a count that is none', { ...stats, store: { keys: -1, storageBytes: 1 } }],
  ['with a text in place of a count', { ...stats, store: { keys: '4', storageBytes: 1 } }],
  ['with hits that are none', { ...stats, server: { hits: { a: 'x' }, misses: {} } }],
] as const) {
  test(`stats are not believed that are ${name}`, () =>
    assert.equal(parseFigures(wrong), undefined));
}

const told = (pod: string, hits: number, misses: number): ReplicaAnswer => ({
  pod,
  figures: {
    ...{ usedBytes: 100, objects: 10, hits, misses, cleaned: undefined, kernel: {} },
    ...{ revision: undefined, redis: undefined, troubledPeers: [] },
  },
});
const silent = (pod: string): ReplicaAnswer => ({ pod, silence: 'no answer within 2 s' });

for (const { name, answers, fields, reason } of [
  {
    name: 'one replica',
    answers: [told('a', 2, 1)],
    fields: { usedBytes: 100, objects: 10, hitRatio: 0.667 },
    reason: 'AllReplicasTold',
  },
  {
    name: 'several replicas',
    answers: [told('a', 3, 0), told('b', 0, 1)],
    fields: { usedBytes: 200, objects: 20, hitRatio: 0.75 },
    reason: 'AllReplicasTold',
  },
  {
    name: 'replicas that nobody asked for anything yet',
    answers: [told('a', 0, 0)],
    fields: { usedBytes: 100, objects: 10, hitRatio: undefined },
    reason: 'AllReplicasTold',
  },
  {
    name: 'a replica that is silent: a part would lie',
    answers: [told('a', 1, 1), silent('b')],
    fields: { usedBytes: undefined, objects: undefined, hitRatio: undefined },
    reason: 'ReplicasSilent',
  },
  {
    name: 'nobody who could be asked',
    answers: [],
    fields: { usedBytes: undefined, objects: undefined, hitRatio: undefined },
    reason: 'NoReplicaServes',
  },
]) {
  test(`figures of ${name}`, () => {
    const words = figureWords(answers);
    assert.deepEqual(words.fields, { ...fields, lastClean: undefined });
    assert.equal(words.condition.reason, reason);
    assert.equal(words.condition.status, reason === 'AllReplicasTold' ? 'True' : 'False');
  });
}

test('what replicas share counts once', () => {
  const redis = { address: 'redis:6379', failure: undefined };
  const sharing = ['a', 'b'].map((pod) => {
    const answer = told(pod, 1, 1);
    return 'figures' in answer ? { pod, figures: { ...answer.figures, redis } } : answer;
  });
  const { fields } = figureWords(sharing);
  assert.deepEqual([fields.usedBytes, fields.objects, fields.hitRatio], [100, 10, 0.5]);
});

for (const { name, redis, failure } of [
  { name: 'serves', redis: { state: 'ready', lastFailure: 'before' }, failure: undefined },
  { name: 'was not asked yet', redis: { state: 'idle', lastFailure: '' }, failure: undefined },
  { name: 'fails', redis: { state: 'paused', lastFailure: 'refused' }, failure: 'refused' },
  { name: 'is tried again', redis: { state: 'connecting', lastFailure: 'x' }, failure: 'x' },
]) {
  test(`a store in Redis that ${name} is known by the stats`, () => {
    const namespaces = { default: { redis: { address: 'redis:6379', ...redis } } };
    const figures = parseFigures({ ...stats, revision: 'abc', namespaces });
    assert.deepEqual(figures?.redis, { address: 'redis:6379', failure });
    assert.equal(figures?.revision, 'abc');
  });
}

test('of other caches those in trouble are known by the stats', () => {
  const mirror = {
    mirrors: [
      { target: 'a:1', state: 'sending', lastFailure: 'before' },
      { target: 'b:1', state: 'failing', lastFailure: 'refused' },
    ],
  };
  const upstream = { address: 'c:1', state: 'loop', lastFailure: '' };
  const namespaces = { default: { mirror, upstream }, other: { upstream: { state: 'ready' } } };
  assert.deepEqual(parseFigures({ ...stats, namespaces })?.troubledPeers, [
    { what: 'mirror', address: 'b:1', state: 'failing', failure: 'refused' },
    { what: 'upstream', address: 'c:1', state: 'loop', failure: '' },
  ]);
});

test('who is silent is named, with the reason', () => {
  const { message } = figureWords([silent('a'), silent('b')]).condition;
  assert.match(message, /pod a does not tell its figures: no answer within 2 s, and 1 more/);
});

test('the last cleaning is the latest of all replicas, with what went at each', () => {
  const cleaner = { runs: 1, lastEndedMs: 1_767_225_600_000, last: { objects: 2, bytes: 20 } };
  const one = parseFigures({ ...stats, namespaces: { default: { cleaner }, other: {} } });
  assert.ok(one);
  assert.deepEqual(one.cleaned, { endedMs: cleaner.lastEndedMs, objects: 2, bytes: 20 });
  const later = { endedMs: cleaner.lastEndedMs + 60_000, objects: 1, bytes: 5 };
  const { fields } = figureWords([
    { pod: 'a', figures: one },
    { pod: 'b', figures: { ...one, cleaned: later } },
    { pod: 'c', figures: { ...one, cleaned: undefined, kernel: {} } },
  ]);
  assert.deepEqual(fields.lastClean, { time: '2026-01-01T00:01:00Z', objects: 3, bytes: 25 });
});
