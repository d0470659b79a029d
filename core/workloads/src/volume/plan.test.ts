import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@tweendeck/kube';
import { node, storageClass, volume, volumeClaim } from '../testing/objects.ts';
import { type ClaimAction, phaseOfVolume, planClaim } from './plan.ts';

const later = storageClass('fast', { volumeBindingMode: 'WaitForFirstConsumer' });
const now = storageClass('fast');
const selected = { annotations: { 'volume.kubernetes.io/selected-node': 'n2' } };
const asked = { 'volume.kubernetes.io/storage-provisioner': 'tweendeck.io/local' };
const reserved = { namespace: 'default', name: 'data', uid: 'uid-data' };
const bound: Parameters<typeof volumeClaim>[2] = {
  annotations: { 'pv.kubernetes.io/bind-completed': 'yes' },
  phase: 'Bound',
};

interface Row {
  readonly name: string;
  readonly claim?: PersistentVolumeClaim;
  readonly volumes?: readonly PersistentVolume[];
  readonly storageClass?: StorageClass | 'none';
  readonly want: string;
}
const rows: readonly Row[] = [
  {
    name: 'takes the smallest volume that is large enough',
    volumes: [
      volume('l', { size: '9Gi' }),
      volume('s', { size: '1Mi' }),
      volume('m', { size: '2Gi' }),
    ],
    want: 'bind m',
  },
  {
    name: 'leaves volumes that are reserved, of another class or mode, or go',
    volumes: [
      volume('a', { claimRef: { namespace: 'default', name: 'other' } }),
      volume('b', { storageClassName: 'slow' }),
      volume('c', { accessModes: ['ReadOnlyMany'] }),
      volume('d', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      volume('e', {}, { phase: 'Released' }),
    ],
    want: 'ask ExternalProvisioning',
  },
  {
    name: 'takes the volume reserved for it before others',
    volumes: [volume('a'), volume('b', { size: '5Gi', claimRef: reserved })],
    want: 'bind b',
  },
  {
    name: 'that names its volume gets no other',
    claim: volumeClaim('data', { volumeName: 'b' }),
    volumes: [volume('a')],
    want: 'rest Pending',
  },
  {
    name: 'that names a free volume gets it',
    claim: volumeClaim('data', { volumeName: 'b' }),
    volumes: [volume('b')],
    want: 'bind b',
  },
  {
    name: 'chooses by labels where it says so',
    claim: volumeClaim('data', { selector: { matchLabels: { disk: 'ssd' } } }),
    volumes: [volume('a'), volume('b', {}, { labels: { disk: 'ssd' } })],
    want: 'bind b',
  },
  {
    name: 'waits for its first pod',
    storageClass: later,
    volumes: [volume('a')],
    want: 'rest Pending WaitForFirstConsumer',
  },
  {
    name: 'takes a volume of the node of its first pod',
    storageClass: later,
    claim: volumeClaim('data', {}, selected),
    volumes: [volume('a', { node: 'n1' }), volume('b', { node: 'n2' })],
    want: 'bind b',
  },
  {
    name: 'has a volume made on the node of its first pod',
    storageClass: later,
    claim: volumeClaim('data', {}, { annotations: { ...asked, ...selected.annotations } }),
    want: 'provision n2',
  },
  {
    name: 'gives up a node that is gone',
    storageClass: later,
    claim: volumeClaim(
      'data',
      {},
      { annotations: { ...asked, 'volume.kubernetes.io/selected-node': 'n9' } },
    ),
    want: 'ask ProvisioningFailed',
  },
  {
    name: 'has a volume made at once',
    claim: volumeClaim('data', {}, { annotations: asked }),
    want: 'provision n1',
  },
  {
    name: 'cannot be a device',
    claim: volumeClaim('data', { volumeMode: 'Block' }, { annotations: asked }),
    want: 'rest Pending ProvisioningFailed',
  },
  {
    name: 'is left to another provisioner',
    storageClass: storageClass('fast', { provisioner: 'ebs.csi.aws.com' }),
    claim: volumeClaim(
      'data',
      {},
      { annotations: { 'volume.kubernetes.io/storage-provisioner': 'ebs.csi.aws.com' } },
    ),
    want: 'rest Pending',
  },
  {
    name: 'of no class waits for a volume',
    storageClass: 'none',
    claim: volumeClaim('data', { storageClassName: '' }),
    want: 'rest Pending FailedBinding',
  },
  {
    name: 'of a missing class says so',
    storageClass: 'none',
    want: 'rest Pending ProvisioningFailed',
  },
  {
    name: 'that is bound is told so until its status says it',
    claim: volumeClaim('data', { volumeName: 'a' }, bound),
    volumes: [volume('a', { claimRef: reserved })],
    want: 'bind a',
  },
  {
    name: 'without its volume is lost',
    claim: volumeClaim('data', { volumeName: 'a' }, bound),
    want: 'rest Lost ClaimLost',
  },
  {
    name: 'whose volume is bound to another is lost',
    claim: volumeClaim('data', { volumeName: 'a' }, bound),
    volumes: [volume('a', { claimRef: { ...reserved, uid: 'other' } })],
    want: 'rest Lost ClaimMisbound',
  },
  {
    name: 'grows',
    storageClass: storageClass('fast', { allowVolumeExpansion: true }),
    claim: volumeClaim('data', { volumeName: 'a', size: '2Gi' }, bound),
    volumes: [
      volume('a', { claimRef: reserved, csi: { driver: 'tweendeck.io/local', volumeHandle: 'a' } }),
    ],
    want: 'grow a',
  },
];

function words(action: ClaimAction): string {
  const event = 'event' in action && action.event ? ` ${action.event.reason}` : '';
  switch (action.action) {
    case 'rest':
      return `rest ${action.phase}${event}`;
    case 'ask':
      return `ask${event}`;
    case 'provision':
      return `provision ${action.nodeName}`;
    case 'bind':
    case 'grow':
      return `${action.action} ${action.volume.metadata.name}`;
  }
}

for (const row of rows) {
  test(`a claim ${row.name}`, () => {
    const { claim = volumeClaim('data'), volumes = [] } = row;
    const known = row.storageClass === 'none' ? undefined : (row.storageClass ?? now);
    const nodes = [node('n1'), node('n2')];
    assert.equal(words(planClaim({ claim, volumes, storageClass: known, nodes })), row.want);
  });
}

const phases: readonly (readonly [
  string,
  PersistentVolume,
  PersistentVolumeClaim | undefined,
  string | undefined,
])[] = [
  ['free is available', volume('a'), undefined, 'Available'],
  [
    'reserved for a name is available',
    volume('a', { claimRef: { namespace: 'default', name: 'data' } }),
    undefined,
    'Available',
  ],
  [
    'of its claim is bound',
    volume('a', { claimRef: reserved }),
    volumeClaim('data', { volumeName: 'a' }),
    'Bound',
  ],
  [
    'whose claim does not know yet stays as it is',
    volume('a', { claimRef: reserved }),
    volumeClaim('data'),
    undefined,
  ],
  ['whose claim is gone is released', volume('a', { claimRef: reserved }), undefined, 'Released'],
  [
    'whose claim is another of the name is released',
    volume('a', { claimRef: reserved }),
    volumeClaim('data', { volumeName: 'a' }, { uid: 'other' }),
    'Released',
  ],
];
for (const [name, subject, claim, want] of phases) {
  test(`a volume ${name}`, () => {
    assert.equal(phaseOfVolume({ volume: subject, claim }), want);
  });
}
