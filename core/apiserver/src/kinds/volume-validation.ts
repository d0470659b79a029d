// What volumes of pods must be: a name of their own, and one source. Rules and texts: upstream's core validation.

import {
  dnsLabelProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  parseQuantity,
  quantityProblem,
  validateLabels,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { annotationProblems } from '../metadata.ts';
import { claimSpecProblems } from './claim-validation.ts';
import { fieldReferenceProblems, resourceReferenceProblems } from './environment-validation.ts';
import { noBackstepProblems, volumePathProblems } from './path-checks.ts';

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Problems of the volumes under `base`, and those volumes that have none. */
export function checkVolumes(
  volumes: readonly Fields[],
  base: FieldPath,
  podName: string,
): { readonly problems: readonly FieldError[]; readonly known: ReadonlyMap<string, Fields> } {
  const known = new Map<string, Fields>();
  const made = volumes
    .filter((volume) => podName !== '' && isJsonObject(volume['ephemeral']))
    .map((volume) => `${podName}-${textAt(volume, 'name')}`);
  const problems = volumes.flatMap((volume, position) => {
    const at = base.index(position);
    const name = textAt(volume, 'name');
    const field = at.child('name');
    const own = [
      ...sourceProblems(volume, at),
      ...(name === ''
        ? [fieldRequired(field)]
        : dnsLabelProblems(name).map((text) => fieldInvalid(field, name, text))),
      ...(known.has(name) ? [fieldDuplicate(field, name)] : []),
    ];
    if (own.length === 0) known.set(name, volume);
    const claim = textAt(volume['persistentVolumeClaim'], 'claimName');
    if (claim === '' || !made.includes(claim)) return own;
    const detail = 'must not reference a PVC that gets created for an ephemeral volume';
    return [...own, fieldInvalid(at.child('persistentVolumeClaim', 'claimName'), claim, detail)];
  });
  return { problems, known };
}

/** Sources in the order in which they are looked at: all but the first are too many. */
const kinds = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
];

function sourceProblems(volume: Fields, at: FieldPath): readonly FieldError[] {
  const named = kinds.filter((key) => isJsonObject(volume[key]));
  if (named.length === 0) return [fieldRequired(at, 'must specify a volume type')];
  return named.flatMap((key, position) =>
    position === 0
      ? oneSourceProblems(key, objectAt(volume, key), at.child(key))
      : [fieldForbidden(at.child(key), 'may not specify more than 1 volume type')],
  );
}

function oneSourceProblems(kind: string, source: Fields, at: FieldPath): readonly FieldError[] {
  switch (kind) {
    case 'emptyDir':
      return sizeProblems(source, at.child('sizeLimit'));
    case 'hostPath':
      return hostPathProblems(source, at);
    case 'secret':
      return [...required(source, 'secretName', at), ...itemProblems(source, at)];
    case 'configMap':
      return [...required(source, 'name', at), ...itemProblems(source, at)];
    case 'persistentVolumeClaim':
      return required(source, 'claimName', at);
    case 'nfs': {
      const path = textAt(source, 'path');
      const detail = 'must be an absolute path';
      return [
        ...required(source, 'server', at),
        ...required(source, 'path', at),
        ...(path.startsWith('/') ? [] : [fieldInvalid(at.child('path'), path, detail)]),
      ];
    }
    case 'downwardAPI':
      return [
        ...modeProblems(source, 'defaultMode', at),
        ...listAt(source, 'items').flatMap((item) => downwardProblems(item, at)),
      ];
    case 'projected':
      return [...modeProblems(source, 'defaultMode', at), ...projectionProblems(source, at)];
    case 'ephemeral':
      return ephemeralProblems(source, at);
    default:
      return [];
  }
}

function hostPathProblems(source: Fields, at: FieldPath): readonly FieldError[] {
  const path = textAt(source, 'path');
  const type = textAt(source, 'type');
  if (path === '') return [fieldRequired(at.child('path'))];
  return [
    ...noBackstepProblems(path, at.child('path')),
    ...(hostPathTypes.includes(type)
      ? []
      : [fieldNotSupported(at.child('type'), type, hostPathTypes)]),
  ];
}

function ephemeralProblems(source: Fields, at: FieldPath): readonly FieldError[] {
  const template = source['volumeClaimTemplate'];
  const field = at.child('volumeClaimTemplate');
  if (!isJsonObject(template)) return [fieldRequired(field)];
  const metadata = objectAt(template, 'metadata');
  const base = field.child('metadata');
  // Maps of texts: their shape was checked when the body came in.
  const labels = objectAt(metadata, 'labels') as Record<string, string>;
  const annotations = objectAt(metadata, 'annotations') as Record<string, string>; // likewise
  return [
    ...annotationProblems(annotations, base.child('annotations')),
    ...validateLabels(labels, base.child('labels')),
    ...claimSpecProblems(objectAt(template, 'spec'), field.child('spec')),
  ];
}

function required(source: Fields, key: string, at: FieldPath): readonly FieldError[] {
  return textAt(source, key) === '' ? [fieldRequired(at.child(key))] : [];
}

function sizeProblems({ sizeLimit }: Fields, at: FieldPath): readonly FieldError[] {
  if (typeof sizeLimit !== 'string' && typeof sizeLimit !== 'number') return [];
  const problem = quantityProblem(sizeLimit);
  if (problem !== undefined) return [fieldInvalid(at, sizeLimit, problem)];
  const detail = 'SizeLimit field must be a valid resource quantity';
  return parseQuantity(sizeLimit).nanos < 0n ? [fieldForbidden(at, detail)] : [];
}

function modeProblems(source: Fields, key: string, at: FieldPath): readonly FieldError[] {
  const mode = numberAt(source, key);
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  const detail = 'must be a number between 0 and 0777 (octal), both inclusive';
  return [fieldInvalid(at.child(key), mode, detail)];
}

function itemProblems(source: Fields, at: FieldPath): readonly FieldError[] {
  return [
    ...modeProblems(source, 'defaultMode', at),
    ...listAt(source, 'items').flatMap((item, position) =>
      keyProblems(item, at.child('items').index(position)),
    ),
  ];
}

function keyProblems(item: Fields, at: FieldPath): readonly FieldError[] {
  return [
    ...required(item, 'key', at),
    ...required(item, 'path', at),
    ...volumePathProblems(textAt(item, 'path'), at.child('path')),
    ...modeProblems(item, 'mode', at),
  ];
}

const volumeFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** As upstream, the path does not tell which item it is. */
function downwardProblems(item: Fields, at: FieldPath): readonly FieldError[] {
  const { fieldRef, resourceFieldRef } = item;
  const problems: FieldError[] = [
    ...required(item, 'path', at),
    ...volumePathProblems(textAt(item, 'path'), at.child('path')),
  ];
  if (isJsonObject(fieldRef)) {
    problems.push(...fieldReferenceProblems(fieldRef, at.child('fieldRef'), volumeFields));
    if (isJsonObject(resourceFieldRef)) {
      const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      problems.push(fieldInvalid(at, 'resource', detail));
    }
  } else if (isJsonObject(resourceFieldRef)) {
    const field = at.child('resourceFieldRef');
    problems.push(...resourceReferenceProblems(resourceFieldRef, field, { ofVolume: true }));
  } else problems.push(fieldRequired(at, 'one of fieldRef and resourceFieldRef is required'));
  return [...problems, ...modeProblems(item, 'mode', at)];
}

const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;

function projectionProblems(projected: Fields, base: FieldPath): readonly FieldError[] {
  const paths = new Set<string>();
  const taken = (path: string, shown: string): readonly FieldError[] => {
    if (path === '') return [];
    if (paths.has(path)) return [fieldInvalid(base, shown, 'conflicting duplicate paths')];
    paths.add(path);
    return [];
  };
  return listAt(projected, 'sources').flatMap((source, position) => {
    const at = base.child('sources').index(position);
    const problems: FieldError[] = [];
    let count = 0;
    for (const key of ['secret', 'configMap']) {
      const fields = source[key];
      if (!isJsonObject(fields)) continue;
      count++;
      problems.push(...required(fields, 'name', at.child(key)));
      for (const [index, item] of listAt(fields, 'items').entries()) {
        problems.push(
          ...keyProblems(item, at.child(key, 'items').index(index)),
          ...taken(textAt(item, 'path'), textAt(fields, 'name')),
        );
      }
    }
    if (isJsonObject(source['downwardAPI'])) {
      count++;
      for (const item of listAt(source['downwardAPI'], 'items')) {
        const path = textAt(item, 'path');
        problems.push(...downwardProblems(item, at.child('downwardAPI')), ...taken(path, path));
      }
    }
    const token = source['serviceAccountToken'];
    if (isJsonObject(token)) {
      count++;
      problems.push(...tokenProblems(token, at.child('serviceAccountToken'), base.child('path')));
    }
    for (const key of ['clusterTrustBundle', 'podCertificate']) {
      if (isJsonObject(source[key])) count++;
    }
    if (count > 1) {
      problems.push(fieldForbidden(at, 'may not specify more than 1 volume type per source'));
    }
    return problems;
  });
}

/** As upstream, its path is told as one of the whole volume. */
function tokenProblems(token: Fields, at: FieldPath, pathAt: FieldPath): readonly FieldError[] {
  const seconds = numberAt(token, 'expirationSeconds') ?? 0;
  const path = textAt(token, 'path');
  const field = at.child('expirationSeconds');
  const problems: FieldError[] = [];
  if (seconds < tokenSecondsMin) {
    problems.push(fieldInvalid(field, seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > tokenSecondsMax) {
    const detail = 'may not specify a duration larger than 2^32 seconds';
    problems.push(fieldInvalid(field, seconds, detail));
  }
  if (path === '') problems.push(fieldRequired(pathAt));
  else problems.push(...volumePathProblems(path, pathAt));
  return problems;
}
