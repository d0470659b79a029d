import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { node, pod } from '../testing/objects.ts';
import { ClusterView } from './cluster.ts';
import { PendingPods } from './pending.ts';
import { planScheduling, type SchedulingTools } from './plan.ts';
import { portsConflict, requestsOf } from './requests.ts';
import type { StorageView } from './volume-check.ts';

const nothingStored: StorageView = {
  claim: () => undefined,
  volumes: () => [],
  storageClass: () => undefined,
};
const tools: SchedulingTools = {
  namespaceLabels: () => ({}),
  storage: nothingStored,
  selectors: { services: () => [], replicaSet: () => undefined, statefulSet: () => undefined },
  integer: () => 0,
};

type Spec = Partial<Pod['spec']>;
const waiting = (spec: Spec = {}, labels: Readonly<Record<string, string>> = {}): Pod =>
  pod('new', { phase: 'Pending', readySeconds: undefined, labels, spec });

const asking = (requests: Readonly<Record<string, string>>): Spec => ({
  containers: [{ name: 'main', resources: { requests } }],
});

function view(nodes: readonly Node[], pods: readonly Pod[] = []): ClusterView {
  const cluster = new ClusterView(tools.namespaceLabels);
  for (const each of nodes) cluster.setNode(each);
  for (const each of pods) cluster.setPod(each);
  return cluster;
}

const words = (candidate: Pod, cluster: ClusterView): string => {
  const plan = planScheduling(candidate, cluster, tools);
  return plan.fits ? plan.nodeName : plan.message.replace(/ no new claims to deallocate, .*/, '');
};

const zone = (name: string): { readonly labels: Readonly<Record<string, string>> } => ({
  labels: { zone: name },
});
const term = (topologyKey: string, labels: Readonly<Record<string, string>>) => ({
  topologyKey,
  labelSelector: { matchLabels: labels },
});
const near = (labels: Readonly<Record<string, string>>): Spec => ({
  affinity: {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', labels)] },
  },
});
const far = (labels: Readonly<Record<string, string>>): Spec => ({
  affinity: {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', labels)] },
  },
});
const preferFar = (labels: Readonly<Record<string, string>>): Spec => ({
  affinity: {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: term('kubernetes.io/hostname', labels) },
      ],
    },
  },
});
const wantZone = (operator: 'In' | 'NotIn' | 'Exists', values: readonly string[] = []): Spec => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator, values }] }],
      },
    },
  },
});
const taint = (effect: 'NoSchedule' | 'PreferNoSchedule') => ({
  spec: { taints: [{ key: 'gpu', value: 'yes', effect }] },
});
const on = (
  name: string,
  place: string,
  labels: Readonly<Record<string, string>>,
  spec: Spec = {},
): Pod => pod(name, { node: place, labels, spec: { nodeName: place, ...spec } });

interface Row {
  readonly name: string;
  readonly candidate?: Pod;
  readonly nodes: readonly Node[];
  readonly pods?: readonly Pod[];
  readonly want: string;
}
const rows: readonly Row[] = [
  { name: 'goes to the only node', nodes: [node('n1')], want: 'n1' },
  { name: 'waits when there is no node', nodes: [], want: 'no nodes available to schedule pods' },
  {
    name: 'waits for a node to be ready, which its taint says',
    nodes: [
      node('n1', {
        spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] },
      }),
    ],
    want: '0/1 nodes are available: 1 node(s) had untolerated taint(s).',
  },
  {
    name: 'stays off a cordoned node',
    nodes: [node('n1', { spec: { unschedulable: true } })],
    want: '0/1 nodes are available: 1 node(s) were unschedulable.',
  },
  {
    name: 'that tolerates it goes to a cordoned node',
    candidate: waiting({ tolerations: [{ operator: 'Exists' }] }),
    nodes: [node('n1', { spec: { unschedulable: true } })],
    want: 'n1',
  },
  {
    name: 'asks for too much memory',
    candidate: waiting(asking({ memory: '9Gi' })),
    nodes: [node('n1')],
    want: '0/1 nodes are available: 1 Insufficient memory.',
  },
  {
    name: 'asks for too much of several things',
    candidate: waiting(asking({ memory: '9Gi', cpu: '5' })),
    nodes: [node('n1'), node('n2')],
    want: '0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.',
  },
  {
    name: 'counts what other pods hold',
    candidate: waiting(asking({ cpu: '1500m' })),
    nodes: [node('n1')],
    pods: [on('a', 'n1', {}, asking({ cpu: '3' }))],
    want: '0/1 nodes are available: 1 Insufficient cpu.',
  },
  {
    name: 'takes exactly what is left',
    candidate: waiting(asking({ cpu: '1' })),
    nodes: [node('n1')],
    pods: [on('a', 'n1', {}, asking({ cpu: '3' }))],
    want: 'n1',
  },
  {
    name: 'does not count finished pods',
    candidate: waiting(asking({ cpu: '2' })),
    nodes: [node('n1')],
    pods: [{ ...on('a', 'n1', {}, asking({ cpu: '3' })), status: { phase: 'Succeeded' } }],
    want: 'n1',
  },
  {
    name: 'finds too many pods',
    nodes: [node('n1', { allocatable: { pods: '1' } })],
    pods: [on('a', 'n1', {})],
    want: '0/1 nodes are available: 1 Too many pods.',
  },
  {
    name: 'asks for something no node has',
    candidate: waiting(asking({ 'example.io/gpu': '1' })),
    nodes: [node('n1')],
    want: '0/1 nodes are available: 1 Insufficient example.io/gpu.',
  },
  {
    name: 'follows its node selector',
    candidate: waiting({ nodeSelector: { zone: 'b' } }),
    nodes: [node('n1', zone('a')), node('n2', zone('b'))],
    want: 'n2',
  },
  {
    name: 'finds no node for its selector',
    candidate: waiting({ nodeSelector: { zone: 'c' } }),
    nodes: [node('n1', zone('a'))],
    want: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  },
  {
    name: 'follows its node affinity',
    candidate: waiting(wantZone('NotIn', ['a'])),
    nodes: [node('n1', zone('a')), node('n2', zone('b'))],
    want: 'n2',
  },
  {
    name: 'may ask for a label to be there',
    candidate: waiting(wantZone('Exists')),
    nodes: [node('n1'), node('n2', zone('b'))],
    want: 'n2',
  },
  {
    name: 'stays off a taint',
    nodes: [node('n1', taint('NoSchedule'))],
    want: '0/1 nodes are available: 1 node(s) had untolerated taint(s).',
  },
  {
    name: 'that tolerates a taint goes there',
    candidate: waiting({ tolerations: [{ key: 'gpu', operator: 'Equal', value: 'yes' }] }),
    nodes: [node('n1', taint('NoSchedule'))],
    want: 'n1',
  },
  {
    name: 'that tolerates another value does not',
    candidate: waiting({ tolerations: [{ key: 'gpu', operator: 'Equal', value: 'no' }] }),
    nodes: [node('n1', taint('NoSchedule'))],
    want: '0/1 nodes are available: 1 node(s) had untolerated taint(s).',
  },
  {
    name: 'rather stays off a mild taint',
    nodes: [node('n1', taint('PreferNoSchedule')), node('n2')],
    want: 'n2',
  },
  {
    name: 'finds its host port taken',
    candidate: waiting({
      containers: [{ name: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }],
    }),
    nodes: [node('n1')],
    pods: [
      on(
        'a',
        'n1',
        {},
        { containers: [{ name: 'x', ports: [{ containerPort: 8, hostPort: 80 }] }] },
      ),
    ],
    want: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    name: 'goes near whom it must be near',
    candidate: waiting(near({ app: 'db' })),
    nodes: [node('n1', zone('a')), node('n2', zone('b')), node('n3', zone('b'))],
    pods: [on('a', 'n2', { app: 'db' }), on('x', 'n2', {}, asking({ cpu: '4' }))],
    want: 'n3',
  },
  {
    name: 'waits for whom it must be near',
    candidate: waiting(near({ app: 'db' })),
    nodes: [node('n1', zone('a'))],
    want: "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
  },
  {
    name: 'may be the first of a group that must be together',
    candidate: waiting(near({ app: 'db' }), { app: 'db' }),
    nodes: [node('n1', zone('a'))],
    want: 'n1',
  },
  {
    name: 'is not first where it has no domain',
    candidate: waiting(near({ app: 'db' }), { app: 'db' }),
    nodes: [node('n1')],
    want: "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
  },
  {
    name: 'stays away from whom it must be far',
    candidate: waiting(far({ app: 'db' })),
    nodes: [node('n1', zone('a'))],
    pods: [on('a', 'n1', { app: 'db' })],
    want: "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
  },
  {
    name: 'stays away from who must be far from it',
    candidate: waiting({}, { app: 'web' }),
    nodes: [node('n1', zone('a'))],
    pods: [on('a', 'n1', { app: 'db' }, far({ app: 'web' }))],
    want: "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  },
  {
    name: 'does not mind like labels in another namespace',
    candidate: waiting(far({ app: 'db' })),
    nodes: [node('n1', zone('a'))],
    pods: [pod('a', { namespace: 'other', node: 'n1', labels: { app: 'db' } })],
    want: 'n1',
  },
  {
    name: 'prefers to be away from its like, but goes there in need',
    candidate: waiting(preferFar({ app: 'db' }), { app: 'db' }),
    nodes: [node('n1'), node('n2')],
    pods: [on('a', 'n1', { app: 'db' })],
    want: 'n2',
  },
  {
    name: 'prefers the emptier node',
    nodes: [node('n1'), node('n2')],
    pods: [on('a', 'n1', {}, asking({ cpu: '2' }))],
    want: 'n2',
  },
  {
    name: 'is told of every reason',
    candidate: waiting({ nodeSelector: { zone: 'a' }, ...asking({ cpu: '9' }) }),
    nodes: [node('n1', zone('a')), node('n2', zone('b')), node('n3', taint('NoSchedule'))],
    want: "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
  },
];
for (const { name, candidate = waiting(), nodes, pods = [], want } of rows) {
  test(`a pod ${name}`, () => assert.equal(words(candidate, view(nodes, pods)), want));
}

for (const { name, candidate, nodes, want } of [
  {
    name: 'more than any node has',
    candidate: waiting(asking({ cpu: '9' })),
    nodes: [node('n1')],
    want: ' no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  },
  {
    name: 'more than is free',
    candidate: waiting(asking({ cpu: '3' })),
    nodes: [node('n1'), node('n2', taint('NoSchedule'))],
    want: ' no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  },
  {
    name: 'what lesser pods have',
    candidate: waiting({ ...asking({ cpu: '3' }), priority: 5 }),
    nodes: [node('n1')],
    want: '',
  },
  {
    name: 'nothing that others have',
    candidate: waiting({ ...asking({ cpu: '3' }), preemptionPolicy: 'Never' }),
    nodes: [node('n1')],
    want: ' no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
  },
]) {
  test(`a pod that asks for ${name} is told what preemption would do`, () => {
    const cluster = view(nodes, [on('a', 'n1', {}, asking({ cpu: '2' }))]);
    const plan = planScheduling(candidate, cluster, tools);
    assert.ok(!plan.fits);
    assert.equal(plan.message.slice(plan.message.indexOf('.') + 1), want);
  });
}

test('an assumed pod holds its room until it is dropped', () => {
  const cluster = view([node('n1')]);
  const first = pod('first', { spec: asking({ cpu: '3' }) });
  cluster.assume(first, 'n1');
  const second = waiting(asking({ cpu: '2' }));
  assert.equal(words(second, cluster), '0/1 nodes are available: 1 Insufficient cpu.');
  cluster.setPod(first); // still unbound in the cache: says nothing
  assert.equal(words(second, cluster), '0/1 nodes are available: 1 Insufficient cpu.');
  cluster.dropAssumed('uid-first');
  assert.equal(words(second, cluster), 'n1');
});

test('a pod that was seen bound is not dropped as assumed', () => {
  const cluster = view([node('n1')]);
  const first = on('first', 'n1', {}, asking({ cpu: '3' }));
  cluster.assume(first, 'n1');
  cluster.setPod(first);
  cluster.dropAssumed('uid-first');
  assert.equal(cluster.isPlaced('uid-first'), true);
});

test('equal nodes are chosen by chance', () => {
  const random = seededRandom(1);
  const cluster = view([node('n1'), node('n2'), node('n3')]);
  const chosen = new Set<string>();
  for (let turn = 0; turn < 50; turn++) {
    const plan = planScheduling(waiting(), cluster, { ...tools, integer: random.integer });
    if (plan.fits) chosen.add(plan.nodeName);
  }
  assert.equal(chosen.size, 3);
});

const sidecar = { restartPolicy: 'Always' };
const needing = (name: string, cpu: string, more = {}) => ({
  name,
  resources: { requests: { cpu } },
  ...more,
});
for (const { name, spec, want } of [
  {
    name: 'containers add up',
    spec: { containers: [needing('a', '100m'), needing('b', '200m')] },
    want: 300,
  },
  {
    name: 'a larger init container counts instead',
    spec: { containers: [needing('a', '100m')], initContainers: [needing('i', '1')] },
    want: 1_000,
  },
  {
    name: 'sidecars run beside both',
    spec: {
      containers: [needing('a', '100m')],
      initContainers: [needing('s', '50m', sidecar), needing('i', '1')],
    },
    want: 1_050,
  },
  {
    name: 'overhead comes on top',
    spec: { containers: [needing('a', '100m')], overhead: { cpu: '10m' } },
    want: 110,
  },
  {
    name: 'requests of the pod take the place of its containers',
    spec: { containers: [needing('a', '100m')], resources: { requests: { cpu: '2' } } },
    want: 2_000,
  },
]) {
  test(`requests: ${name}`, () => assert.equal(requestsOf(pod('a', { spec }))['cpu'], want));
}

test('host ports conflict on one address, and 0.0.0.0 is every address', () => {
  const port = (ip: string, protocol = 'TCP') => ({ ip, protocol, port: 80 });
  assert.equal(portsConflict(port('127.0.0.1'), port('127.0.0.1')), true);
  assert.equal(portsConflict(port('127.0.0.1'), port('0.0.0.0')), true);
  assert.equal(portsConflict(port('127.0.0.1'), port('127.0.0.2')), false);
  assert.equal(portsConflict(port('0.0.0.0'), port('0.0.0.0', 'UDP')), false);
});

test('pending pods: by priority, then in order; a failed one waits for a change and its back-off', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  using pending = new PendingPods(clock);
  pending.set(pod('a'));
  pending.set(pod('b'));
  pending.set(pod('c', { spec: { priority: 10 } }));
  const order = [pending.take(), pending.take(), pending.take()];
  assert.deepEqual(
    order.map((each) => each?.metadata.name),
    ['c', 'a', 'b'],
  );
  pending.failed('uid-a', { until: 'change' });
  pending.failed('uid-b', { until: 'later' });
  assert.equal(pending.take(), undefined);
  await clock.advance(1_000);
  assert.equal(pending.take()?.metadata.name, 'b');
  pending.changed();
  assert.equal(pending.take()?.metadata.name, 'a');
  pending.failed('uid-a', { until: 'change' });
  await clock.advance(60_000);
  assert.equal(pending.take(), undefined);
  pending.set(pod('a', { spec: { nodeSelector: { zone: 'b' } } }));
  assert.equal(pending.take()?.metadata.name, 'a');
});

test('a change that comes while a pod is in hand is not lost', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  using pending = new PendingPods(clock);
  pending.set(pod('a'));
  pending.take();
  pending.changed();
  pending.failed('uid-a', { until: 'change' });
  await clock.advance(1_000);
  assert.equal(pending.take()?.metadata.name, 'a');
});
