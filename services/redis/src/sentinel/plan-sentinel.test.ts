// What is planned of what members say; the numbers S1 to S13 are those of the cases that users of other operators reported.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayLeaveSet, planHandOver, planSentinel } from './plan-sentinel.ts';
import { isDownBySentinels, rolesIn, standingOf } from './standing.ts';
import { type GivenData, type GivenSentinel, setOf, toySet } from './testing/set-of.ts';

interface Row {
  readonly name: string;
  readonly data: readonly GivenData[];
  readonly sentinels?: readonly GivenSentinel[];
  readonly deeds?: readonly string[];
  readonly troubles?: readonly string[];
  /** Whether nobody is restarted. */
  readonly holds?: true;
}

const well: readonly GivenData[] = [{}, {}, {}];
const fresh: GivenData = { is: 'fenced', keys: 0, offset: 0 };
/** Back from its log of writes. */
const back: GivenData = { is: 'fenced', offset: 0 };
/** Back without its data. */
const empty: GivenData = fresh;
const gone: GivenData = { silent: 'without pod' };
const all = (one: GivenSentinel): readonly GivenSentinel[] => [one, one, one];
const nobody = all({ names: undefined });
const watchAll = (leader: number) =>
  [0, 1, 2].map((at) => `watch s-data-${leader} with s-sentinels-${at}`);
const down = all({ downMs: 1_200, flags: ['s_down', 'o_down'] });
const downLong = all({ downMs: 31_000, flags: ['s_down', 'o_down'] });

/** More than the usual limit of 256 MiB leaves, of a larger one. */
const memory = { data: 190 * 1_048_576, used: 200 * 1_048_576, max: 300 * 1_048_576 };

const rows: readonly Row[] = [
  { name: 'nothing when all is well', data: well },
  {
    name: 'a new set: the first one leads',
    data: [fresh, fresh, fresh],
    sentinels: nobody,
    deeds: ['lead with s-data-0 (disruptive)'],
  },
  {
    name: 'a new set of which one is not there yet: nothing',
    data: [fresh, fresh, gone],
    sentinels: nobody,
  },
  {
    name: 'a new set whose Sentinels do not answer yet: nothing',
    data: [fresh, fresh, fresh],
    sentinels: [{ names: undefined }, { silent: true }, { silent: true }],
  },
  {
    name: 'a new set with a leader: the others follow, then Sentinels are told',
    data: [{ keys: 0 }, fresh, fresh],
    sentinels: nobody,
    deeds: ['follow s-data-0 with s-data-1', 'follow s-data-0 with s-data-2'],
  },
  {
    name: 'a new set whose members follow: Sentinels are told',
    data: well,
    sentinels: nobody,
    deeds: watchAll(0),
  },
  {
    name: 'in step with the leader: Sentinels may choose it',
    data: [{}, {}, { settings: { 'replica-priority': '0' } }],
    deeds: ['set up s-data-2'],
  },
  {
    name: 'not in step: they may not, and it is written down who is',
    data: [{}, {}, { linked: false, settings: { 'replica-priority': '0' } }],
    deeds: ['mark s-data-0'],
  },
  {
    name: 'who is in step is written down while writes are taken',
    data: [{}, { linked: false }, { linked: false }],
  },
  {
    name: 'a set without a mark gets one',
    data: [{ mark: undefined }, { mark: undefined }, { mark: undefined }],
    deeds: ['mark s-data-0'],
  },
  {
    name: 'S1: Sentinels changed the leader while nobody looked: their choice stays, the old one follows',
    data: [back, { is: 'master' }, { is: 1 }],
    sentinels: all({ names: 1, epoch: 1 }),
    deeds: ['follow s-data-1 with s-data-0'],
  },
  {
    name: 'S1: Sentinels are changing it: nothing is done meanwhile',
    data: [{ silent: 'with pod' }, { is: 'master' }, {}],
    sentinels: [{ flags: ['failover_in_progress'] }, {}, {}],
    deeds: ['wait for Sentinels (disruptive)'],
  },
  {
    name: 'S1: some Sentinels have not heard of the new leader: nothing',
    data: [{ silent: 'with pod' }, { is: 'master' }, { is: 1 }],
    sentinels: [{ names: 1, epoch: 1 }, { downMs: 900 }, { downMs: 900 }],
    deeds: ['wait for Sentinels (disruptive)'],
  },
  {
    name: 'S2: the old leader goes on taking writes: it follows the one that Sentinels name',
    data: [{ is: 'master' }, { is: 'master' }, { is: 1 }],
    sentinels: all({ names: 1, epoch: 1 }),
    deeds: ['follow s-data-1 with s-data-0'],
  },
  {
    name: 'S2: an empty leader gives nobody its data unless a person says so',
    data: [{ keys: 0 }, back, {}],
    deeds: ['follow s-data-0 with s-data-1 (dataLoss)'],
  },
  {
    name: 'S4: all have other addresses, and nobody is left whom Sentinels may choose: the best leads',
    data: [back, { ...back, keys: 12 }, back].map((one) => ({ ...one, mark: undefined })),
    sentinels: all({ names: '10.9.9.9:6379', downMs: 100 }),
    deeds: ['lead with s-data-1 (disruptive)'],
  },
  {
    name: 'S4: the one leads that was where Sentinels say that the leader is',
    data: [1, 1, 1].map(() => ({
      ...back,
      mark: { number: 3, leader: 0, inStep: [0, 1, 2], net: '10.9.9' },
    })),
    sentinels: all({ names: '10.9.9.2:6379', downMs: 100 }),
    deeds: ['lead with s-data-2 (disruptive)'],
  },
  {
    name: 'S4: the one leads that led when they were last in step',
    data: [1, 1, 1].map(() => ({ ...back, mark: { number: 3, leader: 1, inStep: [0, 1, 2] } })),
    sentinels: nobody,
    deeds: ['lead with s-data-1 (disruptive)'],
  },
  {
    name: 'S4: it leads: Sentinels are told where it is',
    data: [back, { is: 'master' }, back],
    sentinels: all({ names: '10.9.9.9:6379', downMs: 100 }),
    deeds: watchAll(1),
  },
  {
    name: 'S4: one Sentinel is left behind at an address that is nobody’s',
    data: well,
    sentinels: [{}, {}, { names: '10.9.9.9:6379', downMs: 100 }],
    deeds: ['watch s-data-0 with s-sentinels-2'],
  },
  {
    name: 'S5: a Sentinel that forgot all is told',
    data: well,
    sentinels: [{}, { names: undefined }, {}],
    deeds: ['watch s-data-0 with s-sentinels-1'],
  },
  {
    name: 'S5: two Sentinels that forgot all are told what the third knows',
    data: [{ is: 1 }, { is: 'master' }, { is: 1 }],
    sentinels: [{ names: undefined }, { names: undefined }, { names: 1, epoch: 4 }],
    deeds: ['watch s-data-1 with s-sentinels-0', 'watch s-data-1 with s-sentinels-1'],
  },
  {
    name: 'S6: what is gone is forgotten by one Sentinel',
    data: well,
    sentinels: all({ strangers: ['10.9.9.9'] }),
    deeds: ['watch s-data-0 with s-sentinels-0'],
  },
  {
    name: 'S6: a Sentinel that is gone is forgotten, too',
    data: well,
    sentinels: [{}, { ghosts: ['f00d'] }, {}],
    deeds: ['watch s-data-0 with s-sentinels-1'],
  },
  {
    name: 'S6: the next one forgets half a minute later',
    data: well,
    sentinels: [{ sinceMs: 29_000 }, { ghosts: ['f00d'] }, {}],
  },
  {
    name: 'S6: nothing is forgotten while the leader is down',
    data: [{ silent: 'with pod' }, {}, {}],
    sentinels: all({ downMs: 1_200, flags: ['s_down'], strangers: ['10.9.9.9'] }),
  },
  {
    name: 'S6: nothing is forgotten while one Sentinel does not reach it',
    data: well,
    sentinels: [{ strangers: ['10.9.9.9'] }, {}, { flags: ['s_down'], downMs: 10 }],
  },
  {
    name: 'S7: two take writes: the one that Sentinels name goes on',
    data: [{}, {}, { is: 'master' }],
    deeds: ['follow s-data-0 with s-data-2'],
  },
  {
    name: 'S7: two take writes, and Sentinels know of none: a person says which',
    data: [{}, { is: 'master' }, {}],
    sentinels: nobody,
    troubles: ['SeveralLeaders'],
  },
  {
    name: 'S8: the leader went before others were in step, and those are empty: not at once',
    data: [{ silent: 'without pod' }, empty, empty],
    sentinels: all({ downMs: 6_000, names: '10.9.9.9:6379' }),
  },
  {
    name: 'S8: the leader went before others were in step, and is away for long: a person may choose an empty one',
    data: [{ silent: 'without pod' }, empty, empty],
    sentinels: all({ downMs: 60_000, names: '10.9.9.9:6379' }),
    deeds: ['lead with s-data-1 (dataLoss)'],
  },
  {
    name: 'S8: it is back with its data: it leads again',
    data: [back, empty, empty],
    deeds: ['lead with s-data-0 (disruptive)'],
  },
  {
    name: 'S10: all come back: the one that led goes on',
    data: [back, back, { ...back, keys: 12 }],
    deeds: ['lead with s-data-0 (disruptive)'],
  },
  {
    name: 'S10: two come back without it: not at once',
    data: [{ silent: 'with pod' }, back, back],
    sentinels: down,
  },
  {
    name: 'S10: two come back without it: the better one leads after a while',
    data: [{ silent: 'with pod' }, back, { ...back, offset: 3 }],
    sentinels: downLong,
    deeds: ['lead with s-data-2 (disruptive)'],
  },
  {
    name: 'S10: an older copy with more keys does not lead',
    data: [
      { silent: 'with pod' },
      { ...back, keys: 12, mark: { number: 1, inStep: [0, 1, 2] } },
      { ...back, mark: { number: 2, inStep: [0, 2] } },
    ],
    sentinels: downLong,
    deeds: ['lead with s-data-2 (disruptive)'],
  },
  {
    name: 'S10: the one that Sentinels name has an older copy than others',
    data: [back, { ...back, mark: { number: 2, inStep: [1, 2] } }, back],
    sentinels: all({ down: [1, 2] }),
    deeds: ['lead with s-data-1 (disruptive)'],
  },
  {
    name: 'S10: one is in step: the choice is that of the Sentinels',
    data: [{ silent: 'with pod' }, back, {}],
    sentinels: downLong,
  },
  {
    name: 'S10: Sentinels do not choose for long: it is told',
    data: [{ silent: 'with pod' }, {}, {}],
    sentinels: all({ downMs: 100_000 }),
    troubles: ['FailoverStuck'],
  },
  {
    name: 'S11: Sentinels name one that follows another: they are told who leads',
    data: [{ is: 1 }, { is: 'master' }, { is: 1 }],
    deeds: watchAll(1),
  },
  {
    name: 'S12: the new leader started anew, and the old one is back and takes writes: the new one leads again',
    data: [
      { is: 'master', mark: { number: 1, inStep: [0, 1, 2] } },
      { ...back, mark: { number: 2, leader: 1, inStep: [1, 2] } },
      { is: 1, linked: false, mark: { number: 2, leader: 1, inStep: [1, 2] } },
    ],
    sentinels: all({ names: 1, epoch: 1 }),
    deeds: ['lead with s-data-1 (disruptive)'],
  },
  {
    name: 'S12: one with newer data is back, and the leader takes writes: its own count',
    data: [{}, {}, { ...back, mark: { number: 2, leader: 2, inStep: [2] } }],
    sentinels: all({}),
    deeds: ['mark s-data-0'],
  },
  {
    name: 'S12: one with newer data is back, and the leader is alone: a person says whether it may lose them',
    data: [{}, { silent: 'with pod' }, { ...back, mark: { number: 2, leader: 2, inStep: [1, 2] } }],
    deeds: ['follow s-data-0 with s-data-2 (dataLoss)'],
  },
  {
    name: 'S12: the old leader is cut off, and Sentinels named another: nothing but the new one counts',
    data: [{ silent: 'with pod' }, { is: 'master' }, { is: 1 }],
    sentinels: all({ names: 1, epoch: 1 }),
  },
  {
    name: 'S13: the leader started anew without its data: Sentinels choose another',
    data: [empty, { linked: false }, { linked: false }],
    deeds: ['fail over from s-data-0 (disruptive)'],
  },
  {
    name: 'S13: the leader started anew, and a Sentinel still takes it for dead: the choice is theirs',
    data: [back, { linked: false }, { linked: false }],
    sentinels: [{}, { downMs: 300 }, {}],
    deeds: ['wait for Sentinels (disruptive)'],
  },
  {
    name: 'S13: it keeps no log, and has less than others',
    data: [{ is: 'fenced', logged: false, offset: 50 }, { linked: false }, { linked: false }],
    deeds: ['fail over from s-data-0 (disruptive)'],
  },
  {
    name: 'S13: it keeps a log: all that it acknowledged is in it, so it goes on',
    data: [back, { linked: false }, { linked: false }],
    deeds: ['lead with s-data-0 (disruptive)'],
  },
  {
    name: 'S13: alone and empty, it begins anew',
    data: [empty],
    deeds: ['lead with s-data-0 (disruptive)'],
  },
  {
    name: 'S13: all that are there are empty, and one is away that may have data: a person may choose',
    data: [empty, empty, { silent: 'with pod' }],
    sentinels: all({ down: [1, 2] }),
    deeds: ['lead with s-data-0 (dataLoss)'],
  },
  {
    name: 'S13: the leader lost its data, another one has some, and one is away: a person may choose',
    data: [empty, back, { silent: 'with pod' }],
    sentinels: all({ down: [1, 2] }),
    deeds: ['lead with s-data-1 (dataLoss)'],
  },
  {
    name: 'S13: the leader lost its data, others started anew with theirs: the best of them leads',
    data: [empty, back, { ...back, keys: 12 }],
    sentinels: all({ down: [1, 2] }),
    deeds: ['lead with s-data-2 (disruptive)'],
  },
  {
    name: 'most Sentinels are away, and the leader: a person may choose',
    data: [{ silent: 'with pod' }, {}, { offset: 95 }],
    sentinels: [{}, { silent: true }, { silent: true }],
    deeds: ['lead with s-data-2 (dataLoss)'],
    troubles: ['QuorumLost'],
  },
  {
    name: 'most Sentinels are away, and one was chosen: it is followed',
    data: [{ silent: 'with pod' }, { linked: false }, { is: 'master', offset: 95 }],
    sentinels: [{}, { silent: true }, { silent: true }],
    deeds: ['follow s-data-2 with s-data-1'],
    troubles: ['QuorumLost'],
  },
  {
    name: 'most Sentinels are away, and one was chosen and is followed: those that answer name it',
    data: [{ silent: 'with pod' }, { is: 2 }, { is: 'master', offset: 95 }],
    sentinels: [{}, { silent: true }, { silent: true }],
    deeds: ['watch s-data-2 with s-sentinels-0'],
    troubles: ['QuorumLost'],
  },
  {
    name: 'most Sentinels are away, and those that answer name the chosen one: that is all',
    data: [{ silent: 'with pod' }, { is: 2 }, { is: 'master', offset: 95 }],
    sentinels: [{ names: 2 }, { silent: true }, { silent: true }],
    troubles: ['QuorumLost'],
  },
  {
    name: 'most Sentinels are away, and two take writes: a person may choose',
    data: [{ silent: 'with pod' }, { is: 'master' }, { is: 'master', offset: 95 }],
    sentinels: [{}, { silent: true }, { silent: true }],
    deeds: ['lead with s-data-2 (dataLoss)'],
    troubles: ['QuorumLost'],
  },
  {
    name: 'most Sentinels are away: the leader goes on, and nobody is told anything',
    data: [{}, back, {}],
    sentinels: [{}, { silent: true }, { silent: true }],
    troubles: ['QuorumLost'],
  },
  {
    name: 'no Sentinel knows, and one that may have newer data cannot run: a person may choose',
    data: [back, back, { silent: 'broken' }],
    sentinels: nobody,
    deeds: ['lead with s-data-0 (dataLoss)'],
  },
  {
    name: 'the leader is to go: it hands over, to none that goes, too',
    data: [{ wanted: false }, {}, {}],
    deeds: ['hand over from s-data-0 (disruptive)'],
  },
  {
    name: 'a Sentinel does not know one that is in step: nothing else is begun',
    data: well,
    sentinels: [{}, { strange: [2] }, {}],
    deeds: ['wait for Sentinels (disruptive)'],
  },
  {
    name: 'other settings of Sentinels: they are adjusted',
    data: well,
    sentinels: [{}, { quorum: 3 }, {}],
    deeds: ['adjust s-sentinels-1'],
  },
  {
    name: 'less memory than a replica uses: nobody is restarted with that',
    data: [{}, { memory }, {}],
    troubles: ['NoRoom'],
    holds: true,
  },
  {
    name: 'less memory than the leader uses: what heals goes on',
    data: [{ memory }, { is: 'fenced', offset: 0 }, {}],
    deeds: ['follow s-data-0 with s-data-1'],
    troubles: ['NoRoom'],
    holds: true,
  },
  {
    name: 'less memory than one uses that is to go: nothing',
    data: [{}, {}, { memory, wanted: false, settings: { 'replica-priority': '0' } }],
  },
  {
    name: 'less memory than one uses, and most Sentinels are away: both are told',
    data: [{}, { memory }, {}],
    sentinels: [{}, { silent: true }, { silent: true }],
    troubles: ['QuorumLost', 'NoRoom'],
    holds: true,
  },
];

for (const { name, data, sentinels = [{}, {}, {}], deeds = [], troubles = [], holds } of rows) {
  test(`Sentinel plan: ${name}`, () => {
    const standing = standingOf({ members: setOf({ data, sentinels }) });
    const plan = planSentinel(toySet, standing);
    assert.deepEqual(
      plan.deeds.map(({ id, risk }) => (risk === 'safe' ? id : `${id} (${risk})`)),
      deeds,
    );
    assert.deepEqual(
      plan.troubles.map(({ reason }) => reason),
      troubles,
    );
    assert.equal(plan.holds !== undefined, holds ?? false);
  });
}

test('S9: Sentinels of two sets never watch under one name', () => {
  const names = [toySet, { ...toySet, namespace: 'm' }, { ...toySet, name: 't' }].map((set) => {
    const standing = standingOf({ members: setOf({ data: well, sentinels: nobody }) });
    const [deed] = planSentinel(set, standing).deeds;
    return deed?.deed.kind === 'watch' ? deed.deed.settings.masterName : undefined;
  });
  assert.deepEqual(names, ['n.s', 'm.s', 'n.t']);
});

for (const { name, data, sentinels, roles } of [
  {
    name: 'S3: the one that most Sentinels name and that takes writes leads',
    data: [{ is: 'master' }, { is: 'master' }, { is: 1 }],
    sentinels: [{ names: 0 }, { names: 1 }, { names: 1 }],
    roles: ['unknown', 'leader', 'follower'],
  },
  {
    name: 'S3: one that is named and takes no writes does not lead',
    data: [back, { linked: false }, {}],
    sentinels: all({}),
    roles: ['unknown', 'unknown', 'unknown'],
  },
  {
    name: 'S12: the old leader that is cut off from Sentinels does not lead any more',
    data: [{ is: 'master' }, { silent: 'with pod' }, {}],
    sentinels: all({ names: 1 }),
    roles: ['unknown', 'unknown'],
  },
  {
    name: 'without Sentinels the only one that takes writes leads',
    data: [{}, {}, {}],
    sentinels: all({ silent: true }),
    roles: ['leader', 'follower', 'follower'],
  },
] as const satisfies readonly (Omit<Row, 'deeds'> & { roles: readonly string[] })[]) {
  test(`Sentinel roles: ${name}`, () => {
    const found = rolesIn({ members: setOf({ data, sentinels }) });
    assert.deepEqual([...found.values()], roles);
  });
}

for (const { name, sentinels, down } of [
  { name: 'nobody says so', sentinels: [{}, {}, {}], down: [] },
  { name: 'one says so of the leader', sentinels: [{}, { flags: ['s_down'] }, {}], down: [0] },
  {
    name: 'one says so of the leader of before',
    sentinels: [{ names: 1, down: [0] }, { names: 1 }, {}],
    down: [0],
  },
  { name: 'one says so that is not heard', sentinels: [{ down: [1], silent: true }], down: [] },
] as const) {
  test(`who is down by the Sentinels: ${name}`, () => {
    const members = setOf({ data: [{}, {}, {}], sentinels });
    const told = members.filter((member) => isDownBySentinels(member, { members }));
    assert.deepEqual(
      told.map(({ place }) => [place.group, place.ordinal]),
      down.map((ordinal) => ['data', ordinal]),
    );
  });
}

test('a leader hands over when Sentinels may choose one that is in step', () => {
  const handedOver = (data: readonly GivenData[], sentinels = all({})): string | undefined => {
    const standing = standingOf({ members: setOf({ data, sentinels }) });
    assert.ok(standing.leader);
    return planHandOver(toySet, standing, standing.leader)?.id;
  };
  assert.equal(handedOver(well), 'hand over from s-data-0');
  assert.equal(handedOver([{}]), undefined);
  assert.equal(handedOver([{}, { linked: false }]), undefined);
  assert.equal(handedOver(well, all({ down: [1, 2] })), 'wait for Sentinels');
});

test('nobody leaves who leads, or while nobody does', () => {
  const may = (data: readonly GivenData[], at: number) => {
    const members = setOf({ data });
    const [member] = members.slice(at);
    assert.ok(member);
    return mayLeaveSet(member, standingOf({ members }));
  };
  assert.equal(may([{ wanted: false }, {}, {}], 0), 'it leads');
  assert.equal(may([{}, {}, { wanted: false }], 2), true);
  assert.equal(may([back, {}, { wanted: false }], 2), 'nobody leads at present');
  assert.equal(may([{}, {}, {}], 3), true);
});
