// Which replicas an entry leads to, by what the API says of them. Pure.

import type { EndpointSlice } from '@tweendeck/kube';
import type { HostPort } from './nginx-config.ts';

/** Addresses of the endpoints that are ready, with the port of this name; sorted, so that every entry hashes alike. */
export function membersOf(slices: readonly EndpointSlice[], portName: string): readonly HostPort[] {
  const members = new Set<HostPort>();
  for (const { addressType, endpoints, ports } of slices) {
    const port = ports?.find(({ name }) => name === portName)?.port;
    if (port === undefined || addressType === 'FQDN') continue;
    for (const { addresses, conditions } of endpoints) {
      const [address] = addresses;
      if (address === undefined || conditions?.ready === false) continue;
      members.add(addressType === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`);
    }
  }
  return [...members].sort();
}

/** What nginx is to know now: the last replica is never taken away, for a list that is empty may only be one that is late. */
export function membersAfter(
  before: readonly HostPort[],
  now: readonly HostPort[],
): readonly HostPort[] {
  return now.length === 0 ? before : now;
}
