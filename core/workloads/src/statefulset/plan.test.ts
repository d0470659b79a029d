import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControllerRevision, Pod } from '@tweendeck/kube';
import {
  forgettableRevisions,
  planRevision,
  revisionData,
  revisionLabel,
  templateOf,
} from '../owner/revision.ts';
import { ago, meta, nowMs, type PodInput, pod, statefulSet, template } from '../testing/objects.ts';
import { missingLabels, ordinalOf } from './identity.ts';
import { podFor } from './member-pod.ts';
import { planStatefulSet, type StatefulSetAction } from './plan.ts';

const old = { name: 'db-old', template: template('db:1', { app: 'db' }) };
const fresh = { name: 'db-new', template: template('db:2', { app: 'db' }) };

/** A pod of the set with everything that belongs to its ordinal. */
function member(ordinal: number, input: PodInput & { readonly revision?: string } = {}): Pod {
  const { revision = 'db-old', ...rest } = input;
  const labels = {
    app: 'db',
    'statefulset.kubernetes.io/pod-name': `db-${ordinal}`,
    'apps.kubernetes.io/pod-index': String(ordinal),
    [revisionLabel]: revision,
  };
  return pod(`db-${ordinal}`, { labels, ...rest });
}

const leaving = { deletionTimestamp: ago(1) };
const unready = { readySeconds: undefined };

function words(action: StatefulSetAction): string {
  switch (action.action) {
    case 'create':
      return `create ${action.ordinal} of ${action.revision.name}`;
    case 'delete':
      return `${action.why} ${action.pod.metadata.name}`;
    case 'label':
      return `label ${action.pod.metadata.name}`;
  }
}

type Spec = Parameters<typeof statefulSet>[0];
interface Row {
  readonly name: string;
  readonly spec?: Spec;
  readonly pods: readonly Pod[];
  /** The template has not changed: there is one revision. */
  readonly settled?: boolean;
  readonly want: readonly string[];
}
const parallel = { podManagementPolicy: 'Parallel' } as const;
const partition = (ordinal: number): Spec => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: ordinal } },
});

const rows: readonly Row[] = [
  { name: 'creates the first pod alone', pods: [], settled: true, want: ['create 0 of db-old'] },
  {
    name: 'waits for the first pod to be ready',
    pods: [member(0, unready)],
    settled: true,
    want: [],
  },
  {
    name: 'goes on when the first pod is ready',
    pods: [member(0)],
    settled: true,
    want: ['create 1 of db-old'],
  },
  {
    name: 'waits for a pod to be available',
    spec: { minReadySeconds: 10 },
    pods: [member(0, { readySeconds: 5 })],
    settled: true,
    want: [],
  },
  {
    name: 'fills a gap before it goes on',
    pods: [member(0), member(2)],
    settled: true,
    want: ['create 1 of db-old'],
  },
  {
    name: 'waits for a leaving pod to be gone before it makes it anew',
    pods: [member(0, leaving), member(1), member(2)],
    settled: true,
    want: [],
  },
  {
    name: 'makes a failed pod anew',
    pods: [member(0, { phase: 'Failed', ...unready }), member(1), member(2)],
    settled: true,
    want: ['recreate db-0'],
  },
  {
    name: 'creates all at once when parallel',
    spec: parallel,
    pods: [],
    settled: true,
    want: ['create 0 of db-old', 'create 1 of db-old', 'create 2 of db-old'],
  },
  {
    name: 'starts at the first ordinal asked for',
    spec: { ordinals: { start: 5 }, replicas: 1 },
    pods: [],
    settled: true,
    want: ['create 5 of db-old'],
  },
  {
    name: 'removes the highest ordinal first, one at a time',
    spec: { replicas: 1 },
    pods: [member(0), member(1), member(2)],
    settled: true,
    want: ['scale db-2'],
  },
  {
    name: 'waits for a leaving pod before it removes the next',
    spec: { replicas: 1 },
    pods: [member(0), member(1), member(2, leaving)],
    settled: true,
    want: [],
  },
  {
    name: 'does not shrink over a sick lower pod',
    spec: { replicas: 2 },
    pods: [member(0), member(1, unready), member(2)],
    settled: true,
    want: [],
  },
  {
    name: 'removes the sick one when it is the one to go',
    spec: { replicas: 2 },
    pods: [member(0), member(1), member(2, unready)],
    settled: true,
    want: ['scale db-2'],
  },
  {
    name: 'removes all at once when parallel',
    spec: { replicas: 1, ...parallel },
    pods: [member(0), member(1), member(2)],
    settled: true,
    want: ['scale db-2', 'scale db-1'],
  },
  {
    name: 'removes pods below a raised first ordinal',
    spec: { replicas: 2, ordinals: { start: 1 } },
    pods: [member(0), member(1), member(2)],
    settled: true,
    want: ['scale db-0'],
  },
  {
    name: 'updates from the highest ordinal',
    pods: [member(0), member(1), member(2)],
    want: ['update db-2'],
  },
  {
    name: 'waits for an updated pod to be well',
    pods: [member(0), member(1), member(2, { revision: 'db-new', ...unready })],
    want: [],
  },
  {
    name: 'goes on to the next lower ordinal',
    pods: [member(0), member(1), member(2, { revision: 'db-new' })],
    want: ['update db-1'],
  },
  {
    name: 'updates one at a time when parallel too',
    spec: parallel,
    pods: [member(0), member(1), member(2)],
    want: ['update db-2'],
  },
  {
    name: 'does not update below the partition',
    spec: partition(2),
    pods: [member(0), member(1), member(2, { revision: 'db-new' })],
    want: [],
  },
  {
    name: 'makes a lost pod below the partition of the old template',
    spec: partition(2),
    pods: [member(0), member(2, { revision: 'db-new' })],
    want: ['create 1 of db-old'],
  },
  {
    name: 'makes a lost pod above the partition of the new template',
    spec: partition(2),
    pods: [member(0), member(1)],
    want: ['create 2 of db-new'],
  },
  {
    name: 'leaves updates to whoever deletes the pods',
    spec: { updateStrategy: { type: 'OnDelete' } },
    pods: [member(0), member(1), member(2)],
    want: [],
  },
  {
    name: 'gives a pod deleted for its update the new template',
    spec: { updateStrategy: { type: 'OnDelete' } },
    pods: [member(0), member(2)],
    want: ['create 1 of db-new'],
  },
  {
    name: 'gives back labels that a pod lost',
    pods: [pod('db-0', { labels: { app: 'db', [revisionLabel]: 'db-old' } }), member(1), member(2)],
    settled: true,
    want: ['label db-0'],
  },
];
for (const { name, spec = {}, pods, settled = false, want } of rows) {
  test(`a stateful set ${name}`, () => {
    const update = settled ? old : fresh;
    const plan = planStatefulSet({ set: statefulSet(spec), pods, current: old, update, nowMs });
    assert.deepEqual(plan.actions.map(words), want);
  });
}

test('a status counts both revisions, and the update becomes current when all is done', () => {
  const half = planStatefulSet({
    set: statefulSet(),
    pods: [member(0), member(1), member(2, { revision: 'db-new', ...unready })],
    current: old,
    update: fresh,
    nowMs,
  });
  assert.deepEqual(half.status, {
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 2,
    currentReplicas: 2,
    updatedReplicas: 1,
    availableReplicas: 2,
    currentRevision: 'db-old',
    updateRevision: 'db-new',
    collisionCount: 0,
  });
  const all = [0, 1, 2].map((ordinal) => member(ordinal, { revision: 'db-new' }));
  const done = planStatefulSet({
    set: statefulSet(),
    pods: all,
    current: old,
    update: fresh,
    nowMs,
  });
  assert.equal(done.status.currentRevision, 'db-new');
  assert.equal(done.status.currentReplicas, 3);
});

test('a partition keeps the current revision although all pods are well', () => {
  const pods = [member(0), member(1), member(2, { revision: 'db-new' })];
  const set = statefulSet(partition(2));
  const { status } = planStatefulSet({ set, pods, current: old, update: fresh, nowMs });
  assert.equal(status.currentRevision, 'db-old');
  assert.equal(status.updatedReplicas, 1);
});

for (const { name, pod: candidate, want } of [
  { name: 'db-0', pod: pod('db-0'), want: 0 },
  { name: 'db-12', pod: pod('db-12'), want: 12 },
  { name: 'other-0', pod: pod('other-0'), want: undefined },
  { name: 'db-0-x', pod: pod('db-0-x'), want: undefined },
  { name: 'db-a-1', pod: pod('db-a-1'), want: undefined },
]) {
  test(`the ordinal of ${name} is ${want}`, () => {
    assert.equal(ordinalOf(statefulSet(), candidate), want);
  });
}

test('a pod carries its identity', () => {
  const made = podFor(statefulSet(), 1, fresh);
  assert.equal(made.metadata.name, 'db-1');
  assert.equal(made.spec.hostname, 'db-1');
  assert.equal(made.spec.subdomain, 'db');
  assert.equal(made.metadata.labels?.[revisionLabel], 'db-new');
  assert.equal(
    missingLabels(statefulSet(), pod('db-1', { labels: made.metadata.labels }), 1),
    undefined,
  );
});

const style = { hashLabel: 'hash', annotations: 'none' } as const; // the literal is the choice

function revision(name: string, number: number, image: string): ControllerRevision {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: meta(name),
    data: revisionData(statefulSet({ template: template(image, { app: 'db' }) })),
    revision: number,
  };
}

for (const { name, revisions, want } of [
  { name: 'made when there is none', revisions: [], want: 'create 1' },
  { name: 'kept when it is the newest', revisions: [revision('a', 1, 'db:1')], want: 'keep a' },
  {
    name: 'made when the template is new',
    revisions: [revision('a', 1, 'db:0')],
    want: 'create 2',
  },
  {
    name: 'renumbered when the template is an old one again',
    revisions: [revision('a', 1, 'db:1'), revision('b', 2, 'db:2')],
    want: 'renumber a',
  },
]) {
  test(`a revision is ${name}`, () => {
    const plan = planRevision(statefulSet(), revisions, style);
    const about = plan.step === 'create' ? plan.update.revision : plan.update.metadata.name;
    assert.equal(`${plan.step} ${about}`, want);
  });
}

test('a revision holds the whole template', () => {
  const set = statefulSet();
  assert.deepEqual(templateOf(revision('a', 1, 'db:1')), set.spec.template);
});

test('revisions that pods use are never forgotten', () => {
  const all = [1, 2, 3, 4].map((number) => revision(`r${number}`, number, `db:${number}`));
  const set = statefulSet({ revisionHistoryLimit: 1 });
  const gone = forgettableRevisions(set, all, new Set(['r1', 'r4']));
  assert.deepEqual(
    gone.map(({ metadata }) => metadata.name),
    ['r2'],
  );
});
