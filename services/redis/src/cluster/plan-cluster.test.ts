// What is planned of what members say; the numbers C1 to C16 are those of the cases that users of other operators reported.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOf, type Given, type Gone } from '../testing/cluster-of.ts';
import { planRedis } from './plan-cluster.ts';
import { evenShares, rangesOf, slotCount, slotsIn } from './slots.ts';

const shares = (count: number) => evenShares(count).map((range) => [range]);
const [third0 = [], third1 = [], third2 = []] = shares(3);

/** Three shards of two, in order. */
const settled: readonly Given[] = [
  { at: '0-0', slots: third0, keys: 10, offset: 90 },
  { at: '0-1', follows: '0-0', keys: 10, offset: 90 },
  { at: '1-0', slots: third1, keys: 10, offset: 90 },
  { at: '1-1', follows: '1-0', keys: 10, offset: 80 },
  { at: '2-0', slots: third2, keys: 10, offset: 90 },
  { at: '2-1', follows: '2-0', keys: 10, offset: 85 },
];

const fresh: readonly Given[] = settled.map(({ at }) => ({ at }));
const alone = (given: readonly Given[]): readonly Given[] =>
  given.map((one) => ({
    ...one,
    ignores: given.filter(({ at }) => at !== one.at).map(({ at }) => at),
  }));

/** Some of them are otherwise. */
function but(given: readonly Given[], changes: Readonly<Record<string, Partial<Given>>>) {
  return given.map((one) => ({ ...one, ...changes[one.at] }));
}

function planned(given: readonly Given[], { gone = [], shards = 3 }: Options = {}) {
  const spec = {
    ...{ version: '7.0', options: {} },
    groups: { data: { shards, members: 2, resources: { limits: {} } } },
  };
  const { deeds, troubles, holds } = planRedis({ spec }, { members: clusterOf(given, gone) });
  return {
    deeds: deeds.map(({ id, risk }) => (risk === 'safe' ? id : `${id} (${risk})`)),
    troubles: troubles.map(({ reason }) => reason),
    all: deeds,
    holds,
  };
}

interface Options {
  readonly gone?: readonly Gone[];
  readonly shards?: number;
}

const meetAll = ['0-0', '0-1', '1-0', '1-1', '2-0', '2-1'].map((at) => `meet c-data-${at}`);

for (const { name, given, options, deeds, troubles = [] } of [
  { name: 'nothing when all is well', given: settled, deeds: [] },
  { name: 'a new cluster: its members meet', given: alone(fresh), deeds: meetAll },
  {
    name: 'a new cluster whose members know each other: shares',
    given: fresh,
    deeds: ['0', '1', '2'].map((shard) => `take slots on c-data-${shard}-0`),
  },
  {
    name: 'a new cluster that was left in the middle: the shares that nobody took',
    given: but(fresh, { '0-0': { slots: third0 } }),
    deeds: ['take slots on c-data-1-0', 'take slots on c-data-2-0'],
  },
  {
    name: 'a new cluster in which some follow others already: slots for whom they follow',
    given: but(fresh, { '0-0': { slots: third0 }, '2-0': { follows: '2-1' } }),
    deeds: ['take slots on c-data-1-0', 'take slots on c-data-2-1'],
  },
  {
    name: 'a follower that was given slots: they are taken away from it before anything else',
    given: but(fresh, { '0-0': { slots: third0, follows: '0-1' } }),
    deeds: ['take slots away from c-data-0-0'],
  },
  {
    name: 'a follower that was given slots in a cluster that lives: the same',
    given: but(settled, { '0-1': { follows: '0-0', slots: third1 } }),
    deeds: ['take slots away from c-data-0-1'],
  },
  {
    name: 'keys without an owner of their slots: no new cluster',
    given: but(fresh, { '0-0': { slots: third0 }, '1-0': { keys: 1 } }),
    deeds: ['follow c-data-0-0 with c-data-0-1', 'follow c-data-2-0 with c-data-2-1'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'a new cluster of which one is not there yet: nothing',
    given: but(alone(fresh), { '2-1': { silent: 'with pod' } }),
    deeds: [],
  },
  {
    name: 'leaders with their shares: the others follow',
    given: settled.map(({ follows: _, ...one }) => ({ ...one, keys: 0 })),
    deeds: ['0', '1', '2'].map((shard) => `follow c-data-${shard}-0 with c-data-${shard}-1`),
  },
  {
    name: 'C1: all are back at other addresses: they meet, and nobody takes slots',
    given: settled.map((one) => ({ ...one, stale: settled.map(({ at }) => at) })),
    deeds: meetAll,
  },
  {
    name: 'C2: a leader that came back as it was: nothing',
    given: but(settled, { '0-0': { offset: 91 } }),
    deeds: [],
  },
  {
    name: 'C3: a replica lost its volume: it meets',
    given: but(settled, {
      '1-1': {
        id: 'new',
        follows: undefined,
        keys: 0,
        ignores: ['0-0', '0-1', '1-0', '2-0', '2-1'],
      },
    }),
    options: { gone: [{ id: '1-1', flags: ['slave', 'fail'] }] },
    deeds: [
      'meet c-data-0-0',
      'meet c-data-0-1',
      'meet c-data-1-0',
      'meet c-data-2-0',
      'meet c-data-2-1',
      'forget 1-1',
    ],
  },
  {
    name: 'C3: and follows, once it is known',
    given: but(settled, { '1-1': { id: 'new', follows: undefined, keys: 0 } }),
    deeds: ['follow c-data-1-0 with c-data-1-1'],
  },
  {
    name: 'a leader lost its volume while its replica waits to be elected: nobody follows the empty one',
    given: but(settled, {
      '1-0': { id: 'new', slots: undefined, keys: 0 },
      '1-1': { follows: 'old' },
    }),
    options: { gone: [{ id: 'old', slots: third1 }] },
    deeds: [],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'a master with keys and without slots: it is not made to follow',
    given: but(settled, { '1-1': { follows: undefined, keys: 5 } }),
    deeds: [],
  },
  {
    name: 'C4: a leader that is away: no slots move, nobody is forgotten',
    given: but(settled, { '2-0': { silent: 'with pod' } }),
    deeds: [],
  },
  {
    name: 'C5: members that remember owners are no new cluster',
    given: [
      { at: '0-1', follows: 'old' },
      { at: '1-1', follows: 'old1' },
      { at: '2-1', follows: 'old2' },
    ],
    options: {
      gone: [
        { id: 'old', slots: third0 },
        { id: 'old1', slots: third1 },
        { id: 'old2', slots: third2 },
      ],
    },
    deeds: ['take over with c-data-0-1 (disruptive)', 'take over with c-data-1-1 (disruptive)'],
    troubles: ['MajorityLost', 'SlotsUncovered'],
  },
  {
    name: 'C5: one that joined lately does not know what is owned by those that are gone',
    given: [
      { at: '0-0', id: 'new', ignores: ['old', 'old1', 'old2'] },
      { at: '0-1', follows: 'old' },
      { at: '1-1', follows: 'old1' },
      { at: '2-1', follows: 'old2' },
    ],
    options: {
      gone: [
        { id: 'old', slots: third0 },
        { id: 'old1', slots: third1 },
        { id: 'old2', slots: third2 },
      ],
    },
    deeds: ['take over with c-data-0-1 (disruptive)', 'take over with c-data-1-1 (disruptive)'],
    troubles: ['MajorityLost', 'SlotsUncovered'],
  },
  {
    name: 'nor is the owner of slots that are gone forgotten',
    given: [
      { at: '0-0', slots: third0, keys: 1 },
      { at: '1-0', slots: third1, keys: 1 },
      { at: '2-0', id: 'new', ignores: ['old'] },
    ],
    options: { gone: [{ id: 'old', slots: third2 }] },
    deeds: ['take lost slots (dataLoss)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'C6: a shard more: slots move to it',
    given: [...settled, { at: '3-0' }, { at: '3-1', follows: '3-0' }],
    options: { shards: 4 },
    deeds: ['move slots from c-data-1-0 to c-data-3-0 (disruptive)'],
  },
  {
    name: 'C6: a shard less: its slots go first',
    given: but(settled, { '2-0': { wanted: false }, '2-1': { wanted: false } }),
    options: { shards: 2 },
    deeds: ['move slots from c-data-2-0 to c-data-0-0 (disruptive)'],
  },
  {
    name: 'C7: a slot that is on its way is ended before others move',
    given: but([...settled, { at: '3-0' }, { at: '3-1', follows: '3-0' }], {
      '0-0': { migrating: new Map([[7, '2-0']]) },
      '2-0': { importing: new Map([[7, '0-0']]) },
    }),
    options: { shards: 4 },
    deeds: ['move slots from c-data-0-0 to c-data-2-0 (disruptive)'],
  },
  {
    name: 'C7: a slot on its way goes to who leads the shard now',
    given: but(settled, {
      '0-0': { migrating: new Map([[7, '2-0']]) },
      '2-0': { slots: undefined, follows: '2-1' },
      '2-1': { slots: third2, follows: undefined },
    }),
    deeds: ['move slots from c-data-0-0 to c-data-2-1 (disruptive)'],
  },
  {
    name: 'C7: a slot on its way comes from who leads the shard now',
    given: but(settled, {
      '0-0': { slots: undefined, follows: '0-1' },
      '0-1': { slots: third0, follows: undefined },
      '2-0': { importing: new Map([[7, '0-0']]) },
    }),
    deeds: ['move slots from c-data-0-1 to c-data-2-0 (disruptive)'],
  },
  {
    name: 'C7: a slot that went is closed where it was',
    given: but(settled, { '0-0': { migrating: new Map([[9_000, '1-0']]) } }),
    deeds: ['close slots on c-data-0-0'],
  },
  {
    name: 'C7: a slot that came is given up by who did not hear of it',
    given: but(settled, {
      '0-0': { migrating: new Map([[7, '1-0']]) },
      '1-0': { slots: [[7, 7], ...third1] },
    }),
    deeds: ['close slots on c-data-0-0'],
  },
  {
    name: 'C7: a slot that its owner was to get, or that was to go to nobody who is there, is closed',
    given: but(settled, {
      '0-0': { migrating: new Map([[7, 'nobody']]) },
      '1-0': { importing: new Map([[9_000, '0-0']]) },
    }),
    deeds: ['close slots on c-data-0-0', 'close slots on c-data-1-0'],
  },
  {
    name: 'a leader lost its volume and is another one at its address, which nobody stands for election over',
    given: but(settled, {
      '1-0': { id: 'new', slots: undefined, keys: 0 },
      '1-1': { follows: 'old' },
    }),
    options: { gone: [{ id: 'old', slots: third1, flags: ['master', 'noaddr'] }] },
    deeds: ['elect c-data-1-1 (disruptive)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'also when its replica itself found nobody there',
    given: but(settled, {
      '1-0': { id: 'new', slots: undefined, keys: 0 },
      '1-1': { follows: 'old' },
    }),
    options: {
      gone: [
        {
          ...{ id: 'old', slots: third1, flags: ['master', 'noaddr'] },
          seen: { '1-1': ['master', 'fail?'] },
        },
      ],
    },
    deeds: ['elect c-data-1-1 (disruptive)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'also when those who know that it fails do not tell, for it owns nothing that they know of',
    given: but(settled, {
      '1-0': { id: 'new', slots: undefined, keys: 0 },
      '1-1': { follows: 'old' },
    }),
    options: { gone: [{ id: 'old', slots: third1, seen: { '2-0': ['master', 'fail?'] } }] },
    deeds: ['elect c-data-1-1 (disruptive)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'whoever follows one that is gone and owned nothing leads',
    given: [
      ...settled.filter(({ at }) => !at.startsWith('1')),
      { at: '1-0', id: 'new', follows: 'left' },
    ],
    options: { gone: [{ id: 'left' }, { id: 'old', slots: third1 }] },
    deeds: ['lead with c-data-1-0 (disruptive)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'of its replicas the one that did not copy from whoever is there now',
    given: [
      ...but(settled, {
        '1-0': { id: 'new', slots: undefined, keys: 0 },
        '1-1': { follows: 'old' },
      }),
      { at: '1-2', follows: 'old', offset: 99, copiesFrom: '10.0.1.0' },
    ],
    options: { gone: [{ id: 'old', slots: third1, flags: ['master', 'noaddr'] }] },
    deeds: ['elect c-data-1-1 (disruptive)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'not the one without keys that does not know what its leader owned: servers never elect it',
    given: [
      ...but(settled, {
        '1-0': { id: 'new', slots: undefined, keys: 0 },
        '1-1': { follows: 'old', keys: 0, ignores: ['old'] },
      }),
      { at: '1-2', follows: 'old', copiesFrom: '10.0.1.0' },
    ],
    options: { gone: [{ id: 'old', slots: third1, flags: ['master', 'noaddr'] }] },
    deeds: ['elect c-data-1-2 (disruptive)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'nobody where the one that does not know it has keys, and another only those of a stranger',
    given: [
      ...but(settled, {
        '1-0': { id: 'new', slots: undefined, keys: 0 },
        '1-1': { follows: 'old', keys: 3, ignores: ['old'] },
      }),
      { at: '1-2', follows: 'old', copiesFrom: '10.0.1.0' },
    ],
    options: { gone: [{ id: 'old', slots: third1, flags: ['master', 'noaddr'] }] },
    deeds: [],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'nobody is elected while one is silent that may be that leader elsewhere',
    given: but(settled, {
      '1-0': { silent: 'with pod', id: 'new', slots: undefined },
      '1-1': { follows: 'old' },
    }),
    options: { gone: [{ id: 'old', slots: third1, flags: ['master', 'noaddr'] }] },
    deeds: [],
  },
  {
    name: 'a shard of one that has keys of slots that are on their way to it: they go on',
    given: [
      ...but(settled, { '0-0': { migrating: new Map([[7, '3-0']]) } }),
      { at: '3-0', keys: 3, importing: new Map([[7, '0-0']]) },
    ],
    options: { shards: 4 },
    deeds: ['move slots from c-data-0-0 to c-data-3-0 (disruptive)'],
  },
  {
    name: 'a new shard whose leader lost its volume before it had slots: the others follow who is there',
    given: [...settled, { at: '3-0', id: 'new' }, { at: '3-1', follows: 'old' }],
    options: { shards: 4, gone: [{ id: 'old' }] },
    deeds: ['follow c-data-3-0 with c-data-3-1'],
  },
  {
    name: 'two of a shard own slots: all go to who leads',
    given: but(settled, {
      '0-0': { slots: [[0, 9]], epoch: 1 },
      '0-1': { slots: [[10, 5_460]], follows: undefined, epoch: 3 },
    }),
    deeds: ['move slots from c-data-0-0 to c-data-0-1 (disruptive)'],
  },
  {
    name: 'a leader that did not hear yet that another was elected: nothing moves',
    given: but(settled, {
      '0-0': { wanted: false, epoch: 1 },
      '0-1': { wanted: false, slots: third0, follows: undefined, epoch: 3 },
    }),
    options: { shards: 2 },
    deeds: [],
  },
  {
    name: 'a leader that is to leave a shard that stays hands over',
    given: but(settled, { '0-0': { wanted: false } }),
    deeds: ['hand over from c-data-0-0 to c-data-0-1 (disruptive)'],
  },
  {
    name: 'a replica that copies from where its leader was follows it anew',
    given: but(settled, { '0-1': { copiesFrom: '10.9.9.9' } }),
    deeds: ['follow c-data-0-0 with c-data-0-1'],
  },
  {
    name: 'C7: nothing moves while one is away',
    given: but([...settled, { at: '3-0' }, { at: '3-1', follows: '3-0' }], {
      '1-1': { silent: 'without pod' },
    }),
    options: { shards: 4 },
    deeds: [],
  },
  {
    name: 'C8: slots of a leader that is gone without a replica: told, and taken when a person says so',
    given: settled.filter(({ at }) => !at.startsWith('2')),
    options: { shards: 2, gone: [{ id: '2-0', slots: third2 }] },
    deeds: ['take lost slots (dataLoss)'],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'C8: not while somebody does not find that the leader fails',
    given: settled.filter(({ at }) => !at.startsWith('2')),
    options: {
      ...{ shards: 2 },
      gone: [{ id: '2-0', slots: third2, seen: { '1-1': ['master'] } }],
    },
    deeds: [],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'C8: not while one that leaves does not answer: they may be its own',
    given: [
      ...settled.filter(({ at }) => !at.startsWith('2')),
      { at: '2-0', silent: 'with pod', wanted: false, slots: third2 },
    ],
    options: { shards: 2 },
    deeds: [],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'C9: most leaders are gone for sure: as few take over as it needs, the best first',
    given: but(settled, { '1-0': { silent: 'without pod' }, '2-0': { silent: 'without pod' } }),
    deeds: ['take over with c-data-2-1 (disruptive)'],
    troubles: ['MajorityLost'],
  },
  {
    name: 'C9: most leaders are silent and may live: a person decides',
    given: but(settled, { '1-0': { silent: 'with pod' }, '2-0': { silent: 'without pod' } }),
    deeds: ['take over with c-data-2-1 (dataLoss)'],
    troubles: ['MajorityLost'],
  },
  {
    name: 'C10: who is followed is not forgotten',
    given: but(settled, {
      '1-1': { follows: 'old' },
      '1-0': { id: 'new', slots: undefined, keys: 0 },
    }),
    options: { gone: [{ id: 'old' }] },
    deeds: [],
    troubles: ['SlotsUncovered'],
  },
  {
    name: 'who is nobody any more is forgotten',
    given: settled,
    options: { gone: [{ id: 'old' }] },
    deeds: ['forget old'],
  },
  {
    name: 'nobody is forgotten while one is away that may come back with that id',
    given: but(settled, { '2-1': { silent: 'without pod' } }),
    options: { gone: [{ id: 'old' }] },
    deeds: [],
  },
  {
    name: 'who is to leave and does not answer is not forgotten: it may have to lead until then',
    given: [
      ...settled,
      { at: '3-0', wanted: false, keys: 5 },
      { at: '3-1', wanted: false, follows: '3-0', keys: 5, silent: 'with pod' },
    ],
    deeds: [],
  },
  {
    name: 'a failover: whoever owns slots leads, whatever its ordinal',
    given: but(settled, {
      '0-0': { slots: undefined, follows: '0-1' },
      '0-1': { slots: third0, follows: undefined },
    }),
    deeds: [],
  },
] as readonly {
  name: string;
  given: readonly Given[];
  options?: Options;
  deeds: readonly string[];
  troubles?: readonly string[];
}[]) {
  test(`plans of Redis: ${name}`, () => {
    const plan = planned(given, options);
    assert.deepEqual({ deeds: plan.deeds, troubles: plan.troubles }, { deeds, troubles });
  });
}

for (const { from, to } of [
  { from: 3, to: 4 },
  { from: 3, to: 16 },
  { from: 16, to: 10 },
  { from: 6, to: 3 },
]) {
  test(`C6: from ${from} to ${to} shards every slot has one owner at each step, and moves end`, () => {
    const count = Math.max(from, to);
    const held = new Map(
      Array.from({ length: count }, (_, shard) => [
        `${shard}-0`,
        new Set(shard < from ? slotsIn(shares(from)[shard] ?? []) : []),
      ]),
    );
    for (let moves = 0; ; moves++) {
      assert.ok(moves < 200, 'it does not end');
      const given = [...held].map(([at, slots]) => ({
        ...{ at, wanted: Number(at.split('-')[0]) < to },
        ...(slots.size > 0 ? { slots: rangesOf([...slots].sort((a, b) => a - b)) } : {}),
      }));
      const [next] = planned(given, { shards: to }).all;
      if (next?.deed.kind !== 'move') break;
      const { from: giver, to: taker, slots } = next.deed.move;
      for (const slot of slots.slice(0, 400)) {
        assert.ok(held.get(giver.view.facts.id)?.delete(slot), `${slot} is not the giver's`);
        held.get(taker.view.facts.id)?.add(slot);
      }
    }
    const sizes = [...held.values()].map(({ size }) => size);
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      slotCount,
    );
    const share = slotCount / to;
    for (const [shard, size] of sizes.entries()) {
      if (shard >= to) assert.equal(size, 0);
      else assert.ok(Math.abs(size - share) <= Math.max(1, share * 0.02), `${size} of ${share}`);
    }
  });
}

test('C8: lost slots go to who was about to get them, the others to who has least', () => {
  const given: readonly Given[] = [
    ...settled.filter(({ at }) => !at.startsWith('2')),
    { at: '2-0', id: 'new' },
    { at: '3-0', importing: new Map([[12_000, '2-0']]) },
  ];
  const [lost] = planned(given, { shards: 4, gone: [{ id: '2-0', slots: third2 }] }).all;
  assert.ok(lost?.deed.kind === 'adopt');
  assert.deepEqual(
    lost.deed.adoptions.map(({ by, ranges }) => [by.name, ranges]),
    [
      [
        'c-data-2-0',
        [
          [10_923, 11_999],
          [12_001, 16_383],
        ],
      ],
      ['c-data-3-0', [[12_000, 12_000]]],
    ],
  );
});

test('a leader that has not heard of its successor keeps members from being restarted', () => {
  const { holds, all } = planned(
    but(settled, { '0-1': { follows: undefined, slots: third0, epoch: 2 } }),
  );
  assert.deepEqual(all, []);
  assert.equal(holds, 'c-data-0-0 has not heard yet that c-data-0-1 leads in its place');
  assert.equal(planned(settled).holds, undefined);
});
