// Tables for files of objects.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests } from './manifests.ts';

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

for (const { name, text, kinds } of [
  { name: 'nothing', text: '', kinds: [] },
  { name: 'comments only', text: '# nothing here\n---\n', kinds: [] },
  { name: 'one object', text: head, kinds: ['ConfigMap a'] },
  {
    name: 'JSON',
    text: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"b"}}',
    kinds: ['Pod b'],
  },
  {
    name: 'several documents',
    text: `${head}---\n---\n${head.replace('{name: a}', '{name: c}')}`,
    kinds: ['ConfigMap a', 'ConfigMap c'],
  },
  {
    name: 'a list of objects',
    text: `apiVersion: v1\nkind: List\nitems:\n- ${head.trim().replaceAll('\n', '\n  ')}\n`,
    kinds: ['ConfigMap a'],
  },
]) {
  test(`manifests: ${name}`, () => {
    assert.deepEqual(
      parseManifests(text, 'file').map((manifest) => `${manifest.kind} ${manifest.name}`),
      kinds,
    );
  });
}

for (const { name, text, says } of [
  { name: 'broken YAML', text: 'a: [', says: /^file: / },
  { name: 'a duplicate key', text: `${head}kind: Pod\n`, says: /unique/ },
  { name: 'a text', text: 'hello', says: /file is no object/ },
  { name: 'no kind', text: 'apiVersion: v1\nmetadata: {name: a}', says: /has no kind/ },
  {
    name: 'no name',
    text: 'apiVersion: v1\nkind: Pod\nmetadata: {}',
    says: /has no metadata.name/,
  },
  {
    name: 'a fault in the second document',
    text: `${head}---\nkind: Pod`,
    says: /document 2 has no apiVersion/,
  },
]) {
  test(`manifests refuse ${name}`, () => {
    assert.throws(() => parseManifests(text, 'file'), { code: 'CLI_BAD_MANIFEST', message: says });
  });
}

test('YAML 1.1 words stay what Kubernetes takes them for', () => {
  const [manifest] = parseManifests(`${head}data: {a: "yes", b: 0755}\n`, 'file');
  assert.deepEqual(manifest?.object['data'], { a: 'yes', b: 493 });
});
