// What the pretended redis-servers of the simulator are held against: the same observations on real ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observations } from '../services/redis/src/testing/observations.ts';
import { Observer } from '../services/redis/src/testing/rig.ts';
import { RedisRig } from './support/redis-rig.ts';

test('real redis-servers', { concurrency: 4 }, async (context) => {
  await Promise.all(
    observations.map(({ name, servers, run, says }, at) =>
      context.test(name, async () => {
        await using rig = await RedisRig.open(servers, 100 + at);
        assert.deepEqual(await run(new Observer(rig, servers)), says);
      }),
    ),
  );
});
