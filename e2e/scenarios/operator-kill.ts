// The operator killed at random moments while a CacheServer is made, changed and deleted: it always gets there.

import assert from 'node:assert/strict';
import { seededRandom } from '@tweendeck/std';
import { untilNothingIsLeft } from './deletion.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const seed = 20_261_121;

export const operatorKill: Scenario = {
  name: 'the operator, killed between any two steps, ends where the spec says',
  company: 'alone',
  play: async (stage) => {
    const random = seededRandom(seed);
    for (const [replicas, port] of [
      [1, 9_001],
      [2, 9_002],
      [1, 9_003],
    ] as const) {
      await stage.apply('tried', { replicas, port });
      await killSometime(stage, () => random.integer(400));
      const cache = await stage.untilReady('tried');
      assert.equal(cache.status?.endpoint, `tried.${stage.namespace}.svc:${port}`);
      await stage.until('there are as many pods as the spec says', async () => {
        const pods = await stage.pods('tried');
        return pods.filter(({ metadata }) => !metadata.deletionTimestamp).length === replicas;
      });
    }
    await stage.kubectl(['delete', 'cacheserver', 'tried', '--wait=false']);
    await killSometime(stage, () => random.integer(400));
    await untilNothingIsLeft(stage, 'tried');
  },
};

/** Kills it several times, each some moment into the work that follows; the moment is chance, the outcome is not. */
async function killSometime(stage: Stage, momentMs: () => number): Promise<void> {
  for (let kill = 0; kill < stage.home.killsInARow; kill++) {
    await new Promise((resolve) => setTimeout(resolve, momentMs()));
    await stage.home.killOperator();
  }
}
