import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchedText, touchedBy } from './patched-text.ts';
import { BuiltInSchemas } from './schema/built-in-schemas.ts';

const schemas = new BuiltInSchemas();
const schemaOf = (kind: string) => schemas.rooted({ group: '', version: 'v1', kind });

const object = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { labels: { b: '1', a: '2' }, uid: 'u', name: 'n' },
  data: { b: 1, a: 'x' },
};

test('what a patch touched is in order, the rest as structures are written', () => {
  assert.equal(
    patchedText(object, { data: { b: 1 } }, schemaOf('ConfigMap')),
    '{"apiVersion":"v1","data":{"a":"x","b":1},"kind":"ConfigMap","metadata":{"name":"n","uid":"u","labels":{"a":"2","b":"1"}}}',
  );
  assert.equal(
    patchedText(object, { metadata: { labels: { b: '1' } } }, schemaOf('ConfigMap')),
    '{"apiVersion":"v1","data":{"a":"x","b":1},"kind":"ConfigMap","metadata":{"labels":{"a":"2","b":"1"},"name":"n","uid":"u"}}',
  );
});

test('operations touch what lies above their places', () => {
  assert.deepEqual(touchedBy([{ op: 'add', path: '/data/b' }, { path: '/metadata/labels/a' }]), {
    data: {},
    metadata: { labels: {} },
  });
});

test('what lies in a list that a patch does not touch is written as structures are', () => {
  const containers = [{ image: 'x', resources: {}, name: 'c', command: ['b', 'a'] }];
  assert.equal(
    patchedText({ spec: { nodeName: 'n', containers } }, { kind: 'x' }, schemaOf('Pod')),
    '{"spec":{"containers":[{"name":"c","image":"x","command":["b","a"],"resources":{}}],"nodeName":"n"}}',
  );
  assert.equal(
    patchedText({ spec: { containers } }, { spec: { containers } }, schemaOf('Pod')),
    JSON.stringify({ spec: { containers } }),
  );
});

test('custom objects are maps, with their keys in order', () => {
  const custom = { spec: { b: 1, a: { d: 1, c: 2 } }, kind: 'Widget' };
  assert.equal(
    patchedText(custom, {}, undefined),
    '{"kind":"Widget","spec":{"a":{"c":2,"d":1},"b":1}}',
  );
});
