// The pretended redis-servers do what real ones were seen to do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observations } from '../testing/observations.ts';
import { Observer } from '../testing/rig.ts';
import { SimRig } from '../testing/sim-rig.ts';

for (const { name, servers, run, says } of observations) {
  test(`pretended redis-servers: ${name}`, async () => {
    assert.deepEqual(await run(new Observer(new SimRig(servers, 1), servers)), says);
  });
}
