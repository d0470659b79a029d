// Every field of a running CacheServer changes while clients write and read: no transaction that was begun is lost.

import assert from 'node:assert/strict';
import { podDisruptionBudgetResource } from '@tweendeck/kube';
import type { Scenario } from './scenario.ts';
import type { SpecPart, Stage } from './stage.ts';
import { startTraffic } from './traffic.ts';

export const liveChanges: Scenario = {
  name: 'changed live, field by field, it fails no transaction of a client',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await stage.apply('cache', { replicas: 2 });
    const { host, port } = await stage.home.addressOf(await stage.untilReady('cache'));
    const traffic = startTraffic(host, port);
    try {
      for (const [what, spec] of changesOf(stage)) {
        const before = traffic.finished();
        await changeAll(stage, spec);
        // A change that nobody met proves nothing.
        await stage.until(`clients were served after a change of ${what}`, async () => {
          if (traffic.failures.length > 0) return true;
          return traffic.finished() > before + 5;
        });
        assert.deepEqual(traffic.failures, [], `after a change of ${what}`);
      }
    } finally {
      await traffic.stop();
    }
    assert.deepEqual(traffic.failures, []);
  },
};

/** In this order; the last ones scale, and the entry goes and comes. */
function changesOf({ home }: Stage): readonly (readonly [string, SpecPart])[] {
  return [
    ['resources', { resources: { limits: { cpu: '110m', memory: '96Mi' } } }],
    ['storage', { storage: 120_000_000 }],
    ['image', { image: home.images.other }],
    [
      'placement and pull secrets',
      {
        tolerations: [{ key: 'dedicated', operator: 'Exists' }],
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        imagePullSecrets: [{ name: 'registry' }],
      },
    ],
    ['replicas, up', { replicas: 3 }],
    ['replicas, down', { replicas: 1 }],
    ['replicas, to more than one', { replicas: 2 }],
  ];
}

/** Changes the spec, and waits until it is true and nothing of before is left. */
export async function changeAll(stage: Stage, spec: SpecPart): Promise<void> {
  const keepsPods = 'replicas' in spec;
  const before = new Set((await stage.pods('cache')).map(({ metadata }) => metadata.uid));
  await stage.change('cache', spec);
  const { spec: now } = await stage.untilReady('cache');
  await stage.until('the pods before are gone', async () => {
    const pods = await stage.pods('cache');
    if (pods.length !== now.replicas) return false;
    return keepsPods || pods.every(({ metadata }) => !before.has(metadata.uid));
  });
  const budget = await stage.client.get(
    podDisruptionBudgetResource,
    stage.ref('cache'),
    stage.signal,
  );
  assert.equal(budget?.spec.maxUnavailable, now.replicas > 1 ? 1 : undefined);
}
