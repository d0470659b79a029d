// Where containers have their volumes. Rules and texts: upstream's core validation.

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, objectAt, textAt } from '../draft.ts';
import { descendingPathProblems, noBackstepProblems } from './path-checks.ts';

/** The volumes of the pod that are in order, by name. */
export type Volumes = ReadonlyMap<string, Fields>;

const propagations = ['Bidirectional', 'HostToContainer', 'None'];
const recursions = ['Disabled', 'Enabled', 'IfPossible'];

export function mountProblems(
  container: Fields,
  volumes: Volumes,
  base: FieldPath,
): readonly FieldError[] {
  const devices = listAt(container, 'volumeDevices');
  const deviceNames = new Set(devices.map((each) => textAt(each, 'name')));
  const devicePaths = new Set(devices.map((each) => textAt(each, 'devicePath')));
  const paths = new Set<string>();
  return listAt(container, 'volumeMounts').flatMap((mount, position) => {
    const at = base.index(position);
    const name = textAt(mount, 'name');
    const path = textAt(mount, 'mountPath');
    const problems: FieldError[] = [];
    const invalid = (key: string, detail: string): void => {
      problems.push(fieldInvalid(at.child(key), textAt(mount, key), detail));
    };
    if (name === '') problems.push(fieldRequired(at.child('name')));
    if (!volumes.has(name)) problems.push(fieldNotFound(at.child('name'), name));
    if (path === '') problems.push(fieldRequired(at.child('mountPath')));
    if (paths.has(path)) invalid('mountPath', 'must be unique');
    paths.add(path);
    if (deviceNames.has(name)) invalid('name', 'must not already exist in volumeDevices');
    if (devicePaths.has(path)) {
      invalid('mountPath', 'must not already exist as a path in volumeDevices');
    }
    // As upstream, the paths of these do not tell which mount it is.
    const [inner, expression] = [textAt(mount, 'subPath'), textAt(mount, 'subPathExpr')];
    if (inner !== '') problems.push(...descendingPathProblems(inner, base.child('subPath')));
    if (expression !== '') {
      if (inner !== '') invalid('subPathExpr', 'subPathExpr and subPath are mutually exclusive');
      problems.push(...descendingPathProblems(expression, base.child('subPathExpr')));
    }
    return [
      ...problems,
      ...propagationProblems(mount, container, base.child('mountPropagation')),
      ...recursionProblems(mount, base.child('recursiveReadOnly')),
    ];
  });
}

function propagationProblems(
  { mountPropagation }: Fields,
  container: Fields,
  at: FieldPath,
): readonly FieldError[] {
  if (typeof mountPropagation !== 'string') return [];
  const problems: FieldError[] = [];
  if (!propagations.includes(mountPropagation)) {
    problems.push(fieldNotSupported(at, mountPropagation, propagations));
  }
  const isPrivileged = objectAt(container, 'securityContext')['privileged'] === true;
  if (mountPropagation === 'Bidirectional' && !isPrivileged) {
    const detail = 'Bidirectional mount propagation is available only to privileged containers';
    problems.push(fieldForbidden(at, detail));
  }
  return problems;
}

function recursionProblems(mount: Fields, at: FieldPath): readonly FieldError[] {
  const recursion = mount['recursiveReadOnly'];
  if (typeof recursion !== 'string' || recursion === 'Disabled') return [];
  if (!recursions.includes(recursion)) return [fieldNotSupported(at, recursion, recursions)];
  const propagation = textAt(mount, 'mountPropagation') || 'None';
  return [
    ...(mount['readOnly'] === true
      ? []
      : [fieldForbidden(at, 'may only be specified when readOnly is true')]),
    ...(propagation === 'None'
      ? []
      : [
          fieldForbidden(
            at,
            'may only be specified when mountPropagation is None or not specified',
          ),
        ]),
  ];
}

export function deviceProblems(
  container: Fields,
  volumes: Volumes,
  base: FieldPath,
): readonly FieldError[] {
  const mounts = listAt(container, 'volumeMounts');
  const mountNames = new Set(mounts.map((each) => textAt(each, 'name')));
  const mountPaths = new Set(mounts.map((each) => textAt(each, 'mountPath')));
  const names = new Set<string>();
  const paths = new Set<string>();
  return listAt(container, 'volumeDevices').flatMap((device, position) => {
    const at = base.index(position);
    const name = textAt(device, 'name');
    const path = textAt(device, 'devicePath');
    const volume = volumes.get(name);
    const isClaim =
      isJsonObject(volume?.['persistentVolumeClaim']) || isJsonObject(volume?.['ephemeral']);
    const problems: FieldError[] = [];
    const invalid = (key: string, detail: string): void => {
      problems.push(fieldInvalid(at.child(key), textAt(device, key), detail));
    };
    if (name === '') problems.push(fieldRequired(at.child('name')));
    if (names.has(name)) invalid('name', 'must be unique');
    if (volume && !isClaim) {
      const detail =
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      invalid('name', detail);
    }
    if (!volume) problems.push(fieldNotFound(at.child('name'), name));
    if (path === '') problems.push(fieldRequired(at.child('devicePath')));
    if (paths.has(path)) invalid('devicePath', 'must be unique');
    if (noBackstepProblems(path, at).length > 0) {
      invalid('devicePath', "can not contain backsteps ('..')");
    } else paths.add(path);
    if (mountNames.has(name)) invalid('name', 'must not already exist in volumeMounts');
    if (mountPaths.has(path)) {
      invalid('devicePath', 'must not already exist as a path in volumeMounts');
    }
    if (name !== '') names.add(name);
    return problems;
  });
}
