// Which commands reach whom, in which order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlatformError } from '@tweendeck/std';
import type { RespValue } from '@tweendeck/wire';
import type { OpenLink } from '../redis-link.ts';
import type { SentinelDeed } from './deeds.ts';
import { doDeed } from './do-sentinel.ts';
import { masterName, watchSettings } from './settings.ts';
import { standingOf } from './standing.ts';
import { type GivenData, setOf, toySet } from './testing/set-of.ts';

/** The first server leads, others follow it, and Sentinels name it. */
function wellKnown(host: string, words: string): RespValue {
  if (words === 'SENTINEL GET-MASTER-ADDR-BY-NAME n.s') return ['10.0.0.0', '6379'];
  if (words !== 'ROLE') return 'OK';
  return host === '10.0.0.0' ? ['master', 90, []] : ['slave', '10.0.0.0', 6_379, 'connected', 90];
}

/** Servers that answer as `answer` says, and what they were told. */
function servers(answer: (host: string, words: string) => RespValue | undefined = wellKnown) {
  const told: string[] = [];
  const open: OpenLink = async ({ host }) => ({
    ask: async (commands) =>
      commands.map((command) => {
        const words = command.map(String).join(' ');
        told.push(`${host} ${words}`);
        const said = answer(host, words);
        if (said === undefined) throw new PlatformError('REDIS_AWAY', `${host} is away`);
        return said;
      }),
    [Symbol.dispose]: () => undefined,
  });
  const run = (deed: SentinelDeed) => doDeed(deed, open, new AbortController().signal);
  return { told, run };
}

function scene(data: readonly GivenData[] = [{}, {}, {}]) {
  const { data: seen, sentinels } = standingOf({ members: setOf({ data }) });
  const [first, second, third] = seen;
  const [sentinel] = sentinels;
  assert.ok(first && second && sentinel);
  return { first, second, heirs: third ? [second, third] : [second], sentinel };
}

const { first, second, heirs, sentinel } = scene();
const settings = watchSettings(toySet);
const name = masterName(toySet);
const handOver: SentinelDeed = {
  ...{ kind: 'hand over', by: sentinel, from: first, heirs, masterName: name },
};
const replicas = (one: number, other: number): string =>
  [
    'master_repl_offset:90',
    `slave0:ip=10.0.0.1,port=6379,state=online,offset=${one},lag=0`,
    `slave1:ip=10.0.0.2,port=6379,state=online,offset=${other},lag=0`,
  ].join('\r\n');

test('a Sentinel that watched another forgets it first', async () => {
  const { told, run } = servers();
  await run({ kind: 'watch', by: sentinel, leader: second, settings });
  assert.deepEqual(told, [
    '10.0.1.0 SENTINEL REMOVE n.s',
    '10.0.1.0 SENTINEL MONITOR n.s 10.0.0.1 6379 2',
    '10.0.1.0 SENTINEL SET n.s quorum 2 down-after-milliseconds 1000 failover-timeout 4000',
    '10.0.1.0 SENTINEL DEBUG INFO-PERIOD 2000',
  ]);
});

test('a Sentinel that begins to watch logs in from the first', async () => {
  const { told, run } = servers();
  const known = { ...settings, password: 'p' };
  await run({ kind: 'watch', by: sentinel, leader: second, settings: known });
  assert.deepEqual(told.slice(1, 3), [
    '10.0.1.0 SENTINEL MONITOR n.s 10.0.0.1 6379 2',
    '10.0.1.0 SENTINEL SET n.s auth-pass p',
  ]);
});

test('what a Sentinel tells of its password is set last', async () => {
  const { told, run } = servers();
  await run({ kind: 'log in', by: sentinel, password: 'p', masterName: name });
  await run({ kind: 'log in', by: sentinel, password: 'q', masterName: undefined });
  assert.deepEqual(told, [
    '10.0.1.0 SENTINEL SET n.s auth-pass p',
    '10.0.1.0 SENTINEL CONFIG SET sentinel-pass p',
    '10.0.1.0 SENTINEL CONFIG SET sentinel-pass q',
  ]);
});

test('servers and Sentinels take all passwords, and no other', async () => {
  const { told, run } = servers();
  const passwords = { current: 'p', previous: 'o' };
  await run({ kind: 'tell passwords', on: first, passwords });
  await run({ kind: 'admit', by: sentinel, passwords });
  assert.deepEqual(told, [
    '10.0.0.0 ACL SETUSER default resetpass >p >o',
    '10.0.0.0 CONFIG SET masterauth p',
    '10.0.1.0 ACL SETUSER default resetpass >p >o',
  ]);
});

test('clients leave one that took writes, and nobody else', async () => {
  const { told, run } = servers();
  await run({ kind: 'follow', by: second, leader: first });
  await run({ kind: 'follow', by: first, leader: second });
  assert.deepEqual(told, [
    '10.0.0.1 ROLE',
    '10.0.0.1 REPLICAOF 10.0.0.0 6379',
    '10.0.0.0 ROLE',
    '10.0.0.0 REPLICAOF 10.0.0.1 6379',
    '10.0.0.0 CLIENT KILL TYPE normal',
  ]);
});

for (const { name: what, by, role, said } of [
  { name: 'was chosen meanwhile', by: second, role: ['master', 95, []], said: /takes writes now/ },
  {
    name: 'follows another one meanwhile',
    by: second,
    role: ['slave', '10.0.0.2', 6_379, 'connected', 95],
    said: /s-data-1 follows 10\.0\.0\.2:6379 now/,
  },
  {
    name: 'takes writes no more',
    by: first,
    role: ['slave', '10.0.0.2', 6_379, 'connected', 95],
    said: /s-data-0 follows/,
  },
] as const) {
  test(`nobody is told what to be who ${what}`, async () => {
    const { told, run } = servers((host, words) =>
      words === 'ROLE' ? [...role] : wellKnown(host, words),
    );
    const late = { code: 'REDIS_COMMAND_LATE', message: said };
    await assert.rejects(run({ kind: 'follow', by, leader: first }), late);
    await assert.rejects(run({ kind: 'lead', by, settings: new Map() }), late);
    assert.ok(told.every((words) => words.endsWith('ROLE')));
  });
}

test('a Sentinel that names another leader is not asked to replace it, and writes go on', async () => {
  const { told, run } = servers((host, words) => {
    if (words === 'INFO replication') return replicas(90, 90);
    return words.includes('GET-MASTER') ? ['10.0.0.2', '6379'] : wellKnown(host, words);
  });
  const late = { code: 'REDIS_COMMAND_LATE', message: '10.0.0.2:6379 leads now, not s-data-0' };
  await assert.rejects(run(handOver), late);
  assert.equal(told.at(-1), '10.0.0.0 CLIENT UNPAUSE');
  await assert.rejects(
    run({ kind: 'fail over', by: sentinel, masterName: name, from: first }),
    late,
  );
  assert.ok(!told.some((words) => words.includes('FAILOVER')));
});

test('a hand-over holds writes back until replicas have them all, and until another leads', async () => {
  let looks = 0;
  let asked = 0;
  const { told, run } = servers((host, words) => {
    if (words === 'INFO replication') return looks++ === 0 ? replicas(90, 80) : replicas(127, 127);
    if (words !== 'ROLE') return wellKnown(host, words);
    // Sentinels close connections to the one that they promote.
    if (host === '10.0.0.2') return asked++ === 0 ? undefined : ['master'];
    return ['slave'];
  });
  await run(handOver);
  assert.deepEqual(told, [
    '10.0.0.0 CLIENT PAUSE 5000 WRITE',
    '10.0.0.0 INFO replication',
    '10.0.0.0 WAIT 99 20',
    '10.0.0.0 INFO replication',
    '10.0.1.0 SENTINEL GET-MASTER-ADDR-BY-NAME n.s',
    '10.0.1.0 SENTINEL FAILOVER n.s',
    '10.0.0.1 ROLE',
    '10.0.0.2 ROLE',
    '10.0.0.0 WAIT 99 20',
    '10.0.0.1 ROLE',
    '10.0.0.2 ROLE',
    '10.0.0.0 REPLICAOF 10.0.0.2 6379',
    '10.0.0.0 CLIENT KILL TYPE normal',
    '10.0.0.0 CLIENT UNPAUSE',
  ]);
});

test('without an heir in step nobody is asked to take over, and writes go on', async () => {
  const { told, run } = servers((_host, words) =>
    words === 'INFO replication' ? replicas(90, 80) : 'OK',
  );
  await assert.rejects(run(handOver), { code: 'REDIS_HEIR_BEHIND' });
  assert.equal(told.at(-1), '10.0.0.0 CLIENT UNPAUSE');
  assert.ok(!told.some((words) => words.includes('FAILOVER')));
});

test('a leader that takes no writes is marked later', async () => {
  const refusing = async (message: string) => {
    const open: OpenLink = async () => ({
      ask: () => Promise.reject(new PlatformError('REDIS_COMMAND_FAILED', message)),
      [Symbol.dispose]: () => undefined,
    });
    const mark = { number: 1, leader: 0, inStep: [] };
    await doDeed({ kind: 'mark', on: first, mark }, open, new AbortController().signal);
  };
  await refusing('10.0.0.0:6379: FUNCTION: NOREPLICAS Not enough good replicas to write.');
  await assert.rejects(refusing('10.0.0.0:6379: FUNCTION: OOM'), { code: 'REDIS_COMMAND_FAILED' });
});
