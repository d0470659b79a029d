// Deployments, replica sets, stateful sets, daemon sets and controller revisions.

import type { KindCase } from '../../src/testing/kind-cases.ts';

const apps = (plural: string) => `/apis/apps/v1/namespaces/NS/${plural}`;
const container = { name: 'c', image: 'busybox:1' };
const labels = { a: 'b' };
const template = (spec: object = {}, metadata: object = { labels }) => ({
  metadata,
  spec: { containers: [container], ...spec },
});
const workload = (spec: object = {}, podSpec: object = {}) => ({
  metadata: { name: 'x' },
  spec: { selector: { matchLabels: labels }, template: template(podSpec), ...spec },
});
const of = (plural: string) => (name: string, object: object, more: object = {}): KindCase => ({
  name: `${plural}: ${name}`,
  path: apps(plural),
  object,
  ...more,
});
const [deployment, replicaSet, statefulSet, daemonSet] = ['deployments', 'replicasets', 'statefulsets', 'daemonsets'].map(of) as [
  ReturnType<typeof of>,
  ReturnType<typeof of>,
  ReturnType<typeof of>,
  ReturnType<typeof of>,
];
const revision = of('controllerrevisions');
const claim = (spec: object = {}) => ({
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const statuses: readonly (readonly [string, object])[] = [
  ['a status', { replicas: 2, readyReplicas: 1, observedGeneration: 1 }],
  ['a negative status', { replicas: -1, readyReplicas: -1, availableReplicas: -1, observedGeneration: -1 }],
  ['parts above the whole', { replicas: 1, readyReplicas: 2, availableReplicas: 3 }],
];

const counted = [deployment, replicaSet, statefulSet].flatMap((one) => [
  one('a negative number of pods', workload({ replicas: -1 })),
  one('more replicas', workload(), { change: { spec: { replicas: 3 } } }),
  one('a table', workload(), { table: true }),
  ...statuses.map(([name, status]) => one(name, workload(), { part: 'status', change: { status } })),
]);

const common = [deployment, replicaSet, statefulSet, daemonSet].flatMap((one) => [
  one('defaults', workload()),
  one('no selector', { metadata: { name: 'x' }, spec: { template: template() } }),
  one('no template', { metadata: { name: 'x' }, spec: { selector: { matchLabels: labels } } }),
  one('no specification', { metadata: { name: 'x' } }),
  one('an empty selector', workload({ selector: {} })),
  one('a selector that does not match', workload({ selector: { matchLabels: { c: 'd' } } })),
  one('an invalid selector', workload({ selector: { matchExpressions: [{ key: 'a b', operator: 'Near', values: ['c'] }] } })),
  one('a selector without values', workload({ selector: { matchLabels: labels, matchExpressions: [{ key: 'a', operator: 'In' }, { key: 'a', operator: 'Exists', values: ['x'] }] } })),
  one('invalid labels', workload({ selector: { matchLabels: { 'a b': 'c d' } }, template: template({}, { labels: { 'a b': 'c d' }, annotations: { 'e f': 'g' } }) })),
  one('negative numbers', workload({ minReadySeconds: -1 })),
  one('pods that end', workload({}, { restartPolicy: 'Never', activeDeadlineSeconds: 5 })),
  one('no containers', workload({}, { containers: [] })),
  one('an invalid name', { ...workload(), metadata: { name: 'A_b' } }),
  one('a name with dots', { ...workload(), metadata: { name: 'a.b' } }),
  one('another selector', workload(), { change: { spec: { selector: { matchLabels: { a: 'b', c: null } } } } }),
  one('an immutable selector', workload({ template: template({}, { labels: { a: 'b', c: 'd' } }) }), { change: { spec: { selector: { matchLabels: { c: 'd' } } } } }),
  one('another image', workload(), { change: { spec: { template: { spec: { containers: [{ name: 'c', image: 'busybox:2' }] } } } } }),
  one('a label', workload(), { change: { metadata: { labels: { x: 'y' } } } }),
]);

export const cases: readonly KindCase[] = [
  ...common,
  ...counted,
  deployment('an unknown strategy', workload({ strategy: { type: 'Wild' } })),
  daemonSet('an unknown strategy', workload({ updateStrategy: { type: 'Wild' } })),
  deployment('parts of its own', workload(), { part: 'status', change: { status: { replicas: 1, updatedReplicas: 2, collisionCount: -1 } } }),
  statefulSet('parts of its own', workload(), { part: 'status', change: { status: { replicas: 1, updatedReplicas: 2, currentReplicas: 2, collisionCount: -1 } } }),
  deployment('recreation', workload({ strategy: { type: 'Recreate' } })),
  deployment('recreation with numbers', workload({ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } })),
  deployment('rolling by nothing', workload({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } })),
  deployment('rolling by too much', workload({ strategy: { rollingUpdate: { maxSurge: '200%', maxUnavailable: '101%' } } })),
  deployment('rolling by nonsense', workload({ strategy: { rollingUpdate: { maxSurge: 'x', maxUnavailable: -1 } } })),
  deployment('a deadline too early', workload({ progressDeadlineSeconds: 10, minReadySeconds: 10 })),
  deployment('a negative deadline', workload({ progressDeadlineSeconds: -1 })),
  deployment('conditions without times', workload(), { part: 'status', change: { status: { conditions: [{ type: 'Available', status: 'True' }] } } }),
  deployment('a paused one', workload({ paused: true }), { table: true }),
  deployment('warnings of a template', workload({}, { containers: [{ ...container, env: [{ name: 'A', value: '1' }, { name: 'A', value: '2' }], ports: [{ containerPort: 80, name: 'p' }, { containerPort: 80 }] }, { name: 'd', image: 'x', ports: [{ containerPort: 81, name: 'p' }], resources: { limits: { memory: '1m' } } }], terminationGracePeriodSeconds: -1, imagePullSecrets: [{ name: 's' }, { name: 's' }, {}] })),
  deployment('a scale', workload(), { part: 'scale', change: { spec: { replicas: 2 } } }),
  deployment('a negative scale', workload(), { part: 'scale', change: { spec: { replicas: -2 } } }),
  statefulSet('another service name', workload({ serviceName: 'one' }), { change: { spec: { serviceName: 'two' } } }),
  statefulSet('an invalid service name', workload({ serviceName: 'A_b' })),
  statefulSet('an unknown management', workload({ podManagementPolicy: 'Chaos' })),
  statefulSet('an unknown strategy', workload({ updateStrategy: { type: 'Wild' } })),
  statefulSet('deletion with numbers', workload({ updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } })),
  statefulSet('a negative partition', workload({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: -1, maxUnavailable: 2 } } })),
  statefulSet('a strategy without numbers', workload({ updateStrategy: { type: 'RollingUpdate' } })),
  statefulSet('negative ordinals', workload({ ordinals: { start: -1 } })),
  statefulSet('an unknown retention', workload({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Burn' } })),
  statefulSet('with claims', workload({ volumeClaimTemplates: [claim()] }, { containers: [{ ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] }] })),
  statefulSet('with invalid claims', workload({ volumeClaimTemplates: [claim({ accessModes: [], resources: {} }), claim({ accessModes: ['Everything'], storageClassName: 'A b' })] })),
  statefulSet('other claims', workload({ volumeClaimTemplates: [claim()] }), { change: { spec: { volumeClaimTemplates: [] } } }),
  statefulSet('a partition later', workload(), { change: { spec: { updateStrategy: { rollingUpdate: { partition: 2 } }, minReadySeconds: 3, ordinals: { start: 2 } } } }),
  daemonSet('on delete', workload({ updateStrategy: { type: 'OnDelete' } })),
  daemonSet('a surge', workload({ updateStrategy: { rollingUpdate: { maxSurge: '10%', maxUnavailable: 0 } } })),
  daemonSet('a surge and holes', workload({ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } })),
  daemonSet('neither surge nor holes', workload({ updateStrategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } })),
  daemonSet('too much surge', workload({ updateStrategy: { rollingUpdate: { maxSurge: '101%', maxUnavailable: 0 } } })),
  daemonSet('nonsense', workload({ updateStrategy: { rollingUpdate: { maxSurge: 'x', maxUnavailable: -1 } } })),
  daemonSet('a status of its own', workload(), { part: 'status', change: { status: { currentNumberScheduled: -1, numberReady: -1, desiredNumberScheduled: 3, collisionCount: 2 } } }),
  daemonSet('the generation of the template', workload(), { change: { metadata: { annotations: { 'deprecated.daemonset.template.generation': '7' } }, spec: { template: { metadata: { labels: { x: 'y' } } } } } }),
  revision('a revision', { metadata: { name: 'x' }, revision: 1, data: { a: 1 } }),
  revision('a revision without data', { metadata: { name: 'x' }, revision: 1 }),
  revision('a negative revision', { metadata: { name: 'x' }, revision: -1, data: { a: 1 } }),
  revision('other data', { metadata: { name: 'x' }, revision: 1, data: { a: 1 } }, { change: { data: { a: 2 } } }),
  revision('a higher revision', { metadata: { name: 'x' }, revision: 1, data: { a: 1 } }, { change: { revision: 2 } }),
  revision('a table of a revision', { metadata: { name: 'x' }, revision: 1, data: { a: 1 } }, { table: true }),
];
