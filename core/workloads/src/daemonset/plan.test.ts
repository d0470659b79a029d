import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, Node, Pod } from '@tweendeck/kube';
import { ago, daemonSet, node, nowMs, type PodInput, pod } from '../testing/objects.ts';
import { daemonTolerations, nodeOf, podForNode } from './daemon-pod.ts';
import { planDaemonSet, runsOn } from './plan.ts';

const daemon = (name: string, on: string, hash: string, input: PodInput = {}): Pod =>
  pod(name, { node: on, labels: { app: 'agent', 'controller-revision-hash': hash }, ...input });
const fresh = (name: string, on: string, input: PodInput = {}) => daemon(name, on, 'new', input);
const old = (name: string, on: string, input: PodInput = {}) => daemon(name, on, 'old', input);
const nodes = (...names: readonly string[]): readonly Node[] => names.map((name) => node(name));
const rolling = (rollingUpdate: object): Partial<DaemonSet['spec']> => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate },
});
const surge = rolling({ maxSurge: 1, maxUnavailable: 0 });
const unready = { readySeconds: undefined };
const taint = (effect: 'NoExecute' | 'NoSchedule') => ({ taints: [{ key: 'mine', effect }] });

interface Row {
  readonly name: string;
  readonly set?: DaemonSet;
  readonly nodes: readonly Node[];
  readonly pods?: readonly Pod[];
  readonly makes?: readonly string[];
  readonly deletes?: readonly string[];
  readonly status?: object;
}

const rows: readonly Row[] = [
  { name: 'makes a pod for each node', nodes: nodes('a', 'b'), makes: ['a', 'b'] },
  {
    name: 'rests where every node has one',
    nodes: nodes('a', 'b'),
    pods: [fresh('p', 'a'), fresh('q', 'b')],
    status: {
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      numberReady: 2,
      numberAvailable: 2,
      updatedNumberScheduled: 2,
      numberMisscheduled: 0,
    },
  },
  {
    name: 'knows a pod that is not bound yet by its node affinity',
    nodes: nodes('a'),
    pods: [
      {
        ...fresh('p', '', unready),
        spec: { ...podForNode(daemonSet(), 'a', 'new').spec },
      },
    ],
    status: { currentNumberScheduled: 1, numberUnavailable: 1, numberReady: 0 },
  },
  {
    name: 'deletes pods that wait for a node that is gone',
    nodes: nodes('a'),
    pods: [
      fresh('p', 'a'),
      {
        ...fresh('q', '', unready),
        spec: { ...podForNode(daemonSet(), 'b', 'new').spec },
      },
    ],
    deletes: ['q misplaced'],
  },
  {
    name: 'leaves out nodes that the template does not ask for, and clears them',
    set: daemonSet({
      template: { spec: { containers: [], nodeSelector: { disk: 'fast' } } },
    }),
    nodes: [node('a', { labels: { disk: 'fast' } }), node('b')],
    pods: [fresh('p', 'a'), fresh('q', 'b')],
    deletes: ['q misplaced'],
    status: { desiredNumberScheduled: 1, numberMisscheduled: 1 },
  },
  {
    name: 'starts nothing on a tainted node, and lets run what is there',
    nodes: [node('a', { spec: taint('NoSchedule') }), node('b', { spec: taint('NoSchedule') })],
    pods: [fresh('p', 'a')],
    status: { desiredNumberScheduled: 0, numberMisscheduled: 1 },
  },
  {
    name: 'leaves a node that nothing may run on',
    nodes: [node('a', { spec: taint('NoExecute') })],
    pods: [fresh('p', 'a')],
    deletes: ['p misplaced'],
  },
  {
    name: 'stays on nodes that are cordoned, not ready or under pressure',
    nodes: [
      node('a', {
        spec: {
          unschedulable: true,
          taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
        },
      }),
      node('b', {
        spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }] },
      }),
    ],
    makes: ['a', 'b'],
  },
  {
    name: 'deletes pods that ended',
    nodes: nodes('a', 'b'),
    pods: [fresh('p', 'a', { phase: 'Failed' }), fresh('q', 'b', { phase: 'Succeeded' })],
    deletes: ['p failed', 'q succeeded'],
  },
  {
    name: 'keeps the oldest of several on a node',
    nodes: nodes('a'),
    pods: [fresh('p', 'a', { ageSeconds: 10 }), fresh('q', 'a', { ageSeconds: 20 })],
    deletes: ['p surplus'],
  },
  {
    name: 'waits for a pod to be gone',
    nodes: nodes('a'),
    pods: [fresh('p', 'a', { deletionTimestamp: ago(1) })],
  },
  {
    name: 'does not wait for one that has ended',
    nodes: nodes('a'),
    pods: [fresh('p', 'a', { deletionTimestamp: ago(1), phase: 'Failed' })],
    makes: ['a'],
  },
  {
    name: 'rolls one node at a time',
    nodes: nodes('a', 'b', 'c'),
    pods: [old('p', 'a'), old('q', 'b'), old('r', 'c')],
    deletes: ['p update'],
    status: { numberAvailable: 3 },
  },
  {
    name: 'waits for a new pod before the next node',
    nodes: nodes('a', 'b'),
    pods: [fresh('p', 'a', unready), old('q', 'b')],
  },
  {
    name: 'replaces pods that are not available at once',
    nodes: nodes('a', 'b', 'c'),
    pods: [old('p', 'a', unready), old('q', 'b', unready), old('r', 'c')],
    deletes: ['p update', 'q update'],
  },
  {
    name: 'rolls a share of its nodes',
    set: daemonSet(rolling({ maxUnavailable: '50%' })),
    nodes: nodes('a', 'b', 'c', 'd'),
    pods: ['a', 'b', 'c', 'd'].map((name) => old(`p${name}`, name)),
    deletes: ['pa update', 'pb update'],
  },
  {
    name: 'rolls on deletion only, if asked',
    set: daemonSet({ updateStrategy: { type: 'OnDelete' } }),
    nodes: nodes('a'),
    pods: [old('p', 'a')],
    status: { numberUnavailable: undefined },
  },
  {
    name: 'makes the new pod first where it may',
    set: daemonSet(surge),
    nodes: nodes('a', 'b'),
    pods: [old('p', 'a'), old('q', 'b')],
    makes: ['a'],
  },
  {
    name: 'waits while the new pod beside the old one is not available',
    set: daemonSet(surge),
    nodes: nodes('a', 'b'),
    pods: [old('p', 'a'), fresh('r', 'a', unready), old('q', 'b')],
  },
  {
    name: 'deletes the old pod when the new one is available',
    set: daemonSet(surge),
    nodes: nodes('a', 'b'),
    pods: [old('p', 'a'), fresh('r', 'a'), old('q', 'b')],
    deletes: ['p surplus'],
  },
  {
    name: 'deletes the old pod when it is not ready',
    set: daemonSet(surge),
    nodes: nodes('a'),
    pods: [old('p', 'a', unready), fresh('r', 'a', unready)],
    deletes: ['p surplus'],
  },
];

for (const { name, set = daemonSet(), nodes: all, pods = [], ...want } of rows) {
  test(`a daemon set ${name}`, () => {
    const plan = planDaemonSet({ set, nodes: all, pods, hash: 'new', nowMs });
    assert.deepEqual(plan.create, want.makes ?? []);
    const deletes = plan.remove.map(({ pod: each, why }) => `${each.metadata.name} ${why}`);
    assert.deepEqual(deletes, want.deletes ?? []);
    const shown: Readonly<Record<string, unknown>> = { ...plan.status };
    for (const [key, value] of Object.entries(want.status ?? {})) {
      assert.equal(shown[key], value, key);
    }
  });
}

test('a daemon tolerates what befalls nodes, once', () => {
  const own = [
    {
      key: 'node.kubernetes.io/not-ready',
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 5,
    },
  ] as const; // literals of a toleration
  const tolerations = daemonTolerations({ containers: [], tolerations: own, hostNetwork: true });
  assert.deepEqual(
    tolerations.map(({ key, effect }) => `${key?.replace('node.kubernetes.io/', '')}:${effect}`),
    [
      'not-ready:NoExecute',
      'unreachable:NoExecute',
      'disk-pressure:NoSchedule',
      'memory-pressure:NoSchedule',
      'pid-pressure:NoSchedule',
      'unschedulable:NoSchedule',
      'network-unavailable:NoSchedule',
    ],
  );
  assert.equal(tolerations[0]?.tolerationSeconds, undefined);
});

test('a pod is meant for one node', () => {
  const made = podForNode(daemonSet(), 'n1', 'hash');
  assert.equal(made.metadata.labels?.['controller-revision-hash'], 'hash');
  assert.equal(nodeOf({ ...pod('x'), spec: made.spec }), 'n1');
});

test('a template with a node name runs there alone', () => {
  const set = daemonSet({ template: { spec: { containers: [], nodeName: 'b' } } });
  assert.deepEqual(
    nodes('a', 'b').map((each) => runsOn(set, each).starts),
    [false, true],
  );
});
