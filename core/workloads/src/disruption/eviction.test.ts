import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemUser } from '@tweendeck/apiserver';
import {
  type Deployment,
  deploymentResource,
  type Input,
  type Pod,
  type PodDisruptionBudget,
  podDisruptionBudgetResource,
  podResource,
  refOf,
  resourcePath,
  type Status,
} from '@tweendeck/kube';
import { openTestHome, type TestHome } from '../testing/home.ts';

const namespace = 'default';
const labels = { app: 'web' };

async function openWeb(
  replicas: number,
  spec: PodDisruptionBudget['spec'],
  ready = true,
): Promise<TestHome> {
  const home = await openTestHome({ node: { becomesReady: () => ready } });
  const { client, signal } = home;
  const containers = [{ name: 'main', image: 'web:1' }];
  const web: Input<Deployment> = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
  const budget: Input<PodDisruptionBudget> = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace },
    spec: { selector: { matchLabels: labels }, ...spec },
  };
  await client.create(deploymentResource, web, {}, signal);
  await client.create(podDisruptionBudgetResource, budget, {}, signal);
  await home.eventually('the budget knows its pods', async () => {
    const found = await client.get(podDisruptionBudgetResource, { name: 'web', namespace }, signal);
    const healthy = ready ? replicas : 0;
    const running = (await podsOf(home)).every(({ status }) => status?.phase === 'Running');
    return (
      running && found?.status?.expectedPods === replicas && found.status.currentHealthy === healthy
    );
  });
  return home;
}

const podsOf = async ({ client, signal }: TestHome): Promise<readonly Pod[]> =>
  (await client.list(podResource, { namespace }, signal)).items;

/** Past the client, which would try a refused eviction again. */
async function evict({ server, signal }: TestHome, pod: Pod, more: object = {}): Promise<string> {
  const { name } = pod.metadata;
  const said = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    ...more,
  };
  const answer = await server.transport(systemUser('drain')).request(
    {
      method: 'POST',
      path: resourcePath(podResource, refOf(pod), 'eviction'),
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(said)),
    },
    signal,
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const status: Status = JSON.parse(Buffer.concat(chunks).toString());
  if (answer.status === 201) return 'evicted';
  return `${answer.status} ${status.details?.causes?.[0]?.message ?? status.message}`;
}

test('evictions take from the budget until it is spent, and pods that come give it back', async () => {
  await using home = await openWeb(3, { minAvailable: 2 });
  const [first, second] = await podsOf(home);
  assert.ok(first && second);
  assert.equal(await evict(home, first, { deleteOptions: { dryRun: ['All'] } }), 'evicted');
  assert.equal((await podsOf(home)).length, 3, 'a dry run evicts nobody');
  assert.equal(await evict(home, first), 'evicted');
  // Counted again or not yet: spent it is.
  const refused = /^429 The disruption budget web needs 2 healthy pods and has [23] currently$/;
  assert.match(await evict(home, second), refused);
  await home.eventually('another pod is ready', async () => {
    const { status } =
      (await home.client.get(
        podDisruptionBudgetResource,
        { name: 'web', namespace },
        home.signal,
      )) ?? {};
    return status?.disruptionsAllowed === 1 && status.disruptedPods === undefined;
  });
  assert.equal(await evict(home, second), 'evicted');
});

test('a pod that is not ready goes only where enough others are, unless the budget says otherwise', async () => {
  {
    await using home = await openWeb(2, { minAvailable: 1 }, false);
    const [pod] = await podsOf(home);
    assert.ok(pod);
    assert.match(
      await evict(home, pod),
      /^429 The disruption budget web needs 1 healthy pods and has 0/,
    );
  }
  await using home = await openWeb(
    2,
    { minAvailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    false,
  );
  const [pod] = await podsOf(home);
  assert.ok(pod);
  assert.equal(await evict(home, pod), 'evicted');
});

test('two budgets for one pod are refused', async () => {
  await using home = await openWeb(2, { minAvailable: 1 });
  const other: Input<PodDisruptionBudget> = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'other', namespace },
    spec: { selector: {} },
  };
  await home.client.create(podDisruptionBudgetResource, other, {}, home.signal);
  const [pod] = await podsOf(home);
  assert.ok(pod);
  assert.match(await evict(home, pod), /^500 This pod has more than one PodDisruptionBudget/);
});
