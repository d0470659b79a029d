// What the parts of one lab share: its place, programs, authority and addresses.

import { join } from 'node:path';
import { pinnedRelease } from '../../../tools/kubernetes/release.ts';
import { type Authority, makeAuthority } from './certificates.ts';
import type { Claim } from './claim.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { ControlPlaneOptions } from './lab.ts';
import type { Programs } from './programs.ts';

export interface Site {
  readonly claim: Claim;
  readonly programs: Programs;
  readonly authority: Authority;
  readonly release: string;
  /** Where the API server listens: a loopback address, or one that nodes and pods reach. */
  readonly address: string;
  /** `https://ADDRESS:PORT` */
  readonly server: string;
  readonly serviceRange: string;
  /** Whether nodes are to join: then the service `kubernetes` leads to the API server. */
  readonly hasNodes: boolean;
  readonly options: ControlPlaneOptions;
}

export const apiPort = 6443;

export async function makeSite(
  site: Pick<Site, 'claim' | 'programs' | 'address' | 'serviceRange' | 'hasNodes' | 'options'>,
): Promise<Site> {
  return {
    ...site,
    authority: await makeAuthority(site.claim),
    release: site.options.release ?? pinnedRelease,
    server: `https://${site.address}:${apiPort}`,
  };
}

/** Issues a client certificate and writes the kubeconfig that shows it, in the lab's directory; returns its path. */
export async function userKubeconfig(
  site: Site,
  who: { readonly file: string; readonly user: string; readonly groups?: readonly string[] },
): Promise<string> {
  return writeKubeconfig({
    path: join(site.claim.directory, `${who.file}.kubeconfig`),
    server: site.server,
    authority: site.authority.certificate,
    user: await site.authority.issue(who),
  });
}
