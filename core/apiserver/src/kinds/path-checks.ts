// Paths in specifications of pods. Rules and texts: upstream's core validation.

import { isIP } from 'node:net';
import { type FieldError, type FieldPath, fieldInvalid } from '@tweendeck/kube';

/** A path that does not lead upwards. */
export function noBackstepProblems(path: string, at: FieldPath): readonly FieldError[] {
  return path.split('/').includes('..') ? [fieldInvalid(at, path, "must not contain '..'")] : [];
}

/** A relative path that stays inside. */
export function descendingPathProblems(path: string, at: FieldPath): readonly FieldError[] {
  return [
    ...(path.startsWith('/') ? [fieldInvalid(at, path, 'must be a relative path')] : []),
    ...noBackstepProblems(path, at),
  ];
}

/** As {@link descendingPathProblems}, and clear of the names that volumes keep for themselves. */
export function volumePathProblems(path: string, at: FieldPath): readonly FieldError[] {
  const reserved = path.startsWith('..') && !path.startsWith('../');
  return [
    ...descendingPathProblems(path, at),
    ...(reserved ? [fieldInvalid(at, path, "must not start with '..'")] : []),
  ];
}

/** An address of either family. */
export function ipProblems(address: string, at: FieldPath): readonly FieldError[] {
  if (isIP(address) !== 0) return [];
  const detail = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  return [fieldInvalid(at, address, detail)];
}
