// Deleted in every way, made again at once, and beside another of the same name.

import assert from 'node:assert/strict';
import { cacheServerKind } from '@tweendeck/cacheserver';
import { deploymentResource, replicaSetResource, serviceResource } from '@tweendeck/kube';
import type { Scenario } from './scenario.ts';
import { manifestOf, Stage } from './stage.ts';

export const deletion: Scenario = {
  name: 'a deleted CacheServer takes its children with it: background, foreground, our command',
  play: async (stage) => {
    await stage.apply('cache');
    await stage.untilReady('cache');
    await stage.kubectl(['delete', 'cacheserver', 'cache', '--cascade=background']);
    await untilNothingIsLeft(stage, 'cache');

    await stage.apply('cache');
    await stage.untilReady('cache');
    await stage.kubectl(['delete', 'cacheserver', 'cache', '--cascade=foreground']);
    assert.equal(
      await stage.client.get(deploymentResource, stage.ref('cache'), stage.signal),
      undefined,
    );
    await untilNothingIsLeft(stage, 'cache');

    await stage.apply('cache');
    const told = await stage.tweendeck(['delete', 'cacheserver/cache']);
    assert.match(told, /cacheserver\.tweendeck\.io\/cache deleted|cacheservers?.*cache deleted/);
    assert.match(await stage.tweendeckFails(['delete', 'cacheserver/cache']), /not found/);
    await untilNothingIsLeft(stage, 'cache');
  },
};

export const recreation: Scenario = {
  name: 'made again under the same name at once, it is the new one that serves',
  play: async (stage) => {
    await stage.apply('cache');
    const before = await stage.untilReady('cache');
    await stage.kubectl(['delete', 'cacheserver', 'cache', '--wait=false']);
    await stage.until('it can be made again', async () => {
      const text = manifestOf('cache', { port: 9_001 });
      return (
        (await stage.home.kubectl(['-n', stage.namespace, 'create', '-f', '-'], text)).code === 0
      );
    });
    const after = await stage.untilReady('cache');
    assert.notEqual(after.metadata.uid, before.metadata.uid);
    await stage.until('every child belongs to the new one', async () => {
      const [deployment, service] = await Promise.all([
        stage.client.get(deploymentResource, stage.ref('cache'), stage.signal),
        stage.client.get(serviceResource, stage.ref('cache'), stage.signal),
      ]);
      const owners = [deployment, service].map(
        (child) => child?.metadata.ownerReferences?.[0]?.uid,
      );
      const pods = await stage.pods('cache');
      return owners.every((uid) => uid === after.metadata.uid) && pods.length === 1;
    });
    await stage.untilReady('cache');
  },
};

export const neighbours: Scenario = {
  name: 'two of one name in two namespaces do not disturb each other',
  play: async (stage) => {
    await using other = await Stage.open(stage.home, `${stage.namespace}-other`, stage.signal);
    await Promise.all([stage.apply('cache'), other.apply('cache', { port: 9_002 })]);
    const [one, two] = await Promise.all([stage.untilReady('cache'), other.untilReady('cache')]);
    assert.notEqual(one.status?.endpoint, two.status?.endpoint);
    const uids = (await other.pods('cache')).map(({ metadata }) => metadata.uid);
    await stage.change('cache', {
      replicas: 2,
      resources: { limits: { cpu: '90m', memory: '96Mi' } },
    });
    await stage.untilReady('cache');
    await stage.kubectl(['delete', 'cacheserver', 'cache']);
    await untilNothingIsLeft(stage, 'cache');
    const still = await other.untilReady('cache');
    assert.equal(still.metadata.uid, two.metadata.uid);
    assert.equal(still.metadata.generation, two.metadata.generation);
    const after = (await other.pods('cache')).map(({ metadata }) => metadata.uid);
    assert.deepEqual(after, uids, 'the pods of the other are those it had');
  },
};

/** The CacheServer, and everything that belonged to it. */
export async function untilNothingIsLeft(stage: Stage, name: string): Promise<void> {
  await stage.until(`nothing of ${name} is left`, async () => {
    const ref = stage.ref(name);
    const selection = {
      namespace: stage.namespace,
      labelSelector: `app.kubernetes.io/instance=${name}`,
    };
    const found = await Promise.all([
      stage.client.get(cacheServerKind, ref, stage.signal),
      stage.client.get(deploymentResource, ref, stage.signal),
      stage.client.get(serviceResource, ref, stage.signal),
    ]);
    if (found.some((object) => object !== undefined)) return false;
    const sets = await stage.client.list(replicaSetResource, selection, stage.signal);
    return sets.items.length === 0 && (await stage.pods(name)).length === 0;
  });
}
