// Tables for the layout of tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServedKind } from '../kinds.ts';
import { alignColumns, parseTable, renderTable } from './table.ts';

const pods: ServedKind = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: [],
  categories: [],
  verbs: [],
  namespaced: true,
};
const answer = {
  kind: 'Table',
  metadata: { resourceVersion: '7' },
  columnDefinitions: [
    { name: 'Name' },
    { name: 'Ready', priority: 0 },
    { name: 'IP', priority: 1 },
  ],
  rows: [
    { cells: ['a', '1/1', '127.0.0.2'], object: { metadata: { namespace: 'one' } } },
    { cells: ['longer', null, 3], object: { metadata: { namespace: 'two' } } },
  ],
};

for (const { name, view, lines } of [
  {
    name: 'as it is',
    view: { namespace: 'one', wide: false, several: false },
    lines: ['NAME     READY', 'a        1/1', 'longer   <none>'],
  },
  {
    name: 'wide',
    view: { namespace: 'one', wide: true, several: false },
    lines: ['NAME     READY    IP', 'a        1/1      127.0.0.2', 'longer   <none>   3'],
  },
  {
    name: 'of all namespaces',
    view: { namespace: undefined, wide: false, several: false },
    lines: [
      'NAMESPACE   NAME     READY',
      'one         a        1/1',
      'two         longer   <none>',
    ],
  },
  {
    name: 'among other kinds',
    view: { namespace: 'one', wide: false, several: true },
    lines: ['NAME          READY', 'pods/a        1/1', 'pods/longer   <none>'],
  },
  {
    name: 'without its head',
    view: { namespace: 'one', wide: false, several: false, headless: true },
    lines: ['a        1/1', 'longer   <none>'],
  },
]) {
  test(`a table ${name}`, () =>
    assert.equal(renderTable(parseTable(answer, pods), view), lines.join('\n')));
}

test('what is no table is an empty one', () => {
  assert.deepEqual(parseTable(undefined, pods).rows, []);
  assert.equal(alignColumns([]), '');
});
