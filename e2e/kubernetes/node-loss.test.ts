// A node is lost while clients use the cache on it, and comes back. What is expected stands in
// docs/operating/cacheserver.md, "When a node is lost"; the times here are those of the lab.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cacheServerKind } from '@tweendeck/cacheserver';
import {
  type EndpointSlice,
  endpointSliceResource,
  type Pod,
  podResource,
  serviceResource,
} from '@tweendeck/kube';
import { openTwoNodes, type TwoNodes } from '../scenarios/homes/two-nodes.ts';
import { Stage } from '../scenarios/stage.ts';
import { until } from '../support/home.ts';
import type { LabNode } from './lab/lab.ts';
import { PhaseWatch } from './node-loss/phase-watch.ts';
import { SteadyClient } from './node-loss/steady-client.ts';

/** `node-monitor-grace-period` of the lab, and how long our pods stay on a node that is lost. */
const graceSeconds = 16;
const tolerationSeconds = 30;
/** A client's way in does not lead through the node that is lost: any other node serves the Service. */
async function addressOf(name: string): Promise<{ readonly host: string; readonly port: number }> {
  const service = await home.client.get(serviceResource, stage.ref(name), signal);
  return { host: survivor.address, port: service?.spec.ports?.[0]?.nodePort ?? 0 };
}

/** For a pod to be scheduled, started and ready on a busy machine. */
const startSeconds = 60;

const signal = new AbortController().signal;
let home: TwoNodes;
let stage: Stage;
const openedMs = performance.now();
const story: string[] = [];
const tell = (line: string): void => {
  story.push(`${((performance.now() - lostMs) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
};
let lostMs = openedMs;
let lost: Pod;
let lostNode: LabNode;
let survivor: LabNode;

before(async () => {
  home = await openTwoNodes();
  stage = await Stage.open(home, 'loss', signal);
  await stage.apply('single', { serviceType: 'NodePort' });
  await stage.apply('pair', { replicas: 2, serviceType: 'NodePort' });
  await stage.untilReady('single');
  await stage.untilReady('pair');
  const [pod] = await stage.pods('single');
  assert.ok(pod);
  lost = pod;
  for (const node of home.cluster.nodes) {
    if (node.name === lost.spec.nodeName) lostNode = node;
    else survivor = node;
  }
});

after(async () => {
  process.stdout.write(`\n${story.join('\n')}\n`);
  await home?.[Symbol.asyncDispose]();
});

test('a cache whose node is lost serves again at the same address, empty, within the time that is promised', async () => {
  const nodes = (await stage.pods('pair')).map(({ spec }) => spec.nodeName);
  assert.equal(new Set(nodes).size, 2, 'replicas prefer different nodes');
  const [single, pair] = [await addressOf('single'), await addressOf('pair')];
  const inside = await home.addressOf(await stage.cache('single'));
  await using client = new SteadyClient(single, (what) => tell(`client of single: ${what}`));
  await using other = new SteadyClient(pair, (what) => tell(`client of pair: ${what}`));
  await using phases = new PhaseWatch(home.client, stage.namespace, (name, phase) =>
    tell(`${name} is ${phase}`),
  );
  await client.store();
  await other.store();
  await until('both are hit', async () => client.last === 'hit' && other.last === 'hit');

  const seenBefore = client.seen.length;
  lostMs = performance.now();
  await lostNode.lose();
  tell(`${lostNode.name} is lost`);

  const wholeMs = (graceSeconds + tolerationSeconds + startSeconds) * 1_000;
  await until('single answers again', async () => client.last === 'miss', wholeMs);
  const seconds = (performance.now() - lostMs) / 1_000;
  tell('single serves again, and its cache is cold');
  assert.ok(seconds > tolerationSeconds, `after ${seconds} s: nobody waited for the node`);
  const seen = client.seen.slice(seenBefore);
  assert.match(seen.join(), /^((timed out|cut|refused),)+miss$/, 'cut off, then an empty cache');
  assert.deepEqual(
    await home.addressOf(await stage.cache('single')),
    inside,
    'at the same address inside the cluster',
  );

  await stage.untilReady('single');
  await stage.untilReady('pair');
  const told = phases.of('single');
  assert.deepEqual(
    told.slice(0, 2),
    ['Ready AllReplicasReady', 'Failed NodeUnreachable'],
    `${told}`,
  );
  assert.equal(told.at(-1), 'Ready AllReplicasReady');
  assert.ok(
    phases.of('pair').includes('Degraded NodeUnreachable'),
    `of pair was told: ${phases.of('pair')}`,
  );
  const { status } = await stage.cache('single');
  assert.equal(status?.endpoint, `${single.host}:${single.port}`, 'told is a node that serves');
  assert.deepEqual(
    [status?.replicas, status?.readyReplicas],
    [1, 1],
    'what cannot end is not counted',
  );
  const stale = (await stage.pods('single')).filter(({ metadata }) => metadata.deletionTimestamp);
  assert.deepEqual(
    stale.map(({ metadata }) => metadata.uid),
    [lost.metadata.uid],
  );

  await client.store();
  await other.store();
  await until('both are filled again', async () => client.last === 'hit' && other.last === 'hit');
  tell('both caches are filled again');
});

test('the node comes back: what was left there goes, nothing runs twice, and no client notices', async () => {
  await using client = new SteadyClient(await addressOf('single'), (what) =>
    tell(`client of single: ${what}`),
  );
  await using phases = new PhaseWatch(home.client, stage.namespace, (name, phase) =>
    tell(`${name} is ${phase}`),
  );
  await client.store();
  await until('it is hit', async () => client.last === 'hit');
  const before = client.seen.length;
  await lostNode.restore();
  tell(`${lostNode.name} is back`);
  const allPods = async () => {
    const list = await home.client.list(podResource, { namespace: stage.namespace }, signal);
    return list.items;
  };
  await stage.until('the stale pods are gone', async () => {
    const pods = await allPods();
    return pods.every(({ metadata }) => metadata.deletionTimestamp === undefined);
  });
  tell('the stale pods are gone');
  assert.equal((await stage.pods('single')).length, 1);
  assert.equal((await stage.pods('pair')).length, 2);
  const slices = await home.client.list(
    endpointSliceResource,
    { namespace: stage.namespace, labelSelector: 'kubernetes.io/service-name=single' },
    signal,
  );
  const [pod] = await stage.pods('single');
  assert.deepEqual(slices.items.flatMap(addresses), [pod?.status?.podIP]);
  const owners = (await allPods()).map(({ metadata: { labels = {} } }) =>
    [labels['app.kubernetes.io/name'], labels['app.kubernetes.io/instance']].join(' '),
  );
  assert.deepEqual(owners.sort(), [
    ...['cacheserver pair', 'cacheserver pair', 'cacheserver single', 'cacheserver-entry pair'],
  ]);
  const caches = await home.client.list(cacheServerKind, { namespace: stage.namespace }, signal);
  for (const { status, metadata } of caches.items) {
    assert.equal(status?.phase, 'Ready', metadata.name);
    const degraded = status?.conditions?.find(({ type }) => type === 'Degraded');
    assert.equal(degraded?.status, 'False', metadata.name);
  }
  assert.deepEqual(client.seen.slice(before), [], 'the client saw nothing but hits');
  assert.deepEqual(phases.of('single'), ['Ready AllReplicasReady']);
});

function addresses({ endpoints }: EndpointSlice): readonly (string | undefined)[] {
  return (endpoints ?? []).flatMap((endpoint) => [...(endpoint.addresses ?? [])]);
}
