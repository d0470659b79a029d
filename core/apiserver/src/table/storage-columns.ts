// How volumes, claims and their classes are shown.

import { type Draft, objectAt, textAt } from '../draft.ts';
import { ageColumn, columnsOf, nameColumn, type TableColumns } from './table.ts';

const modeWords: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function modesText(holder: unknown): string {
  const modes = objectAt({ holder }, 'holder')['accessModes'];
  const given = new Set(Array.isArray(modes) ? modes : []);
  const known = Object.entries(modeWords).filter(([mode]) => given.has(mode));
  return known.map(([, word]) => word).join(',');
}

function phaseText({ metadata, status }: Draft): string {
  return metadata.deletionTimestamp === undefined ? textAt(status, 'phase') : 'Terminating';
}

const betaClass = 'volume.beta.kubernetes.io/storage-class';

function classText({ metadata, spec }: Draft): string {
  return metadata.annotations?.[betaClass] ?? textAt(spec, 'storageClassName');
}

const attributesText = ({ spec }: Draft): string =>
  textAt(spec, 'volumeAttributesClassName') || '<unset>';
const volumeMode = {
  name: 'VolumeMode',
  priority: 1,
  cell: ({ spec }: Draft) => textAt(spec, 'volumeMode') || '<unset>',
};

export const volumeColumns: TableColumns = columnsOf([
  nameColumn,
  {
    name: 'Capacity',
    cell: ({ spec }) => textAt(objectAt(spec, 'capacity'), 'storage') || '0',
  },
  { name: 'Access Modes', cell: ({ spec }) => modesText(spec) },
  { name: 'Reclaim Policy', cell: ({ spec }) => textAt(spec, 'persistentVolumeReclaimPolicy') },
  { name: 'Status', cell: phaseText },
  { name: 'Claim', cell: claimText },
  { name: 'StorageClass', cell: classText },
  { name: 'VolumeAttributesClass', cell: attributesText },
  { name: 'Reason', cell: ({ status }) => textAt(status, 'reason') },
  ageColumn,
  volumeMode,
]);

function claimText({ spec }: Draft): string {
  const claim = objectAt({ spec }, 'spec')['claimRef'];
  if (claim === undefined) return '';
  return `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`;
}

export const claimColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Status', cell: phaseText },
  { name: 'Volume', cell: ({ spec }) => textAt(spec, 'volumeName') },
  {
    name: 'Capacity',
    cell: ({ spec, status }) =>
      textAt(spec, 'volumeName') === ''
        ? ''
        : textAt(objectAt(status, 'capacity'), 'storage') || '0',
  },
  {
    name: 'Access Modes',
    cell: ({ spec, status }) => (textAt(spec, 'volumeName') === '' ? '' : modesText(status)),
  },
  { name: 'StorageClass', cell: classText },
  { name: 'VolumeAttributesClass', cell: attributesText },
  ageColumn,
  volumeMode,
]);

/** Marks the class of claims that name none. */
const defaultClassAnnotation = 'storageclass.kubernetes.io/is-default-class';
const betaDefaultAnnotation = 'storageclass.beta.kubernetes.io/is-default-class';

export function isDefaultClass({ metadata: { annotations = {} } }: Draft): boolean {
  return [defaultClassAnnotation, betaDefaultAnnotation].some((key) => annotations[key] === 'true');
}

export const storageClassColumns: TableColumns = columnsOf([
  {
    ...nameColumn,
    cell: (object) => `${object.metadata.name}${isDefaultClass(object) ? ' (default)' : ''}`,
  },
  { name: 'Provisioner', cell: (object) => textAt(object, 'provisioner') },
  { name: 'ReclaimPolicy', cell: (object) => textAt(object, 'reclaimPolicy') || 'Delete' },
  {
    name: 'VolumeBindingMode',
    cell: (object) => textAt(object, 'volumeBindingMode') || 'Immediate',
  },
  { name: 'AllowVolumeExpansion', cell: (object) => object['allowVolumeExpansion'] === true },
  ageColumn,
]);
