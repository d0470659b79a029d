// Tables for what the status of a fleet says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, Pod, PodStatus, Service } from '@tweendeck/kube';
import { podTrouble } from '../pod-trouble.ts';
import { endpointOf, type FleetStatusInput, planFleetStatus } from './fleet-status.ts';

const metadata = (name: string, more: object = {}) => ({
  name,
  namespace: 'team',
  uid: name,
  resourceVersion: '1',
  generation: 3,
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

function planOf(
  replicas: number,
  {
    deployment: made,
    pods = [],
    ...rest
  }: Partial<FleetStatusInput> & {
    readonly deployment?: Deployment | undefined;
    readonly pods?: readonly Pod[];
  },
) {
  return planFleetStatus({
    shape: {
      members: { name: 'cache', selector: { app: 'cache', of: 'team' }, replicas },
      service: { name: 'cache', port: 8_126 },
    },
    ...{ isDeleting: false, members: { deployment: made, pods }, service: undefined },
    ...rest,
  });
}

function deployment(replicas: number, observedGeneration = 3): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata('cache'),
    spec: { replicas, selector: {}, template: {} },
    status: { observedGeneration, replicas, updatedReplicas: replicas },
  };
}

function pod(status: PodStatus, more: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata('cache-1', more),
    spec: { containers: [] },
    status,
  };
}

const ready: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
const starting: PodStatus = { phase: 'Pending' };
const crashing: PodStatus = {
  phase: 'Running',
  containerStatuses: [
    {
      name: 'cacheserver',
      image: 'tweendeck/cacheserver:1',
      imageID: '',
      ready: false,
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
      lastState: { terminated: { exitCode: 1, message: 'starting\naddress in use\n  stop it\n' } },
    },
  ],
};
const unanswered: PodStatus = {
  phase: 'Running',
  conditions: [
    { type: 'Ready', status: 'False' },
    { type: 'ContainersReady', status: 'True' },
  ],
};
const evicted: PodStatus = { phase: 'Failed', reason: 'Evicted', message: 'low on memory' };
const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };

/** A Deployment whose pods are refused. */
function refused(message: string): Deployment {
  const made = deployment(1);
  const failure = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: 'FailedCreate',
    message,
  } as const;
  return { ...made, status: { ...made.status, replicas: 0, conditions: [failure] } };
}

const homeless: PodStatus = {
  phase: 'Pending',
  conditions: [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/1 nodes are available: 1 Insufficient memory.',
    },
  ],
};

for (const { name, replicas, have, pods, phase, conditions } of [
  {
    name: 'nothing was made yet',
    replicas: 1,
    have: undefined,
    pods: [],
    phase: 'Pending',
    conditions: ['Ready=False ReplicasNotReady', 'Progressing=True', 'Degraded=False'],
  },
  {
    name: 'the pod is starting',
    replicas: 1,
    have: deployment(1),
    pods: [pod(starting)],
    phase: 'Pending',
    conditions: ['Ready=False ReplicasNotReady', 'Progressing=True', 'Degraded=False'],
  },
  {
    name: 'the pod is ready',
    replicas: 1,
    have: deployment(1),
    pods: [pod(ready)],
    phase: 'Ready',
    conditions: ['Ready=True AllReplicasReady', 'Progressing=False', 'Degraded=False'],
  },
  {
    name: 'one of two is ready',
    replicas: 2,
    have: deployment(2),
    pods: [pod(ready), pod(starting)],
    phase: 'Progressing',
    conditions: ['Ready=False ReplicasNotReady', 'Progressing=True', 'Degraded=False'],
  },
  {
    name: 'the Deployment has not seen the change',
    replicas: 1,
    have: deployment(1, 2),
    pods: [pod(ready)],
    phase: 'Progressing',
    conditions: ['Ready=False ReplicasNotReady', 'Progressing=True', 'Degraded=False'],
  },
  {
    name: 'the only pod crashes',
    replicas: 1,
    have: deployment(1),
    pods: [pod(crashing)],
    phase: 'Failed',
    conditions: ['Ready=False CrashLoopBackOff', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'one of two crashes',
    replicas: 2,
    have: deployment(2),
    pods: [pod(ready), pod(crashing)],
    phase: 'Degraded',
    conditions: ['Ready=False CrashLoopBackOff', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'no node has room',
    replicas: 1,
    have: deployment(1),
    pods: [pod(homeless)],
    phase: 'Failed',
    conditions: ['Ready=False Unschedulable', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'it is scaled to zero',
    replicas: 0,
    have: deployment(0),
    pods: [],
    phase: 'Stopped',
    conditions: ['Ready=False ScaledToZero', 'Progressing=False', 'Degraded=False'],
  },
  {
    name: 'the node of the only pod does not answer',
    replicas: 1,
    have: deployment(1),
    pods: [pod(unanswered)],
    phase: 'Failed',
    conditions: ['Ready=False NodeUnreachable', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'the pod of a lost node is given up and another starts',
    replicas: 1,
    have: deployment(1),
    pods: [pod(unanswered, leaving), pod(starting)],
    phase: 'Failed',
    conditions: ['Ready=False NodeUnreachable', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'one of two nodes does not answer',
    replicas: 2,
    have: deployment(2),
    pods: [pod(ready), pod(unanswered)],
    phase: 'Degraded',
    conditions: ['Ready=False NodeUnreachable', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'another pod serves while that of a lost node cannot be removed',
    replicas: 1,
    have: deployment(1),
    pods: [pod(unanswered, leaving), pod(ready)],
    phase: 'Ready',
    conditions: ['Ready=True AllReplicasReady', 'Progressing=False', 'Degraded=False'],
  },
  {
    name: 'the pod was evicted and another is not there yet',
    replicas: 1,
    have: deployment(1),
    pods: [pod(evicted)],
    phase: 'Failed',
    conditions: ['Ready=False Evicted', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'another serves in place of an evicted pod',
    replicas: 1,
    have: deployment(1),
    pods: [pod(evicted), pod(ready)],
    phase: 'Ready',
    conditions: ['Ready=True AllReplicasReady', 'Progressing=False', 'Degraded=False'],
  },
  {
    name: 'a quota refuses the pods',
    replicas: 1,
    have: refused('pods "cache-1" is forbidden: exceeded quota: small, requested: pods=1'),
    pods: [],
    phase: 'Failed',
    conditions: ['Ready=False QuotaExceeded', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'pod security refuses the pods',
    replicas: 1,
    have: refused('pods "cache-1" is forbidden: violates PodSecurity "restricted:latest"'),
    pods: [],
    phase: 'Failed',
    conditions: ['Ready=False PodSecurityRefused', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'a webhook refuses the pods',
    replicas: 1,
    have: refused('admission webhook "x" denied the request'),
    pods: [],
    phase: 'Failed',
    conditions: ['Ready=False FailedCreate', 'Progressing=True', 'Degraded=True'],
  },
  {
    name: 'a leaving pod is still ready',
    replicas: 1,
    have: deployment(1),
    pods: [pod(ready, leaving)],
    phase: 'Pending',
    conditions: ['Ready=False ReplicasNotReady', 'Progressing=True', 'Degraded=False'],
  },
] as const) {
  test(`status when ${name}`, () => {
    const plan = planOf(replicas, { deployment: have, pods });
    assert.equal(plan.fields.phase, phase);
    const said = plan.conditions.map(({ type, status, reason }) =>
      type === 'Ready' ? `${type}=${status} ${reason}` : `${type}=${status}`,
    );
    assert.deepEqual(said, conditions);
  });
}

test('a load balancer without an address is waited for, and said', () => {
  const pending = service('LoadBalancer');
  const { fields, conditions } = planOf(1, {
    deployment: deployment(1),
    service: pending,
    pods: [pod(ready)],
  });
  assert.equal(fields.phase, 'Progressing');
  assert.equal(fields.endpoint, undefined);
  const [said] = conditions;
  assert.deepEqual(
    [said?.type, said?.status, said?.reason],
    ['Ready', 'False', 'LoadBalancerPending'],
  );
  assert.match(said?.message ?? '', /no address yet.*cache\.team\.svc:8126/);
});

for (const { name, wanted, ready: up, told } of [
  { name: 'nobody serves', wanted: 1, ready: [], told: ['Failed', 'False'] },
  { name: 'members serve on', wanted: 1, ready: [pod(ready)], told: ['Degraded', 'False'] },
] as const) {
  test(`what keeps everything from being changed is told while ${name}`, () => {
    const blocked = { reason: 'NameTaken', message: 'a Service cache is not of the platform' };
    const have = up.length > 0 ? deployment(wanted) : undefined;
    const { fields, conditions, trouble } = planOf(wanted, { deployment: have, pods: up, blocked });
    const [said] = conditions;
    assert.deepEqual([fields.phase, said?.status], told);
    assert.deepEqual([said?.reason, said?.message], ['NameTaken', blocked.message]);
    assert.deepEqual(trouble, blocked);
  });
}

test('members that serve and have nothing to give are Degraded, and settled', () => {
  const trouble = { reason: 'StoreUnreachable', message: 'refused' };
  const plan = planOf(1, { deployment: deployment(1), pods: [pod(ready)], trouble });
  assert.equal(plan.fields.phase, 'Degraded');
  assert.deepEqual(
    plan.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`),
    ['Ready=False StoreUnreachable', 'Progressing=False Settled', 'Degraded=True StoreUnreachable'],
  );
  assert.equal(plan.waits, undefined);
  const stopped = planOf(0, { deployment: deployment(0), trouble });
  assert.equal(stopped.fields.phase, 'Stopped');
});

test('status of one under deletion is Terminating', () => {
  const have = { deployment: deployment(1), pods: [pod(ready)] };
  assert.equal(planOf(1, { ...have, isDeleting: true }).fields.phase, 'Terminating');
});

for (const { name, available, phase, told, doors } of [
  { name: 'serves', available: 1, phase: 'Ready', told: 'True EntryServes', doors: '10.0.0.9' },
  {
    ...{ name: 'does not serve yet', available: 0, phase: 'Progressing' },
    ...{ told: 'False EntryNotReady', doors: '10.0.0.1' },
  },
]) {
  test(`an entry that ${name}`, () => {
    const made = deployment(1);
    const entry = {
      deployment: { ...made, status: { ...made.status, availableReplicas: available } },
      pods: [pod({ ...ready, hostIP: '10.0.0.9' })],
    };
    const plan = planOf(2, {
      ...{ deployment: deployment(2), entry, service: service('NodePort') },
      pods: [pod({ ...ready, hostIP: '10.0.0.1' }), pod(ready)],
    });
    const said = plan.conditions.find(({ type }) => type === 'EntryReady');
    assert.equal(`${said?.status} ${said?.reason}`, told);
    assert.equal(plan.fields.phase, phase);
    assert.equal(plan.fields.endpoint, `${doors}:30001`);
    assert.equal(plan.fields.selector, 'app=cache,of=team');
  });
}

for (const { name, status, says } of [
  {
    name: 'a crash',
    status: crashing,
    says: /cannot run tweendeck\/cacheserver:1: back-off 40s \(last exit code 1: address in use stop it\)/,
  },
  {
    name: 'no room',
    status: homeless,
    says: /finds no node: 0\/1 nodes are available: 1 Insufficient memory/,
  },
  {
    name: 'an eviction',
    status: {
      phase: 'Failed',
      reason: 'Evicted',
      message: 'Usage of EmptyDir volume "data" exceeds the limit',
    } satisfies PodStatus,
    says: /failed: Usage of EmptyDir/,
  },
]) {
  test(`trouble is explained: ${name}`, () =>
    assert.match(podTrouble(pod(status))?.message ?? '', says));
}

const service = (type: 'ClusterIP' | 'LoadBalancer' | 'NodePort', ip?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('cache'),
  spec: { type, ports: [{ port: 8_126, nodePort: 30_001 }] },
  ...(ip ? { status: { loadBalancer: { ingress: [{ ip }] } } } : {}),
});

for (const { name, have, endpoint } of [
  { name: 'no Service', have: undefined, endpoint: undefined },
  { name: 'a node where it serves', have: service('NodePort'), endpoint: '10.0.0.1:30001' },
  { name: 'inside the cluster', have: service('ClusterIP'), endpoint: 'cache.team.svc:8126' },
  {
    name: 'a load balancer without an address',
    have: service('LoadBalancer'),
    endpoint: undefined,
  },
  {
    name: 'a load balancer',
    have: service('LoadBalancer', '127.0.0.1'),
    endpoint: '127.0.0.1:8126',
  },
]) {
  test(`endpoint: ${name}`, () => {
    const pods = [
      pod({ ...ready, hostIP: '10.0.0.2' }),
      pod({ ...ready, hostIP: '10.0.0.1' }),
      pod({ phase: 'Running', hostIP: '10.0.0.0' }),
    ];
    assert.equal(endpointOf(have, 8_126, pods), endpoint);
  });
}

test('advice stands behind what Kubernetes says, in the words of the kind', () => {
  const hints = { placement: () => 'lower spec.limits', refused: () => 'ask for less' };
  assert.match(podTrouble(pod(homeless), hints)?.message ?? '', /memory; lower spec\.limits$/);
  const { trouble } = planOf(1, { deployment: refused('exceeded quota: small.'), hints });
  assert.equal(trouble?.message, 'pods are refused: exceeded quota: small; ask for less');
});
