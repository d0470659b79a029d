// The way to members of a cluster that asks for passwords, or speaks TLS.

import type { Cluster } from '@tweendeck/engine';
import type { OpenLink, RedisAddress } from './redis-link.ts';

/** Opens as the cluster asks for: with its passwords, and over TLS. */
export function openAs(
  cluster: Pick<Cluster<unknown>, 'passwords' | 'tls'>,
  open: OpenLink,
): OpenLink {
  if (cluster.passwords === undefined && cluster.tls === undefined) return open;
  return (address, signal) => open({ ...address, ...wayTo(cluster) }, signal);
}

/** What members ask for, and speak. */
export function wayTo({
  passwords,
  tls,
}: Pick<Cluster<unknown>, 'passwords' | 'tls'>): Pick<RedisAddress, 'passwords' | 'tls'> {
  const { current, next, previous } = passwords ?? {};
  return { tls, passwords: [current, next, previous].filter((one) => one !== undefined) };
}
