// Tables for what a CacheServer's status says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Deployment, Pod, PodStatus, Service } from '@tweendeck/kube';
import type { CacheServerObject } from './kind.ts';
import { endpointOf, planStatus, troubleOf } from './status.ts';

const metadata = (name: string, more: object = {}) => ({
  name,
  namespace: 'team',
  uid: name,
  resourceVersion: '1',
  generation: 3,
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

function cacheServer(replicas: number, more: object = {}): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: metadata('cache', more),
    spec: {
      replicas,
      port: 8_126,
      storage: 1,
      image: 'x',
      serviceType: 'ClusterIP',
      resources: { limits: {} },
    },
  };
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
    const plan = planStatus(cacheServer(replicas), { deployment: have, service: undefined, pods });
    assert.equal(plan.fields.phase, phase);
    const about = plan.conditions.filter(({ type }) => type !== 'FiguresKnown');
    const said = about.map(({ type, status, reason }) =>
      type === 'Ready' ? `${type}=${status} ${reason}` : `${type}=${status}`,
    );
    assert.deepEqual(said, conditions);
  });
}

test('a load balancer without an address is waited for, and said', () => {
  const pending = service('LoadBalancer');
  const { fields, conditions } = planStatus(cacheServer(1), {
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

test('an object of somebody else that has the name is named', () => {
  const { fields, conditions } = planStatus(cacheServer(1), {
    deployment: undefined,
    service: undefined,
    pods: [],
    squatter: { kind: 'Service', name: 'cache', owner: undefined },
  });
  assert.equal(fields.phase, 'Failed');
  assert.match(conditions[0]?.message ?? '', /a Service cache that is not of the platform/);
});

test('status of one under deletion is Terminating', () => {
  const plan = planStatus(cacheServer(1, leaving), {
    deployment: deployment(1),
    service: undefined,
    pods: [pod(ready)],
  });
  assert.equal(plan.fields.phase, 'Terminating');
});

const inRedis = (replicas: number): CacheServerObject => {
  const cache = cacheServer(replicas);
  return { ...cache, spec: { ...cache.spec, store: { redis: { address: 'redis' } } } };
};
const saidOf = (failure: string | undefined) => ({
  pod: 'cache-1',
  figures: {
    ...{ usedBytes: 0, objects: 0, hits: 0, misses: 0, cleaned: undefined, kernel: {} },
    ...{ revision: undefined, redis: { address: 'redis:6379', failure }, troubledPeers: [] },
  },
});

for (const { name, cache, observed, phase, told } of [
  {
    name: 'serves and whose store does, too',
    cache: inRedis(1),
    observed: { deployment: deployment(1), pods: [pod(ready)], answers: [saidOf(undefined)] },
    phase: 'Ready',
    told: ['Ready=True', 'Progressing=False', 'Degraded=False', 'StoreReachable=True'],
  },
  {
    name: 'serves without its store',
    cache: inRedis(1),
    observed: { deployment: deployment(1), pods: [pod(ready)], answers: [saidOf('refused')] },
    phase: 'Degraded',
    told: ['Ready=False', 'Progressing=False', 'Degraded=True', 'StoreReachable=False'],
  },
  {
    name: 'is not wanted now, with a store or without',
    cache: inRedis(0),
    observed: { deployment: deployment(0), pods: [], answers: [] },
    phase: 'Stopped',
    told: ['Ready=False', 'Progressing=False', 'Degraded=False', 'StoreReachable=False'],
  },
  {
    name: 'serves and says what no data plane takes',
    cache: cacheServer(1),
    observed: { deployment: deployment(1), pods: [pod(ready)], refusal: 'spec.access: wrong' },
    phase: 'Degraded',
    told: ['Ready=False', 'Progressing=True', 'Degraded=True'],
  },
]) {
  test(`status of one that ${name} is ${phase}`, () => {
    const { fields, conditions } = planStatus(cache, { service: undefined, ...observed });
    assert.equal(fields.phase, phase);
    const types = ['Ready', 'Progressing', 'Degraded', 'StoreReachable'];
    const words = conditions.filter(({ type }) => types.includes(type));
    assert.deepEqual(
      words.map(({ type, status }) => `${type}=${status}`),
      told,
    );
  });
}

function cronJob(status?: CronJob['status']): CronJob {
  return {
    ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: metadata('cache-cleaner') },
    spec: { schedule: '0 * * * *', jobTemplate: {} },
    ...(status ? { status } : {}),
  };
}

const ten = '2026-01-01T10:00:00Z';
for (const { name, have, refusal, control, told } of [
  { name: 'is scheduled', have: cronJob(), told: 'True Scheduled' },
  {
    name: 'ran well',
    have: cronJob({ lastScheduleTime: ten, lastSuccessfulTime: '2026-01-01T10:00:09Z' }),
    told: 'True Scheduled',
  },
  {
    name: 'runs',
    have: cronJob({ lastScheduleTime: ten, active: [{ name: 'x' }] }),
    told: 'True Scheduled',
  },
  { name: 'failed', have: cronJob({ lastScheduleTime: ten }), told: 'True LastRunFailed' },
  {
    name: 'failed after it ran well',
    have: cronJob({ lastScheduleTime: ten, lastSuccessfulTime: '2026-01-01T09:00:09Z' }),
    told: 'True LastRunFailed',
  },
  { name: 'has a schedule that is none', refusal: 'bad', told: 'False ScheduleRefused' },
  { name: 'is not made yet', told: 'False NotScheduled' },
  { name: 'has no token to show', have: cronJob(), control: 'quota', told: 'False NoToken' },
]) {
  test(`a cleaner that ${name} is told of`, () => {
    const cache = cacheServer(1);
    const asked = { ...cache, spec: { ...cache.spec, cleaner: { ttlSeconds: 60 } } };
    const plan = planStatus(asked, {
      ...{ deployment: undefined, service: undefined, pods: [] },
      ...{ cleaner: have, cleanerRefusal: refusal, controlRefusal: control },
    });
    const said = plan.conditions.find(({ type }) => type === 'CleanerScheduled');
    assert.equal(`${said?.status} ${said?.reason}`, told);
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
    assert.match(troubleOf(pod(status))?.message ?? '', says));
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
