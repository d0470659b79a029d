import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume } from '@tweendeck/kube';
import { type DirectoryFate, fateOf } from './volume-keeper.ts';

interface Row {
  readonly name: string;
  readonly phase?: string;
  readonly deleted?: boolean;
  readonly policy?: 'Delete' | 'Retain';
  readonly node?: string;
  readonly driver?: string;
  readonly finalizers?: readonly string[];
  readonly want: DirectoryFate;
}
const rows: readonly Row[] = [
  { name: 'of a bound claim stays', phase: 'Bound', deleted: false, want: 'keep' },
  { name: 'of a claim that is gone waits for the deletion', deleted: false, want: 'keep' },
  { name: 'of a deleted volume is removed', want: 'remove' },
  { name: 'of a deleted volume stays while a claim has it', phase: 'Bound', want: 'keep' },
  { name: 'that is to be retained outlives its volume', policy: 'Retain', want: 'leave' },
  { name: 'of another node is not touched', node: 'n2', want: 'keep' },
  { name: 'of another driver is not touched', driver: 'hostpath.csi.k8s.io', want: 'keep' },
  { name: 'is removed once', finalizers: [], want: 'keep' },
];

for (const row of rows) {
  test(`a directory ${row.name}`, () => {
    const { phase = 'Released', deleted = true, policy = 'Delete', node = 'n1' } = row;
    const { driver = 'tweendeck.io/local' } = row;
    const { finalizers = ['tweendeck.io/local-directory'] } = row;
    const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [node] } as const; // the literal is the operator
    const volume: PersistentVolume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name: 'pv',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
        finalizers,
        ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
      },
      spec: {
        csi: { driver, volumeHandle: 'pvc-1' },
        persistentVolumeReclaimPolicy: policy,
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
      },
      status: { phase: phase as 'Bound' | 'Released' },
    };
    assert.equal(fateOf(volume, 'n1'), row.want);
  });
}
