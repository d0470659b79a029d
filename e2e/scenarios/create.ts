// A CacheServer is made; what it tells and what it consists of.

import assert from 'node:assert/strict';
import { deploymentResource, serviceResource } from '@tweendeck/kube';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

export const create: Scenario = {
  name: 'a CacheServer is made and tells all about itself',
  play: async (stage) => {
    await stage.apply('cache');
    const wait = ['wait', '--for=condition=Ready', 'cacheserver/cache'];
    await stage.kubectl([...wait, `--timeout=${stage.home.patienceMs / 1_000}s`]);
    const { status } = await stage.untilReady('cache');
    assert.equal(status?.endpoint, `cache.${stage.namespace}.svc:8126`);
    assert.equal(status?.replicas, 1);
    const conditions = (status?.conditions ?? []).map(({ type, status: held, reason, message }) =>
      [type, held, reason, message].join(' '),
    );
    // Faked pods have no figures to tell.
    const seen = conditions.filter((text) => !text.startsWith('FiguresKnown '));
    stage.observe('conditions', seen.sort());
    if (stage.home.programs === 'real')
      assert.ok(conditions.includes('FiguresKnown True AllReplicasTold the replica tells'));
    assert.ok(conditions.includes('Ready True AllReplicasReady 1 of 1 replicas are ready'));
    await stage.until('an event says Ready', async () =>
      (await stage.eventsAbout('cache')).has('Ready'),
    );
    await checkWords(stage);
    await checkChildren(stage);
  },
};

async function checkWords(stage: Stage): Promise<void> {
  const table = await stage.kubectl(['get', 'cacheservers']);
  assert.match(table, /^NAME\s+PHASE\s+READY\s+REPLICAS\s+ENDPOINT\s+AGE\n/);
  assert.match(table, /^cache\s+Ready\s+1\s+1\s+cache\.\S+\.svc:8126\s+\d+s$/m);
  assert.match(await stage.kubectl(['get', 'cache', '-o', 'wide']), /STORAGE\s+IMAGE/);
  const ours = await stage.tweendeck(['get', 'cacheservers']);
  assert.match(ours, /^cache\s+Ready\s/m);
  const described = await stage.tweendeck(['describe', 'cacheserver', 'cache']);
  assert.match(described, /Conditions:[\s\S]*Ready\s+True\s+AllReplicasReady/);
  assert.match(described, /Events:[\s\S]*Normal\s+Ready/);
  assert.match(await stage.kubectl(['describe', 'cacheserver', 'cache']), /Phase:\s+Ready/);
  const planned = await stage.tweendeck(['plan', 'cacheserver', 'cache']);
  assert.match(planned, /^CacheServer \S+\/cache \(Ready\): nothing is to be done/);
  const everything = await stage.kubectl(['get', 'tweendeck', '-o', 'name']);
  assert.equal(everything.trim(), 'cacheserver.tweendeck.io/cache');
}

async function checkChildren(stage: Stage): Promise<void> {
  const { metadata } = await stage.cache('cache');
  const deployment = await stage.client.get(deploymentResource, stage.ref('cache'), stage.signal);
  const service = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
  for (const child of [deployment, service]) {
    const [owner] = child?.metadata.ownerReferences ?? [];
    assert.equal(owner?.uid, metadata.uid);
    assert.equal(owner?.controller, true);
  }
  const [pod] = await stage.pods('cache');
  assert.equal(pod?.status?.qosClass, 'Guaranteed');
  const { clusterIP, clusterIPs, ...spec } = service?.spec ?? {};
  assert.deepEqual(clusterIPs, [clusterIP]);
  // As the server filled it in: the same in every home.
  stage.observe('deployment', deployment?.spec);
  stage.observe('service', spec);
}
