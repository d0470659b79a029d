// The way to members of a cluster that asks for passwords, or speaks TLS.

import type { Cluster } from '@tweendeck/engine';
import type { OpenLink } from './redis-link.ts';

/** Opens as the cluster asks for: with its passwords, and over TLS. */
export function openAs(
  { passwords, tls }: Pick<Cluster<unknown>, 'passwords' | 'tls'>,
  open: OpenLink,
): OpenLink {
  if (passwords === undefined && tls === undefined) return open;
  const { current, next, previous } = passwords ?? {};
  const known = [current, next, previous].filter((one) => one !== undefined);
  return (address, signal) => open({ ...address, tls, passwords: known }, signal);
}
