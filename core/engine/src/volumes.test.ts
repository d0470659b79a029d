// Which volumes grow, and what is waited for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim, StatefulSet } from '@tweendeck/kube';
import { memberLabel } from './labels.ts';
import { renderCluster } from './render.ts';
import { toyCluster, toyEngine } from './testing/toy-engine.ts';
import { planVolumes, withKeptClaims } from './volumes.ts';

const members = [
  { name: 'c-data-0-0', place: { group: 'data', shard: 0, ordinal: 0 } },
  { name: 'c-watch-0', place: { group: 'watch', shard: 0, ordinal: 0 } },
];

const claimOf = (member: string, request: string, capacity?: string): PersistentVolumeClaim => ({
  ...({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' } as const),
  metadata: {
    ...{ name: `data-${member}-0`, uid: member, resourceVersion: '1' },
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { [memberLabel]: member },
  },
  spec: { resources: { requests: { storage: request } } },
  ...(capacity === undefined ? {} : { status: { capacity: { storage: capacity } } }),
});

function planned(size: string | number, claims: readonly PersistentVolumeClaim[]) {
  const group = { members: 1, resources: { limits: {} } };
  const { growths, waits } = planVolumes(
    { groups: { data: { ...group, storage: { size } }, watch: group } },
    members,
    claims,
  );
  return { growths: growths.map(({ claim, from, to }) => `${claim}: ${from} to ${to}`), waits };
}

for (const { name, size, claims, growths, waits } of [
  { name: 'as large as asked for', size: '1Gi', claims: [claimOf('c-data-0-0', '1Gi', '1Gi')] },
  { name: 'the same in other words', size: 1_073_741_824, claims: [claimOf('c-data-0-0', '1Gi')] },
  { name: 'larger than asked for', size: '1Gi', claims: [claimOf('c-data-0-0', '2Gi', '2Gi')] },
  {
    name: 'smaller than asked for',
    size: '2Gi',
    claims: [claimOf('c-data-0-0', '1Gi', '1Gi')],
    growths: ['data-c-data-0-0-0: 1Gi to 2Gi'],
    waits: 'the volume data-c-data-0-0-0 is to grow to 2Gi',
  },
  {
    name: 'asked for and not there yet',
    size: '2Gi',
    claims: [claimOf('c-data-0-0', '2Gi', '1Gi')],
    waits: 'the volume data-c-data-0-0-0 is to grow to 2Gi',
  },
  { name: 'not made yet', size: '2Gi', claims: [] },
  { name: "somebody else's", size: '2Gi', claims: [claimOf('d-data-0-0', '1Gi')] },
  { name: 'of a group without volumes', size: '2Gi', claims: [claimOf('c-watch-0', '1Gi')] },
] as readonly {
  name: string;
  size: string | number;
  claims: readonly PersistentVolumeClaim[];
  growths?: readonly string[];
  waits?: string;
}[]) {
  test(`a volume ${name}`, () => {
    assert.deepEqual(planned(size, claims), { growths: growths ?? [], waits });
  });
}

test('a workload keeps the claims it was made with', () => {
  const engine = toyEngine(() => ({ role: 'peer', synced: true, facts: null }));
  const cluster = toyCluster({
    groups: { data: { members: 1, resources: { limits: {} }, storage: { size: '2Gi' } } },
  });
  const [first] = renderCluster(engine, cluster).members;
  assert.ok(first);
  const volumeClaimTemplates = [claimOf('c-data-0-0', '1Gi')];
  // Only what it looks at.
  const present = { spec: { volumeClaimTemplates } } as unknown as StatefulSet;
  const { spec } = withKeptClaims(first.workload, present) as unknown as StatefulSet;
  assert.deepEqual(spec.volumeClaimTemplates, volumeClaimTemplates);
  assert.equal(withKeptClaims(first.workload, undefined), first.workload);
});
