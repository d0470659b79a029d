// When members of a shard may be evicted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldBudget } from './held-budgets.ts';
import type { Member } from './member.ts';
import { renderCluster } from './render.ts';
import { toyCluster, toyEngine } from './testing/toy-engine.ts';

const engine = toyEngine(() => ({ role: 'peer', synced: true, facts: null }));
const { budgets, members } = renderCluster(engine, toyCluster());

/** One of them is otherwise. */
function membersBut(name: string, more: Partial<Member<null>>): readonly Member<null>[] {
  return members.map((one) => {
    const pod = { ...{ name: `${one.name}-0`, uid: one.name, ip: '10.0.0.1', host: 'h' } };
    return {
      ...{ name: one.name, place: one.place, revision: one.revision, wanted: true },
      pod: { ...pod, ready: true, terminating: false, revision: one.revision, trouble: undefined },
      view: { role: 'peer', synced: true, facts: null },
      silence: undefined,
      ...(one.name === name ? more : {}),
    };
  });
}

for (const { name, given, held } of [
  { name: 'one of each shard while all take part', given: membersBut('c-data-0-0', {}), held: [] },
  {
    name: 'nobody of a shard with one that is not in step, though its pod is ready',
    given: membersBut('c-data-0-1', { view: { role: 'follower', synced: false, facts: null } }),
    held: ['c-data-0'],
  },
  {
    name: 'nobody of a shard with one that does not answer',
    given: membersBut('c-data-1-0', { view: undefined, silence: 'refused' }),
    held: ['c-data-1'],
  },
  {
    name: 'nobody of a shard with one that has no pod',
    given: membersBut('c-data-1-1', { pod: undefined, view: undefined }),
    held: ['c-data-1'],
  },
  {
    name: 'one of a shard with one that is to leave, and takes part until then',
    given: membersBut('c-data-0-1', { wanted: false }),
    held: [],
  },
  {
    name: 'nobody of a shard with one that is to leave and is not in step',
    given: membersBut('c-data-0-1', {
      wanted: false,
      view: { role: 'follower', synced: false, facts: null },
    }),
    held: ['c-data-0'],
  },
  {
    name: 'nobody of a shard with one that is to leave and does not answer',
    given: membersBut('c-data-0-1', { wanted: false, view: undefined, silence: 'refused' }),
    held: ['c-data-0'],
  },
  {
    name: 'one of a shard with one that has left, but for its workload',
    given: membersBut('c-data-0-1', { wanted: false, pod: undefined, view: undefined }),
    held: [],
  },
]) {
  test(`may be evicted: ${name}`, () => {
    const changed = budgets.filter((budget) => heldBudget(budget, given) !== budget);
    assert.deepEqual(
      changed.map(({ metadata }) => metadata.name),
      held,
    );
    for (const budget of changed) {
      const { spec } = heldBudget(budget, given);
      const before = budget['spec'];
      assert.deepEqual(spec, Object.assign({}, before, { maxUnavailable: 0 }));
    }
  });
}
