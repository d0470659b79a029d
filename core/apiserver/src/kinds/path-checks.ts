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

/** A range of addresses of either family. */
export function rangeProblems(range: string, at: FieldPath): readonly FieldError[] {
  const [address = '', length = '', ...rest] = range.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  const fits = isIP(address) !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= bits;
  if (fits && rest.length === 0) return [];
  const detail = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  return [fieldInvalid(at, range, detail)];
}

const specialRanges: readonly (readonly [pattern: RegExp, detail: string])[] = [
  [/^(127\.|::1$)/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [/^(169\.254\.|fe[89ab])/i, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [
    /^(224\.0\.0\.|ff02)/i,
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
];

/** An address that others can reach. */
export function endpointAddressProblems(address: string, at: FieldPath): readonly FieldError[] {
  const isNone = address === '0.0.0.0' || address === '::';
  return [
    ...(isNone ? [fieldInvalid(at, address, `may not be unspecified (${address})`)] : []),
    ...specialRanges
      .filter(([pattern]) => pattern.test(address))
      .map(([, detail]) => fieldInvalid(at, address, detail)),
  ];
}
