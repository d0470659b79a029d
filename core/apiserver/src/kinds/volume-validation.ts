// What volumes must be: a name of their own, and one source.

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
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, textAt } from '../draft.ts';

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

/** Problems of the volumes under `base`. */
export function volumeProblems(volumes: readonly Fields[], base: FieldPath): readonly FieldError[] {
  const seen = new Set<string>();
  return volumes.flatMap((volume, position) => {
    const at = base.index(position);
    const name = textAt(volume, 'name');
    const problems: FieldError[] = [];
    if (name === '') problems.push(fieldRequired(at.child('name')));
    else {
      for (const text of dnsLabelProblems(name))
        problems.push(fieldInvalid(at.child('name'), name, text));
      if (seen.has(name)) problems.push(fieldDuplicate(at.child('name'), name));
      seen.add(name);
    }
    return [...problems, ...sourceProblems(volume, at)];
  });
}

function sourceProblems(volume: Fields, at: FieldPath): readonly FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name' && isJsonObject(volume[key]));
  const [first, ...others] = sources;
  if (first === undefined) return [fieldRequired(at, 'must specify a volume type')];
  return [
    ...others.map((key) =>
      fieldForbidden(at.child(key), 'may not specify more than 1 volume type'),
    ),
    ...oneSourceProblems(first, volume[first], at.child(first)),
  ];
}

function oneSourceProblems(kind: string, source: unknown, at: FieldPath): readonly FieldError[] {
  switch (kind) {
    case 'emptyDir':
      return sizeProblems(source, at.child('sizeLimit'));
    case 'hostPath': {
      const type = textAt(source, 'type');
      return [
        ...required(source, 'path', at),
        ...(hostPathTypes.includes(type)
          ? []
          : [fieldNotSupported(at.child('type'), type, hostPathTypes)]),
        ...(textAt(source, 'path').split('/').includes('..')
          ? [fieldInvalid(at.child('path'), textAt(source, 'path'), "must not contain '..'")]
          : []),
      ];
    }
    case 'secret':
      return [...required(source, 'secretName', at), ...itemProblems(source, at)];
    case 'configMap':
      return [...required(source, 'name', at), ...itemProblems(source, at)];
    case 'persistentVolumeClaim':
      return required(source, 'claimName', at);
    default:
      return [];
  }
}

function required(source: unknown, key: string, at: FieldPath): readonly FieldError[] {
  return textAt(source, key) === '' ? [fieldRequired(at.child(key))] : [];
}

function sizeProblems(source: unknown, at: FieldPath): readonly FieldError[] {
  const size = isJsonObject(source) ? source['sizeLimit'] : undefined;
  if (typeof size !== 'string' && typeof size !== 'number') return [];
  const problem = quantityProblem(size);
  if (problem !== undefined) return [fieldInvalid(at, size, problem)];
  return parseQuantity(size).nanos < 0n
    ? [fieldForbidden(at, 'SizeLimit field must be a valid resource quantity')]
    : [];
}

function itemProblems(source: unknown, at: FieldPath): readonly FieldError[] {
  const modeAt = at.child('defaultMode');
  const mode = numberAt(source, 'defaultMode');
  const detail = 'must be a number between 0 and 0777 (octal), both inclusive';
  return [
    ...(mode !== undefined && (mode < 0 || mode > 0o777)
      ? [fieldInvalid(modeAt, mode, detail)]
      : []),
    ...listAt(source, 'items').flatMap((item, position) => {
      const here = at.child('items').index(position);
      const path = textAt(item, 'path');
      const problems = [...required(item, 'key', here), ...required(item, 'path', here)];
      if (path.startsWith('/')) {
        problems.push(fieldInvalid(here.child('path'), path, 'must be a relative path'));
      } else if (path.split('/').includes('..')) {
        problems.push(fieldInvalid(here.child('path'), path, "must not contain '..'"));
      }
      return problems;
    }),
  ];
}
