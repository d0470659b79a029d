import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLifeMs, expiringIn } from '../expiring.ts';
import type { Command, OpenLink } from '../redis-link.ts';
import { clusterOf } from '../testing/cluster-of.ts';
import type { RedisDeed } from './deeds.ts';
import { doDeed } from './do-deed.ts';
import { isSeen } from './seen.ts';

const { signal } = new AbortController();
const seenMs = 1_700_000_000_000;

const [leader, replica, other] = clusterOf([
  { at: '0-0', id: 'a', slots: [[0, 8_191]] },
  { at: '0-1', id: 'b', follows: 'a' },
  { at: '1-0', id: 'c', slots: [[8_192, 16_383]] },
])
  .filter(isSeen)
  .map((one) => ({
    ...one,
    view: { ...one.view, facts: { ...one.view.facts, clockMs: seenMs } },
  }));
assert.ok(leader && replica && other);

/** What it is told of: `10.0.0.0 [as a master] CLUSTER ...`; what does not expire has no such words. */
async function told(deed: RedisDeed): Promise<readonly string[]> {
  const lines: string[] = [];
  const wordsOf = (command: Command): string => {
    const timed = expiringIn(command);
    if (timed === undefined) return command.join(' ');
    const role = timed.role && (timed.role.follows ? `of ${timed.role.follows}` : 'as a master');
    return `[${timed.untilMs - seenMs}${role ? ` ${role}` : ''}] ${timed.command.join(' ')}`;
  };
  const answerTo = (command: Command) => {
    if (command[0] === 'TIME') return [`${seenMs / 1_000 + 60}`, '0'];
    if (command.join(' ') !== 'CLUSTER NODES') return 'OK';
    return Buffer.from('a 10.0.0.0:6379@16379 myself,master - 0 0 1 connected 0-8191\n');
  };
  const open: OpenLink = async ({ host }) => ({
    ask: async (commands) => {
      lines.push(...commands.map((command) => `${host} ${wordsOf(command)}`));
      return commands.map((command) =>
        String(command[1]) === 'GETKEYSINSLOT' ? [] : answerTo(command),
      );
    },
    [Symbol.dispose]: () => undefined,
  });
  await doDeed(deed, { open, password: undefined }, signal);
  return lines;
}

const life = String(commandLifeMs);
const rows: readonly { readonly deed: RedisDeed; readonly says: readonly string[] }[] = [
  {
    deed: { kind: 'meet', from: leader, to: other },
    says: [`10.0.0.0 [${life}] CLUSTER MEET 10.0.1.0 6379`],
  },
  {
    deed: { kind: 'take slots', by: leader, ranges: [[0, 9]] },
    says: [`10.0.0.0 [${life} as a master] CLUSTER ADDSLOTSRANGE 0 9`],
  },
  {
    deed: { kind: 'drop slots', by: replica, ranges: [[0, 9]] },
    says: [`10.0.0.1 [${life} of a] CLUSTER DELSLOTSRANGE 0 9`],
  },
  {
    deed: { kind: 'follow', replica, leader: other },
    says: [`10.0.0.1 [${life} of a] CLUSTER REPLICATE c`],
  },
  {
    deed: { kind: 'lead', replica, how: 'without votes' },
    says: [`10.0.0.1 [${life} of a] CLUSTER FAILOVER TAKEOVER`],
  },
  {
    deed: { kind: 'forget', by: [leader, other], id: 'd' },
    says: [`10.0.0.0 [${life}] CLUSTER FORGET d`, `10.0.1.0 [${life}] CLUSTER FORGET d`],
  },
  {
    deed: { kind: 'close', closing: { at: leader, slots: [7], owner: undefined } },
    says: [`10.0.0.0 [${life}] CLUSTER SETSLOT 7 STABLE`],
  },
  {
    deed: {
      kind: 'adopt',
      adoptions: [
        {
          by: leader,
          ranges: [
            [8_192, 8_192],
            [9_000, 9_001],
          ],
        },
      ],
    },
    says: [
      '10.0.0.0 CLUSTER NODES',
      `10.0.0.0 [${life} as a master] CLUSTER BUMPEPOCH`,
      `10.0.0.0 [${life} as a master] CLUSTER ADDSLOTSRANGE 8192 8192 9000 9001`,
    ],
  },
  {
    deed: { kind: 'tell passwords', to: leader, passwords: { current: 'p' } },
    says: ['10.0.0.0 ACL SETUSER default resetpass >p', '10.0.0.0 CONFIG SET masterauth p'],
  },
];
for (const { deed, says } of rows)
  test(`what expires, and when: ${deed.kind}`, async () => {
    assert.deepEqual(await told(deed), says);
  });

test('what expires, and when: move', async () => {
  const move = { from: leader, to: other, slots: [7] };
  const lines = await told({ kind: 'move', move, all: [leader, other] });
  // After its first answer each of them has shown a clock a minute later.
  const later = String(60_000 + commandLifeMs);
  assert.deepEqual(
    lines.filter((line) => /SETSLOT|COUNT/.test(line)),
    [
      `10.0.1.0 [${life}] CLUSTER SETSLOT 7 IMPORTING a`,
      `10.0.0.0 [${life}] CLUSTER SETSLOT 7 MIGRATING c`,
      `10.0.1.0 [${later}] CLUSTER SETSLOT 7 NODE c`,
      `10.0.0.0 [${later}] CLUSTER SETSLOT 7 NODE c`,
    ],
  );
});
