// What is kept of an object must not keep anything else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft } from './draft.ts';
import { sortedJson } from './sorted-json.ts';
import { encodeForStore, StoredObject } from './stored-object.ts';

const object = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'ä', namespace: 'default', resourceVersion: '1' },
  data: { text: '漢字 and "quotes"' },
};

test('stored bytes have memory of their own, and no resourceVersion', () => {
  const stored = encodeForStore(object);
  assert.equal(stored.buffer.byteLength, stored.byteLength, 'not a slice of a shared slab');
  const { resourceVersion: _, ...metadata } = object.metadata;
  assert.deepEqual(JSON.parse(stored.toString()), { ...object, metadata });
});

for (const { name, revision } of [
  { name: 'a revision', revision: 7 },
  { name: 'a long revision', revision: 123_456_789 },
]) {
  test(`${name} is spliced in, and may be replaced`, () => {
    const kept = new StoredObject('default/ä', encodeForStore(object), revision);
    assert.equal(kept.draft().metadata.resourceVersion, String(revision));
    assert.deepEqual(kept.draft()['data'], object.data);
    const served = kept.bytes({ fromStored: undefined }).toString();
    assert.ok(served.includes(`"metadata":{"resourceVersion":"${revision}","name":"ä",`));
    assert.deepEqual(JSON.parse(served), kept.draft());
    assert.equal(kept.metadata.resourceVersion, String(revision));
    const other = JSON.parse(kept.bytesAt({ fromStored: undefined }, 5).toString());
    assert.deepEqual(other, { ...object, metadata: { ...object.metadata, resourceVersion: '5' } });
  });
}

for (const { name, codec, served, later } of [
  {
    name: 'with its keys in order, numbers among them',
    codec: { fromStored: (draft: Draft) => draft, toJson: sortedJson },
    served:
      '{"apiVersion":"v1","data":{"10":{"resourceVersion":"1"},"9":[{"a":"b","c":null}]},"kind":"Map","metadata":{"name":"x","resourceVersion":"7"}}',
    later:
      '{"apiVersion":"v1","data":{"10":{"resourceVersion":"1"},"9":[{"a":"b","c":null}]},"kind":"Map","metadata":{"name":"x","resourceVersion":"8"}}',
  },
  {
    name: 'without what is hidden',
    codec: {
      fromStored: undefined,
      shownOf: (kept: StoredObject) => ({ ...kept.draft(), data: undefined }),
    },
    served: '{"kind":"Map","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"x"}}',
    later: '{"kind":"Map","apiVersion":"v1","metadata":{"resourceVersion":"8","name":"x"}}',
  },
]) {
  test(`an object is served ${name}, as deleted too`, () => {
    const draft = {
      ...{ apiVersion: 'v1', kind: 'Map', metadata: { name: 'x' } },
      data: { 9: [{ c: null, a: 'b' }], 10: { resourceVersion: '1' } },
    };
    const kept = new StoredObject('x', encodeForStore(draft), 7);
    assert.equal(kept.bytes(codec).toString(), served);
    assert.equal(kept.bytesAt(codec, 8).toString(), later);
    assert.equal(kept.draft().metadata.resourceVersion, '7');
  });
}

test('metadata is read alone, whatever its texts hold', () => {
  const metadata = {
    name: 'tricky',
    labels: { 'a.b/c': 'd' },
    annotations: {
      json: '{"metadata":{"labels":{"no":"}"}}',
      slash: '\\',
      quote: '"}',
      open: '{{{',
    },
  };
  const kept = new StoredObject('tricky', encodeForStore({ ...object, metadata }), 3);
  assert.deepEqual(kept.metadata, { ...metadata, resourceVersion: '3' });
  assert.deepEqual(kept.labels, metadata.labels);
});
