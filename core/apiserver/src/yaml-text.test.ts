import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { yamlText } from './yaml-text.ts';

test('maps are in order, lists at the level of their key', () => {
  const value = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: {
      name: 'one',
      labels: { 'kubernetes.io/x': 'true', b: '1' },
      managedFields: [{ manager: 'a', fieldsV1: { 'f:data': { '.': {}, 'f:key': {} } } }],
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    list: [],
    items: [['a', 'b'], { x: null, y: 1.5, z: false }],
  };
  assert.equal(
    yamlText(value),
    `apiVersion: v1
items:
- - a
  - b
- x: null
  "y": 1.5
  z: false
kind: ConfigMap
list: []
metadata:
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels:
    b: "1"
    kubernetes.io/x: "true"
  managedFields:
  - fieldsV1:
      f:data:
        .: {}
        f:key: {}
    manager: a
  name: one
`,
  );
});

for (const text of [
  ...['', 'plain', 'true', 'No', '1', '0x1f', '1e3', '12:30:45', '2026-01-01', '~', '<<'],
  ...['a: b', 'a #b', '- a', "it's", '"x"', '{a}', '[a]', '*a', '&a', ' lead', 'trail ', '---'],
  ...['one\ntwo', 'one\ntwo\n', 'one\n\ntwo\n\n', ' one\ntwo', 'tab\there', 'bell\u0007', 'é 😀'],
  ...[
    'a word '.repeat(30).trim(),
    'https://example.com/a?b=c#d',
    '@x',
    '`x`',
    '%x',
    '!x',
    '|',
    '>',
  ],
]) {
  test(`${JSON.stringify(text)} is read back as it was`, () => {
    const value = {
      a: text,
      list: [text],
      [text === '' ? 'b' : text.slice(0, 60)]: { deep: text },
    };
    assert.deepEqual(parse(yamlText(value), { version: '1.1' }), value);
  });
}
