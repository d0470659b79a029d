// Nodes that are lost and come back, over a whole home on simulated time: what happens when, to the second.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deploymentResource,
  leaseResource,
  type Node,
  nodeResource,
  type Pod,
  podResource,
} from '@tweendeck/kube';
import { isReady } from '../pod/pod-state.ts';
import { openTestHome, type TestHome } from '../testing/home.ts';
import { readyOf } from './health.ts';

const names = ['one', 'two', 'three'];
const labels = { app: 'web' };
const web = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 6,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: 'main', image: 'x' }] },
    },
  },
} as const;

async function open(): Promise<TestHome> {
  const home = await openTestHome({ nodeNames: names });
  await home.eventually('all nodes take pods', async () => {
    const nodes = await nodesOf(home);
    return nodes.length === 3 && nodes.every((node) => !node.spec?.taints?.length);
  });
  await home.client.apply(deploymentResource, web, { fieldManager: 'test' }, home.signal);
  await home.eventually('six pods are ready', async () => {
    const pods = await podsOf(home);
    return pods.length === 6 && pods.every(isReady);
  });
  return home;
}

async function nodesOf({ client, signal }: TestHome): Promise<readonly Node[]> {
  return (await client.list(nodeResource, {}, signal)).items;
}

async function nodeOf(home: TestHome, name: string): Promise<Node> {
  const found = await home.client.get(nodeResource, { name }, home.signal);
  assert.ok(found);
  return found;
}

async function podsOf({ client, signal }: TestHome): Promise<readonly Pod[]> {
  return (await client.list(podResource, { namespace: 'default' }, signal)).items;
}

const on = (pods: readonly Pod[], name: string): readonly Pod[] =>
  pods.filter(({ spec }) => spec.nodeName === name);

const taintsOf = ({ spec }: Node): readonly string[] =>
  (spec?.taints ?? []).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`).toSorted();

/** Whole seconds from the last heartbeat. */
async function secondsUntil(
  home: TestHome,
  what: string,
  holds: () => Promise<boolean>,
): Promise<number> {
  const beganMs = home.clock.monotonicMs();
  await home.eventually(what, holds, 400_000);
  return (home.clock.monotonicMs() - beganMs) / 1_000;
}

test('a lost node: 50 s to be noticed, 300 s more until its pods are evicted, and back again', async () => {
  await using home = await open();
  const before = on(await podsOf(home), 'two');
  assert.equal(before.length, 2);
  // Right after a heartbeat.
  const lease = await leaseTime(home);
  await home.eventually('a heartbeat', async () => (await leaseTime(home)) !== lease);
  home.loseNode('two');

  const noticed = await secondsUntil(home, 'it is unknown', async () => {
    return readyOf(await nodeOf(home, 'two'))?.status === 'Unknown';
  });
  assert.equal(noticed, 50);
  const lost = await nodeOf(home, 'two');
  assert.deepEqual(taintsOf(lost), ['unreachable:NoExecute', 'unreachable:NoSchedule']);
  assert.equal(readyOf(lost)?.reason, 'NodeStatusUnknown');
  assert.ok(on(await podsOf(home), 'two').every((pod) => !isReady(pod)));

  const evicted = await secondsUntil(home, 'its pods are under deletion', async () =>
    on(await podsOf(home), 'two').every(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  assert.equal(evicted, 300);
  for (const pod of on(await podsOf(home), 'two')) {
    const target = pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.equal(target?.reason, 'DeletionByTaintManager');
  }
  await home.eventually('six pods are ready elsewhere', async () => {
    return (await podsOf(home)).filter(isReady).length === 6;
  });
  assert.equal(on(await podsOf(home), 'two').length, 2, 'nobody has ended the old ones');

  home.returnNode('two');
  await home.eventually('it is as before, and its old pods are gone', async () => {
    const node = await nodeOf(home, 'two');
    return taintsOf(node).length === 0 && on(await podsOf(home), 'two').length === 0;
  });
  assert.equal((await podsOf(home)).length, 6);
});

test('a node that is back in time keeps its pods', async () => {
  await using home = await open();
  const before = on(await podsOf(home), 'two').map(({ metadata }) => metadata.uid);
  home.loseNode('two');
  await home.eventually(
    'it is tainted',
    async () => taintsOf(await nodeOf(home, 'two')).length === 2,
  );
  await home.clock.advance(290_000);
  home.returnNode('two');
  await home.eventually(
    'it is ready',
    async () => taintsOf(await nodeOf(home, 'two')).length === 0,
  );
  await home.clock.advance(60_000);
  await home.eventually('its pods are ready again', async () =>
    on(await podsOf(home), 'two').every(isReady),
  );
  assert.deepEqual(
    on(await podsOf(home), 'two').map(({ metadata }) => metadata.uid),
    before,
  );
});

test('when all nodes are lost nobody is evicted', async () => {
  await using home = await open();
  for (const name of names) home.loseNode(name);
  await home.clock.advance(500_000);
  await home.rest();
  for (const node of await nodesOf(home)) {
    assert.deepEqual(taintsOf(node), ['unreachable:NoSchedule']);
  }
  const pods = await podsOf(home);
  assert.equal(pods.length, 6);
  assert.ok(pods.every(({ metadata }) => metadata.deletionTimestamp === undefined));
});

test('two of three nodes are lost: the second is given up ten seconds after the first', async () => {
  await using home = await open();
  const lease = await leaseTime(home);
  await home.eventually('a heartbeat', async () => (await leaseTime(home)) !== lease);
  home.loseNode('one');
  home.loseNode('two');
  const given = async (count: number): Promise<boolean> => {
    const nodes = await nodesOf(home);
    return (
      nodes.filter((node) => taintsOf(node).includes('unreachable:NoExecute')).length === count
    );
  };
  await secondsUntil(home, 'one is given up', () => given(1));
  const next = await secondsUntil(home, 'the other is given up', () => given(2));
  assert.ok(next >= 9 && next <= 11, `${next} s`);
});

test('a node out of service: its pods are gone at once, without anybody ending them', async () => {
  await using home = await open();
  home.loseNode('two');
  await home.eventually(
    'it is tainted',
    async () => taintsOf(await nodeOf(home, 'two')).length === 2,
  );
  const { spec } = await nodeOf(home, 'two');
  const outOfService = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' } as const;
  const taints = [...(spec?.taints ?? []), outOfService];
  const patch = { type: 'merge', body: { spec: { taints } } } as const;
  await home.client.patch(nodeResource, { name: 'two' }, patch, {}, home.signal);
  const seconds = await secondsUntil(home, 'six pods are ready elsewhere', async () => {
    const pods = await podsOf(home);
    return on(pods, 'two').length === 0 && pods.filter(isReady).length === 6;
  });
  assert.ok(seconds < 5, `${seconds} s`);
});

test('a node object that is deleted takes its pods along after 40 seconds', async () => {
  await using home = await open();
  home.loseNode('two');
  await home.client.delete(nodeResource, { name: 'two' }, {}, home.signal);
  const seconds = await secondsUntil(home, 'its pods are gone', async () => {
    return on(await podsOf(home), 'two').length === 0;
  });
  assert.ok(seconds >= 40 && seconds < 45, `${seconds} s`);
});

async function leaseTime({ client, signal }: TestHome): Promise<string | undefined> {
  const ref = { namespace: 'kube-node-lease', name: 'two' };
  return (await client.get(leaseResource, ref, signal))?.spec.renewTime ?? undefined;
}
