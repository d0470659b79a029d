// How dry runs read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DryRun } from '@tweendeck/engine';
import { planText } from './plan-text.ts';

const nothing: DryRun = {
  ...{ kind: 'RedisCluster', namespace: 'n', name: 'shop', phase: 'Ready' },
  ...{ changes: [], steps: [], restarts: [], troubles: [], waits: undefined, silent: [] },
};

for (const { name, run, lines } of [
  { name: 'nothing', run: {}, lines: ['RedisCluster n/shop (Ready): nothing is to be done'] },
  {
    name: 'steps, with what each waits for',
    run: {
      changes: [
        { change: 'create', kind: 'StatefulSet', name: 'shop-data-3-0', fields: [] },
        { change: 'change', kind: 'Service', name: 'shop', fields: ['spec.ports'] },
      ],
      steps: [
        { id: 'set a on b', why: 'b has another a', risk: 'safe', when: 'now' },
        { id: 'restart c', why: 'c is old', on: 'c', risk: 'disruptive', when: 'now' },
        {
          ...{ id: 'restart d', why: 'd is old', on: 'd', risk: 'disruptive' },
          ...{ when: 'after', after: 'restart c' },
        },
      ],
      restarts: ['c', 'd'],
      waits: 'b has another a',
    },
    lines: [
      ...['RedisCluster n/shop (Ready)', ''],
      ...['Objects', '  + StatefulSet shop-data-3-0', '  ~ Service shop (spec.ports)', ''],
      ...['Steps, in this order', '  1. now: set a on b [safe]', '     b has another a'],
      ...['  2. now: restart c [disruptive on c]', '     c is old'],
      ...['  3. after 2: restart d [disruptive on d]', '     d is old', ''],
      ...['Members that restart, one after another', '  c', '  d', ''],
      'Waits for: b has another a',
    ],
  },
  {
    name: 'what needs a person, and who is silent',
    run: {
      steps: [{ id: 'lead with e', why: 'f is gone', risk: 'dataLoss', when: 'approval' }],
      troubles: [{ reason: 'ApprovalNeeded', message: 'approve of it' }],
      silent: [{ member: 'f', why: 'refused' }],
    },
    lines: [
      ...['RedisCluster n/shop (Ready)', '', 'Steps, in this order'],
      ...['  1. once approved of: lead with e [dataLoss]', '     f is gone', ''],
      ...['Needs a person', '  ApprovalNeeded: approve of it', '', 'No answer', '  f: refused'],
    ],
  },
] satisfies readonly { name: string; run: Partial<DryRun>; lines: readonly string[] }[]) {
  test(`a dry run tells ${name}`, () => {
    assert.deepEqual(planText({ ...nothing, ...run }).split('\n'), lines);
  });
}
