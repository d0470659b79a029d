import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchedText, touchedBy } from './patched-text.ts';

const object = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { labels: { b: '1', a: '2' }, uid: 'u', name: 'n' },
  data: { b: 1, a: 'x' },
};

test('what a patch touched is in order, the rest as structures are written', () => {
  assert.equal(
    patchedText(object, { data: { b: 1 } }),
    '{"apiVersion":"v1","data":{"a":"x","b":1},"kind":"ConfigMap","metadata":{"name":"n","uid":"u","labels":{"b":"1","a":"2"}}}',
  );
  assert.equal(
    patchedText(object, { metadata: { labels: { b: '1' } } }),
    '{"apiVersion":"v1","data":{"b":1,"a":"x"},"kind":"ConfigMap","metadata":{"labels":{"a":"2","b":"1"},"name":"n","uid":"u"}}',
  );
});

test('operations touch what lies above their places', () => {
  assert.deepEqual(touchedBy([{ op: 'add', path: '/data/b' }, { path: '/metadata/labels/a' }]), {
    data: {},
    metadata: { labels: {} },
  });
});
