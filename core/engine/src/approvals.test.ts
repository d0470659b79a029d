// Which approvals are good, and when one is used up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalsOf, spentApprovals } from './approvals.ts';
import { approvalAnnotation } from './labels.ts';
import type { Action } from './plan.ts';

interface Said {
  readonly text: string;
  readonly underWay?: string;
  readonly spent?: readonly string[];
}

const objectOf = ({ text, underWay, spent }: Said) => ({
  metadata: { name: 'shop', annotations: { [approvalAnnotation]: text } },
  status: {
    step: underWay === undefined ? null : { id: underWay, why: 'it is due', since: 'then' },
    ...(spent ? { spentApprovals: spent } : {}),
  },
});

const action = (id: string): Action => ({
  ...{ id, why: 'it is due', risk: 'dataLoss', timeLimitSeconds: 1 },
  run: () => Promise.resolve(),
});

for (const { text, spent = [], good } of [
  { text: 'lead with b', good: ['lead with b'] },
  { text: ' lead with b , take lost slots,', good: ['lead with b', 'take lost slots'] },
  { text: 'lead with b,take lost slots', spent: ['lead with b'], good: ['take lost slots'] },
  { text: '', good: [] },
]) {
  test(`of "${text}" with ${spent.length} spent these are good: ${good.join(', ')}`, () =>
    assert.deepEqual([...approvalsOf(objectOf({ text, spent }))], good));
}

for (const { name, ahead, spent, ...said } of [
  { name: 'is good until it was begun', text: 'a', ahead: [], spent: [] },
  { name: 'is good while it goes on', text: 'a', underWay: 'a', ahead: ['b', 'a'], spent: [] },
  { name: 'is spent when it is done', text: 'a', underWay: 'a', ahead: ['b'], spent: ['a'] },
  { name: 'is good while another ends', text: 'a', underWay: 'b', ahead: [], spent: [] },
  { name: 'stays spent', text: 'a,b', before: ['a'], ahead: ['a'], spent: ['a'] },
  {
    name: 'may be given anew once it was taken away',
    text: 'b',
    before: ['a'],
    ahead: [],
    spent: [],
  },
]) {
  test(`an approval ${name}`, () => {
    const { text, underWay, before } = said as Said & { readonly before?: readonly string[] };
    const object = objectOf({
      text,
      ...(underWay === undefined ? {} : { underWay }),
      ...(before === undefined ? {} : { spent: before }),
    });
    assert.deepEqual(spentApprovals(object, { ahead: ahead.map(action) }), spent);
  });
}
