// What nobody may ever say to a member counts as said, whatever a pretended server answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Happenings, SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { answerOf } from './sim-commands.ts';
import { SimRedisNetwork } from './sim-redis-network.ts';
import { emptyVolume } from './sim-volume.ts';

for (const { name, hasKey, command, said } of [
  { name: 'all keys away', hasKey: true, command: ['FLUSHALL'], said: ['FLUSHALL'] },
  { name: 'keys of a database away', hasKey: true, command: ['FLUSHDB'], said: ['FLUSHDB'] },
  {
    name: 'a reset',
    hasKey: false,
    command: ['CLUSTER', 'RESET', 'HARD'],
    said: ['CLUSTER RESET HARD'],
  },
  {
    name: 'a reset that is refused, of a master with keys',
    hasKey: true,
    command: ['cluster', 'reset'],
    said: ['CLUSTER RESET SOFT'],
  },
  { name: 'a look at the keys', hasKey: true, command: ['DBSIZE'], said: [] },
]) {
  test(`pretended redis-servers hold against whoever said it: ${name}`, () => {
    const clock = new SimClock({ random: seededRandom(1) });
    const happenings = new Happenings(clock);
    const network = new SimRedisNetwork({ clock, happenings, random: seededRandom(2) });
    const volume = emptyVolume();
    const member = network.start({ name: 'one', host: '10.0.0.1', nodeTimeoutMs: 2_000, volume });
    if (hasKey) member.data.write('key', 'value');
    answerOf(member, command, false);
    assert.deepEqual(
      network.violations,
      said.map((what) => `one was told ${what}`),
    );
  });
}
