// Which differences between two JSON values are found, and which are none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareJson } from './compare.ts';
import { inLastingOrder, normaliseText } from './normalise.ts';
import { Translation } from './translation.ts';

/** `what path` of each finding. */
function found(
  expected: unknown,
  actual: unknown,
  translation = new Translation(),
): readonly string[] {
  return compareJson(expected, actual, translation).map(({ what, path }) => `${what} ${path}`);
}

const uid = { uid: '00000000-0000-0000-0000-000000000001' };
const otherUid = { uid: '00000000-0000-0000-0000-000000000002' };

for (const { name, expected, actual, findings } of [
  {
    name: 'nothing between equals',
    expected: { a: [1, 'x'] },
    actual: { a: [1, 'x'] },
    findings: [],
  },
  {
    name: 'keys in another order are equal',
    expected: { a: 1, b: 2 },
    actual: { b: 2, a: 1 },
    findings: [],
  },
  {
    name: 'a missing field',
    expected: { a: { b: 1 } },
    actual: { a: {} },
    findings: ['missing a.b'],
  },
  { name: 'an added field', expected: {}, actual: { a: null }, findings: ['added a'] },
  { name: 'null is not absent', expected: { a: null }, actual: {}, findings: ['missing a'] },
  { name: 'another type', expected: { a: 1 }, actual: { a: '1' }, findings: ['different a'] },
  {
    name: 'a keyed label',
    expected: { labels: { 'a/b': 1 } },
    actual: { labels: {} },
    findings: ['missing labels["a/b"]'],
  },
  {
    name: 'list items by their names',
    expected: {
      list: [
        { name: 'a', v: 1 },
        { name: 'b', v: 1 },
      ],
    },
    actual: { list: [{ name: 'b', v: 2 }] },
    findings: ['missing list[a]', 'different list[b].v'],
  },
  {
    name: 'list items in another order',
    expected: { list: [{ name: 'a' }, { name: 'b' }] },
    actual: { list: [{ name: 'b' }, { name: 'a' }] },
    findings: ['order list'],
  },
  {
    name: 'items without names by position',
    expected: [[1], [2]],
    actual: [[1]],
    findings: ['missing []'],
  },
  { name: 'other uids are equal', expected: uid, actual: otherUid, findings: [] },
  { name: 'a missing uid is not', expected: uid, actual: {}, findings: ['missing uid'] },
  {
    name: 'one uid that becomes two is told',
    expected: [
      { key: 'a', ...uid },
      { key: 'b', ...uid },
    ],
    actual: [
      { key: 'a', ...otherUid },
      { key: 'b', uid: 'third' },
    ],
    findings: ['different [b].uid'],
  },
  {
    name: 'times of one moment are equal',
    expected: { time: '2026-01-01T00:00:00Z' },
    actual: { time: '2026-01-01T00:00:03Z' },
    findings: [],
  },
  {
    name: 'times apart are not',
    expected: { time: '2026-01-01T00:00:00Z' },
    actual: { time: '2026-01-01T00:02:00Z' },
    findings: ['different time'],
  },
  {
    name: 'times of another precision are not',
    expected: { time: '2026-01-01T00:00:00Z' },
    actual: { time: '2026-01-01T00:00:00.000000Z' },
    findings: ['different time'],
  },
  {
    name: 'addresses are assigned, or not',
    expected: { spec: { clusterIP: 'None', clusterIPs: ['10.96.0.1'] } },
    actual: { spec: { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.9'] } },
    findings: ['different spec.clusterIP'],
  },
  {
    name: 'causes of one field in another order are equal, a missing one is not',
    expected: {
      details: { causes: ['a', 'b', 'c'].map((message) => ({ field: 'x', message })) },
    },
    actual: { details: { causes: ['b', 'a'].map((message) => ({ field: 'x', message })) } },
    findings: ['missing details.causes[x c]'],
  },
  {
    name: 'generated names are learned and hold in references',
    expected: [
      { metadata: { generateName: 'p-', name: 'p-abcde' } },
      { metadata: { name: 'x' }, ref: 'p-abcde' },
    ],
    actual: [
      { metadata: { generateName: 'p-', name: 'p-vwxyz' } },
      { metadata: { name: 'x' }, ref: 'p-vwxyz' },
    ],
    findings: [],
  },
]) {
  test(`finds: ${name}`, () => assert.deepEqual(found(expected, actual), findings));
}

for (const { text, normal } of [
  { text: 'a   <none>   80:31234/TCP   5m3s', normal: 'a  <none>  80:<node port>/TCP  <age>' },
  {
    text: 'Liveness: delay=0s timeout=1s period=10s',
    normal: 'Liveness: delay=0s timeout=1s period=10s',
  },
  { text: 'pod/web-7c5ddbdf54-x2x4z', normal: 'pod/web-<generated>' },
  { text: 'deployment.apps/web created', normal: 'deployment.apps/web created' },
  {
    text: 'Warning  Failed  3s (x2 over 5s)  kubelet',
    normal: 'Warning  Failed  3s (x2 over <age>)  kubelet',
  },
]) {
  test(`writes "${text}" as what both servers could say`, () =>
    assert.equal(normaliseText(text), normal));
}

for (const { name, text, ordered } of [
  { name: 'causes', text: 'invalid:\n* b\n* a\nend\n', ordered: 'invalid:\n* a\n* b\nend\n' },
  { name: 'kinds', text: 'x\n==> b\n1\n\n==> a\n2\n', ordered: 'x\n==> a\n2\n==> b\n1\n' },
  {
    name: 'kinds, but not what follows them',
    text: 'x\n==> b\n1\n\n==> a\n2\n\nNOTES:\nb\n\na\n',
    ordered: 'x\n==> a\n2\n==> b\n1\nNOTES:\nb\n\na\n',
  },
  { name: 'nothing else', text: 'b\na\n', ordered: 'b\na\n' },
]) {
  test(`puts into a lasting order: ${name}`, () => assert.equal(inLastingOrder(text), ordered));
}
