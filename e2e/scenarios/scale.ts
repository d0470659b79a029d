// More replicas, fewer, none, and some again.

import assert from 'node:assert/strict';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

export const scale: Scenario = {
  name: 'kubectl scale: up, down, to nothing and back',
  play: async (stage) => {
    await stage.apply('cache');
    await stage.untilReady('cache');
    await scaleTo(stage, 3);
    const { status } = await stage.untilReady('cache');
    assert.equal(status?.readyReplicas, 3);
    await scaleTo(stage, 1);
    await stage.untilReady('cache');
    await untilPods(stage, 1);

    await scaleTo(stage, 0);
    await stage.until('it is Stopped', async () => {
      const { status: now } = await stage.cache('cache');
      return now?.phase === 'Stopped' && now.readyReplicas === 0;
    });
    const ready = await stage.untilCondition('cache', 'Ready', { status: 'False' });
    assert.equal(ready.reason, 'ScaledToZero');
    await untilPods(stage, 0);
    stage.observe('stopped', [...(await stage.conditions('cache')).values()].map(summary));

    await scaleTo(stage, 1);
    await stage.untilReady('cache');
    const wrong = await stage.home.kubectl([
      ...['-n', stage.namespace, 'scale', 'cacheserver', 'cache', '--replicas=2'],
      '--current-replicas=7',
    ]);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /[Ee]xpected replicas to be 7, was 1/);
    stage.observe('refused', wrong.stderr);
  },
};

function summary(condition: { readonly type: string; readonly status: string; reason?: string }) {
  return `${condition.type} ${condition.status} ${condition.reason}`;
}

async function scaleTo(stage: Stage, replicas: number): Promise<void> {
  await stage.kubectl(['scale', 'cacheserver', 'cache', `--replicas=${replicas}`]);
}

async function untilPods(stage: Stage, count: number): Promise<void> {
  await stage.until(
    `${count} pods are left`,
    async () => (await stage.pods('cache')).length === count,
  );
}
