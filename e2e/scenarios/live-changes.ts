// Every field of a running CacheServer changes while clients write and read: no transaction that was begun is lost.

import assert from 'node:assert/strict';
import { podDisruptionBudgetResource } from '@tweendeck/kube';
import { sameFiles } from '../unity-clients.ts';
import { untilLedTo } from './entry.ts';
import { askReplicas } from './replicas.ts';
import type { Scenario } from './scenario.ts';
import type { SpecPart, Stage } from './stage.ts';
import { type Asset, sizes, startTraffic } from './traffic.ts';

export const liveChanges: Scenario = {
  name: 'changed live, field by field, it fails no transaction of a client, and no replica shows a part of one',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await stage.apply('cache', { replicas: 2 });
    const { host, port } = await stage.home.addressOf(await stage.untilReady('cache'));
    await untilLedTo(stage, 'cacheserver-entry');
    const holders = new Set<string>();
    const localAddresses = stage.home.clientAddresses;
    const alsoAt = async (asset: Asset): Promise<void> => {
      for (const { pod, files } of await askReplicas(stage, 'cache', asset.entry)) {
        if (Object.keys(files).length === 0) continue;
        assert.ok(
          sameFiles(files, asset.files),
          `a part of ${asset.name} at ${pod}: ${sizes(files)}`,
        );
        holders.add(pod);
      }
    };
    const traffic = startTraffic(host, port, { alsoAt, localAddresses });
    try {
      // Behind the entry; of many addresses some meet each replica.
      const met = localAddresses.length > 4 ? 2 : 1;
      await stage.until('replicas are met', async () => {
        return traffic.failures.length > 0 || (traffic.finished() > 5 && holders.size >= met);
      });
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
