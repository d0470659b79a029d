import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  controllerRevisionResource,
  type DaemonSet,
  daemonSetResource,
  type Input,
  nodeResource,
  type Pod,
  podResource,
} from '@tweendeck/kube';
import { openTestHome, type TestHome } from '../testing/home.ts';

const at = { name: 'agent', namespace: 'default' };
const labels = { app: 'agent' };

function agent(spec: Partial<DaemonSet['spec']> = {}): Input<DaemonSet> {
  const containers = [{ name: 'main', image: 'agent:1' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: at,
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
      ...spec,
    },
  };
}

const podsOf = async ({ client, signal }: TestHome): Promise<readonly Pod[]> =>
  (await client.list(podResource, { namespace: 'default' }, signal)).items;

async function isComplete({ client, signal }: TestHome, count: number): Promise<boolean> {
  const set = await client.get(daemonSetResource, at, signal);
  const { status, metadata } = set ?? {};
  return (
    status?.observedGeneration === metadata?.generation &&
    status?.desiredNumberScheduled === count &&
    (status.updatedNumberScheduled ?? 0) === count &&
    (status.numberAvailable ?? 0) === count
  );
}

const image = (text: string) => ({
  type: 'strategic' as const,
  body: { spec: { template: { spec: { containers: [{ name: 'main', image: text }] } } } },
});

test('a daemon set runs on every node, also on those that come and are cordoned, and rolls', async () => {
  await using home = await openTestHome({ nodeNames: ['n1', 'n2', 'n3'] });
  const { client, signal } = home;
  await client.create(daemonSetResource, agent(), {}, signal);
  await home.eventually('three run', () => isComplete(home, 3));
  const placed = (await podsOf(home)).map(({ spec }) => spec.nodeName).toSorted();
  assert.deepEqual(placed, ['n1', 'n2', 'n3']);
  const [first] = await podsOf(home);
  assert.ok(first);
  const cordon = { type: 'merge' as const, body: { spec: { unschedulable: true } } };
  await client.patch(nodeResource, { name: 'n1' }, cordon, {}, signal);
  await client.patch(daemonSetResource, at, image('agent:2'), {}, signal);
  await home.eventually('all run the new image', async () => {
    const pods = await podsOf(home);
    const available = pods.filter(({ status, metadata }) => {
      const ready = status?.conditions?.some(
        (each) => each.type === 'Ready' && each.status === 'True',
      );
      return ready && !metadata.deletionTimestamp;
    });
    assert.ok(available.length >= 2, 'one at most is missing');
    return (
      (await isComplete(home, 3)) &&
      pods.length === 3 &&
      pods.every(({ spec }) => spec.containers[0]?.image === 'agent:2')
    );
  });
  const revisions = (await client.list(controllerRevisionResource, {}, signal)).items;
  assert.deepEqual(revisions.map(({ revision }) => revision).toSorted(), [1, 2]);
});

test('a daemon set with a surge never has a node without an available pod', async () => {
  await using home = await openTestHome({ nodeNames: ['n1', 'n2'] });
  const { client, signal } = home;
  const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate } as const; // the literal is the strategy
  await client.create(daemonSetResource, agent({ updateStrategy }), {}, signal);
  await home.eventually('both run', () => isComplete(home, 2));
  await client.patch(daemonSetResource, at, image('agent:2'), {}, signal);
  await home.eventually('both run the new image', async () => {
    const pods = await podsOf(home);
    const serving = new Set(
      pods
        .filter(({ status }) =>
          status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
        )
        .map(({ spec }) => spec.nodeName),
    );
    assert.equal(serving.size, 2);
    return pods.length === 2 && pods.every(({ spec }) => spec.containers[0]?.image === 'agent:2');
  });
});

test('a failed daemon is replaced, a deleted set takes its pods along', async () => {
  let fails = true;
  await using home = await openTestHome({ node: { exits: () => (fails ? 1 : undefined) } });
  const { client, signal } = home;
  await client.create(daemonSetResource, agent(), {}, signal);
  const uids = new Set<string>();
  await home.eventually('it has failed thrice', async () => {
    for (const { metadata } of await podsOf(home)) uids.add(metadata.uid);
    return uids.size >= 3;
  });
  fails = false;
  await home.eventually('it runs', () => isComplete(home, 1));
  await client.delete(daemonSetResource, at, { propagation: 'Foreground' }, signal);
  await home.eventually('all is gone', async () => {
    const set = await client.get(daemonSetResource, at, signal);
    return !set && (await podsOf(home)).length === 0;
  });
});
