// Volumes, claims, classes of both and of priority, disruption budgets.

import type { KindCase } from '../../src/testing/kind-cases.ts';

const claims = '/api/v1/namespaces/NS/persistentvolumeclaims';
const volumes = '/api/v1/persistentvolumes';
const classes = '/apis/storage.k8s.io/v1/storageclasses';
const priorities = '/apis/scheduling.k8s.io/v1/priorityclasses';
const budgets = '/apis/policy/v1/namespaces/NS/poddisruptionbudgets';

const claim = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: 'x', ...metadata },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const volume = (spec: object = {}) => ({
  metadata: { generateName: 'case-' },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/tmp/x' }, ...spec },
});
const onNode = (values: readonly string[] = ['n']) => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] }] } },
});
const one = (name: string, path: string, object: object, more: object = {}): KindCase => ({ name, path, object, ...more });
const cls = (fields: object = {}) => ({ metadata: { generateName: 'case-' }, provisioner: 'example.com/x', ...fields });
const priority = (fields: object = {}) => ({ metadata: { generateName: 'case-' }, value: 5, ...fields });
const budget = (spec: object = {}) => ({ metadata: { name: 'x' }, spec });

export const cases: readonly KindCase[] = [
  one('a claim', claims, claim()),
  one('a claim without anything', claims, { metadata: { name: 'x' } }),
  one('a claim of nothing', claims, claim({ resources: { requests: { storage: '0' } } })),
  one('a claim of less than nothing', claims, claim({ resources: { requests: { storage: '-1Gi' } } })),
  one('a claim of a fraction', claims, claim({ resources: { requests: { storage: '1500m' } } })),
  one('a claim without modes', claims, claim({ accessModes: [] })),
  one('a claim with unknown modes', claims, claim({ accessModes: ['ReadWriteOncePod', 'ReadWriteMany', 'Shout'], volumeMode: 'Tape' })),
  one('a claim with an invalid class', claims, claim({ storageClassName: 'A b' })),
  one('a claim of the class without name', claims, claim({ storageClassName: '' })),
  one('a claim with an invalid selector', claims, claim({ selector: { matchExpressions: [{ key: 'a b', operator: 'In' }] } })),
  one('a claim from another', claims, claim({ dataSource: { kind: 'PersistentVolumeClaim', name: 'y' } })),
  one('a claim from nothing', claims, claim({ dataSourceRef: { kind: 'X', name: '' } })),
  one('a claim with an invalid name', claims, claim({}, { name: 'A b' })),
  one('a claim with a volume', claims, claim(), { change: { spec: { volumeName: 'v' } } }),
  one('a claim’s status', claims, claim(), { part: 'status', change: { status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] } } }),
  one('a claim’s impossible status', claims, claim(), { part: 'status', change: { status: { capacity: { storage: '-1Gi' } } } }),
  one('a table of a claim', claims, claim({ storageClassName: 'fast' }), { table: true }),
  one('a volume', volumes, volume()),
  one('a volume without anything', volumes, { metadata: { name: 'case-empty' } }),
  one('a volume of nothing', volumes, volume({ capacity: { storage: '0' } })),
  one('a volume of other things', volumes, volume({ capacity: { cpu: '1' } })),
  one('a volume with unknown words', volumes, volume({ accessModes: ['Shout'], persistentVolumeReclaimPolicy: 'Burn', volumeMode: 'Tape', storageClassName: 'A b' })),
  one('a volume of two kinds', volumes, volume({ nfs: { server: 's', path: '/p' } })),
  one('a local volume', volumes, volume({ hostPath: undefined, local: { path: '/data' }, ...onNode() })),
  one('a local volume anywhere', volumes, volume({ hostPath: undefined, local: { path: '/data' } })),
  one('a local volume of nothing', volumes, volume({ hostPath: undefined, local: { path: '' }, ...onNode() })),
  one('a path backwards', volumes, volume({ hostPath: { path: '/a/../b', type: 'Cat' } })),
  one('recycling the root', volumes, volume({ hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' })),
  one('a volume on no node', volumes, volume({ nodeAffinity: {} })),
  one('a volume on nodes of nonsense', volumes, volume({ nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a b', operator: 'Near', values: ['c d'] }, { key: 'x', operator: 'In' }, { key: 'x', operator: 'Gt', values: [] }], matchFields: [{ key: 'spec.x', operator: 'Exists' }] }] } } })),
  one('another policy of a volume', volumes, volume(), { change: { spec: { persistentVolumeReclaimPolicy: 'Delete' } } }),
  one('more room of a volume', volumes, volume(), { change: { spec: { capacity: { storage: '2Gi' } } } }),
  one('another mode of a volume', volumes, volume(), { change: { spec: { volumeMode: 'Block' } } }),
  one('a volume’s status', volumes, volume(), { part: 'status', change: { status: { phase: 'Bound' } } }),
  one('a storage class', classes, cls()),
  one('a storage class without provisioner', classes, { metadata: { generateName: 'case-' } }),
  one('a storage class with unknown words', classes, cls({ provisioner: 'a b', reclaimPolicy: 'Burn', volumeBindingMode: 'Soon', parameters: { '': 'x' } })),
  one('a storage class that may expand', classes, cls({ allowVolumeExpansion: true, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' })),
  one('another provisioner', classes, cls(), { change: { provisioner: 'example.com/y', parameters: { a: 'b' }, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' } }),
  one('a storage class that may expand later', classes, cls(), { change: { allowVolumeExpansion: true } }),
  one('a priority class', priorities, priority()),
  one('a priority class by default', priorities, priority({ globalDefault: false, description: 'd' })),
  one('a priority too high', priorities, priority({ value: 1_000_000_001 })),
  one('a priority of the system', priorities, { metadata: { name: 'system-x' }, value: 1 }),
  one('an unknown preemption', priorities, priority({ preemptionPolicy: 'Sometimes' })),
  one('another value', priorities, priority(), { change: { value: 6 } }),
  one('another preemption', priorities, priority(), { change: { preemptionPolicy: 'Never' } }),
  one('another description', priorities, priority(), { change: { description: 'x' } }),
  one('a priority class without value', priorities, { metadata: { generateName: 'case-' } }),
  one('a budget', budgets, budget({ minAvailable: 1, selector: { matchLabels: { a: 'b' } } })),
  one('a budget of nothing', budgets, { metadata: { name: 'x' } }),
  one('a budget above all', budgets, budget({ minAvailable: '101%' })),
  one('a budget below nothing', budgets, budget({ maxUnavailable: -1 })),
  one('a budget of nonsense', budgets, budget({ maxUnavailable: 'x', selector: { matchLabels: { 'a b': 'c d' } }, unhealthyPodEvictionPolicy: 'Never' })),
  one('another budget', budgets, budget({ minAvailable: 1 }), { change: { spec: { minAvailable: 2 } } }),
  one('a budget’s status', budgets, budget({ minAvailable: 1 }), { part: 'status', change: { status: { disruptionsAllowed: 1, observedGeneration: 1, disruptedPods: { p: '2026-01-01T00:00:00Z' } } } }),
  one('a budget’s impossible status', budgets, budget({ minAvailable: 1 }), { part: 'status', change: { status: { disruptionsAllowed: -1, currentHealthy: -1, desiredHealthy: -1, expectedPods: -1 } } }),
  one('a table of a budget', budgets, budget({ maxUnavailable: '50%' }), { table: true }),
];
