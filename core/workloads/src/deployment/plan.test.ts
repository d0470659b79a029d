import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, DeploymentCondition, ReplicaSet } from '@tweendeck/kube';
import { controllerReference } from '@tweendeck/kube';
import { ago, deployment, nowMs, pod, replicaSet } from '../testing/objects.ts';
import { type DeploymentPlan, planDeployment } from './plan.ts';
import { revisionAnnotation, sizeAnnotations } from './revision.ts';

const plan = (
  rollout: Deployment,
  replicaSets: readonly ReplicaSet[],
  pods: readonly ReturnType<typeof pod>[] = [],
): DeploymentPlan => planDeployment({ deployment: rollout, replicaSets, pods, nowMs });

const revised = (revision: number, replicas = 3, surge = 1) => ({
  annotations: {
    ...sizeAnnotations(replicas, replicas + surge),
    [revisionAnnotation]: String(revision),
  },
});

const condition = (planned: DeploymentPlan, type: string): DeploymentCondition | undefined =>
  planned.status.conditions?.find((each) => each.type === type);

const changes = (planned: DeploymentPlan): Readonly<Record<string, number | undefined>> =>
  Object.fromEntries(
    planned.change.map(({ replicaSet: each, replicas }) => [each.metadata.name, replicas]),
  );

test('a fresh deployment makes its first replica set, named by its template', () => {
  const planned = plan(deployment(), []);
  assert.match(planned.create?.metadata.name ?? '', /^web-[bcdfghjklmnpqrstvwxz2456789]{7,10}$/);
  const hash = planned.create?.metadata.labels?.['pod-template-hash'] ?? '';
  assert.equal(planned.create?.metadata.name, `web-${hash}`);
  assert.equal(planned.create?.spec.selector.matchLabels?.['pod-template-hash'], hash);
  assert.equal(planned.create?.spec.template?.metadata?.labels?.['pod-template-hash'], hash);
  assert.equal(planned.create?.spec.replicas, 3);
  assert.equal(planned.create?.metadata.annotations?.[revisionAnnotation], '1');
  assert.equal(planned.revision, 1);
  assert.equal(condition(planned, 'Progressing')?.reason, 'NewReplicaSetCreated');
  assert.equal(condition(planned, 'Available')?.status, 'False');
});

test('a collision of names changes the hash, and nothing else does', () => {
  const one = plan(deployment(), []).create?.metadata.name;
  assert.equal(plan(deployment(), []).create?.metadata.name, one);
  const collided = deployment({}, { status: { collisionCount: 1 } });
  assert.notEqual(plan(collided, []).create?.metadata.name, one);
});

test('a changed template starts a second replica set within the surge', () => {
  const old = replicaSet('web-old', { replicas: 3, ...revised(1) });
  const planned = plan(deployment({ image: 'app:2' }), [old]);
  assert.equal(planned.create?.spec.replicas, 1);
  assert.equal(planned.revision, 2);
  assert.deepEqual(changes(planned), {});
});

test('an old template again makes its replica set the newest and remembers what it was', () => {
  const old = replicaSet('web-a', { replicas: 0, ...revised(1) });
  const current = replicaSet('web-b', { replicas: 3, image: 'app:2', ...revised(2) });
  const planned = plan(deployment({ image: 'app:1' }), [old, current]);
  assert.equal(planned.create, undefined);
  assert.equal(planned.revision, 3);
  const [first] = planned.change;
  assert.equal(first?.replicaSet.metadata.name, 'web-a');
  assert.equal(first?.annotations?.[revisionAnnotation], '3');
  assert.equal(first?.annotations?.['deployment.kubernetes.io/revision-history'], '1');
});

test('annotations are handed down, but not those of kubectl apply', () => {
  const annotations = {
    'kubernetes.io/change-cause': 'because',
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
  };
  const made = plan(deployment({}, { annotations }), []).create?.metadata.annotations;
  assert.equal(made?.['kubernetes.io/change-cause'], 'because');
  assert.equal(made?.['kubectl.kubernetes.io/last-applied-configuration'], undefined);
});

test('a scaled deployment only scales, also in the middle of a rollout', () => {
  const old = replicaSet('web-old', { replicas: 3, ...revised(1) });
  const planned = plan(deployment({ image: 'app:2', replicas: 6 }), [old]);
  assert.equal(planned.create, undefined);
  assert.deepEqual(changes(planned), { 'web-old': 6 });
});

test('a paused deployment scales but does not roll', () => {
  const old = replicaSet('web-old', { replicas: 3, ...revised(1) });
  const planned = plan(deployment({ image: 'app:2', paused: true }), [old]);
  assert.equal(planned.create, undefined);
  assert.deepEqual(changes(planned), {});
  assert.equal(condition(planned, 'Progressing')?.reason, 'DeploymentPaused');
});

const recreate = { strategy: { type: 'Recreate' as const } };

test('recreate empties the old before anything else', () => {
  const old = replicaSet('web-old', { replicas: 3, ...revised(1, 3, 0) });
  const planned = plan(deployment({ image: 'app:2', ...recreate }), [old]);
  assert.deepEqual(changes(planned), { 'web-old': 0 });
  assert.equal(planned.create, undefined);
});

test('recreate waits for old pods that are still ending', () => {
  const old = replicaSet('web-old', { replicas: 0, actual: 0, ...revised(1, 3, 0) });
  const ending = pod('x', {
    ownerReferences: [controllerReference(old)],
    deletionTimestamp: ago(1),
  });
  const rollout = deployment({ image: 'app:2', ...recreate });
  assert.equal(plan(rollout, [old], [ending]).create, undefined);
  assert.equal(plan(rollout, [old], []).create?.spec.replicas, 3);
});

test('old replica sets beyond the limit go once the rollout is complete', () => {
  const olds = [1, 2, 3].map((revision) =>
    replicaSet(`web-${revision}`, { replicas: 0, image: `app:${revision}`, ...revised(revision) }),
  );
  const current = replicaSet('web-4', { replicas: 3, image: 'app:4', ...revised(4) });
  const rollout = deployment({ image: 'app:4', revisionHistoryLimit: 1 });
  const gone = plan(rollout, [...olds, current]).remove.map(({ metadata }) => metadata.name);
  assert.deepEqual(gone, ['web-1', 'web-2']);
  const rolling = replicaSet('web-4', { replicas: 3, available: 2, image: 'app:4', ...revised(4) });
  assert.deepEqual(plan(rollout, [...olds, rolling]).remove, []);
});

const progressing = (reason: string, seconds: number, status = 'True'): DeploymentCondition => ({
  type: 'Progressing',
  status,
  reason,
  message: '',
  lastUpdateTime: ago(seconds),
  lastTransitionTime: ago(seconds),
});

for (const { name, before, available, reason, status } of [
  {
    name: 'is complete when all are available',
    before: { conditions: [progressing('ReplicaSetUpdated', 5)], replicas: 3, updatedReplicas: 3 },
    available: 3,
    reason: 'NewReplicaSetAvailable',
    status: 'True',
  },
  {
    name: 'progresses when more are available than before',
    before: {
      conditions: [progressing('NewReplicaSetCreated', 50)],
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 1,
      availableReplicas: 1,
    },
    available: 2,
    reason: 'ReplicaSetUpdated',
    status: 'True',
  },
  {
    name: 'is stuck when nothing happened within the deadline',
    before: {
      conditions: [progressing('ReplicaSetUpdated', 700)],
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
    },
    available: 2,
    reason: 'ProgressDeadlineExceeded',
    status: 'False',
  },
  {
    name: 'is not stuck before the deadline',
    before: {
      conditions: [progressing('ReplicaSetUpdated', 500)],
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
    },
    available: 2,
    reason: 'ReplicaSetUpdated',
    status: 'True',
  },
  {
    name: 'once complete, a lost pod is no new rollout',
    before: {
      conditions: [progressing('NewReplicaSetAvailable', 9_000)],
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    },
    available: 2,
    reason: 'NewReplicaSetAvailable',
    status: 'True',
  },
]) {
  test(`a rollout ${name}`, () => {
    const current = replicaSet('web-1', { replicas: 3, available, ...revised(1) });
    const rollout = deployment({}, { status: before, annotations: { [revisionAnnotation]: '1' } });
    const planned = plan(rollout, [current]);
    assert.equal(condition(planned, 'Progressing')?.reason, reason);
    assert.equal(condition(planned, 'Progressing')?.status, status);
  });
}

test('the deadline is looked at when it comes', () => {
  const status = {
    conditions: [progressing('ReplicaSetUpdated', 500)],
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 2,
  };
  const current = replicaSet('web-1', { replicas: 3, available: 2, ...revised(1) });
  assert.equal(plan(deployment({}, { status }), [current]).requeueAfterMs, 101_000);
});

test('counts are those that kubectl rollout status reads', () => {
  const old = replicaSet('web-1', { replicas: 2, ...revised(1) });
  const fresh = replicaSet('web-2', { replicas: 2, available: 1, image: 'app:2', ...revised(2) });
  const { status } = plan(deployment({ image: 'app:2' }, { generation: 4 }), [old, fresh]);
  const { conditions: _, ...counts } = status;
  assert.deepEqual(counts, {
    observedGeneration: 4,
    replicas: 4,
    updatedReplicas: 2,
    readyReplicas: 3,
    availableReplicas: 3,
    unavailableReplicas: 1,
  });
});

test('a replica set that cannot make its pods shows in the deployment', () => {
  const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no' };
  const current = replicaSet('web-1', { replicas: 3, available: 0, ...revised(1) });
  const failing = { ...current, status: { replicas: 0, conditions: [failure] } };
  assert.equal(condition(plan(deployment(), [failing]), 'ReplicaFailure')?.message, 'no');
  const stale = deployment({}, { status: { conditions: [failure] } });
  assert.equal(condition(plan(stale, [current]), 'ReplicaFailure'), undefined);
});
