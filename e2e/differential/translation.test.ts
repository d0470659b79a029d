// What is learned from pairs, and how a request is said in the subject's words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sent, Translation } from './translation.ts';

function sent(method: string, path: string, body?: unknown, type = 'application/json'): Sent {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return { method, path, headers: { 'content-type': type }, body: Buffer.from(text) };
}

function learned(): Translation {
  const translation = new Translation();
  translation.token('pod-abcde', 'pod-vwxyz');
  translation.token('uid-there', 'uid-here');
  translation.token('bmV4dA==', 'b3RoZXI=');
  translation.version('100', '7');
  return translation;
}

for (const { name, path, said } of [
  { name: 'a generated name in a path', path: '/pods/pod-abcde', said: '/pods/pod-vwxyz' },
  {
    name: 'a version in a query',
    path: '/pods?resourceVersion=100',
    said: '/pods?resourceVersion=7',
  },
  {
    name: 'no number that only looks like a version',
    path: '/pods?limit=100&resourceVersion=99',
    said: '/pods?limit=100&resourceVersion=99',
  },
  {
    name: 'a name within a selector',
    path: '/events?fieldSelector=involvedObject.name%3Dpod-abcde',
    said: '/events?fieldSelector=involvedObject.name%3Dpod-vwxyz',
  },
  {
    name: 'a paging token',
    path: '/pods?continue=bmV4dA%3D%3D',
    said: '/pods?continue=b3RoZXI%3D',
  },
  { name: 'nothing else of a query', path: '/pods?a=b+c%20d', said: '/pods?a=b+c%20d' },
]) {
  test(`translates ${name}`, () => {
    assert.equal(learned().request(sent('GET', path)).path, said);
  });
}

for (const { name, body, said } of [
  {
    name: 'uids wherever they stand',
    body: { preconditions: { uid: 'uid-there' } },
    said: { preconditions: { uid: 'uid-here' } },
  },
  {
    name: 'versions by the name of their field',
    body: { metadata: { resourceVersion: '100' }, data: { count: '100' } },
    said: { metadata: { resourceVersion: '7' }, data: { count: '100' } },
  },
  {
    name: 'versions in JSON patches',
    body: [{ op: 'test', path: '/metadata/resourceVersion', value: '100' }],
    said: [{ op: 'test', path: '/metadata/resourceVersion', value: '7' }],
  },
]) {
  test(`translates ${name} in bodies`, () => {
    const { body: translated } = learned().request(sent('PATCH', '/x', body));
    assert.deepEqual(JSON.parse(translated.toString()), said);
  });
}

test('leaves the bytes of a body alone in which nothing is to be translated', () => {
  const text = '{ "a":  1,"resourceVersion":"5" }';
  assert.equal(
    learned()
      .request(sent('PUT', '/x', text))
      .body.toString(),
    text,
  );
});

test('translates versions in YAML bodies', () => {
  const text = 'metadata:\n  resourceVersion: "100"\n';
  const { body } = learned().request(sent('PATCH', '/x', text, 'application/apply-patch+yaml'));
  assert.equal(body.toString(), 'metadata:\n  resourceVersion: "7"\n');
});

test('a token stands for one thing on either side', () => {
  const translation = new Translation();
  assert.equal(translation.token('a', 'b'), 'new');
  assert.equal(translation.token('a', 'b'), 'same');
  assert.equal(translation.token('a', 'c'), 'broken');
  assert.equal(translation.token('d', 'b'), 'broken');
});

test('the version of an object changes on both sides or on neither', () => {
  const translation = new Translation();
  assert.equal(translation.version('10', '1', 'uid'), 'new');
  assert.equal(translation.version('10', '1', 'uid'), 'same');
  assert.equal(translation.version('10', '2', 'uid'), 'broken');
  assert.equal(translation.version('11', '1', 'uid'), 'broken');
  assert.equal(translation.version('12', '3', 'uid'), 'new');
  assert.equal(translation.version('10', '9', 'another'), 'new');
});
