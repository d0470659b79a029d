// What an agent in a process of its own needs to join a home: a kubeconfig with a certificate of its node.

import { issueNodeCertificate, kubeconfigText } from '@tweendeck/apiserver';
import { parseKubeconfig } from '@tweendeck/client';
import { type Clock, PlatformError, type Random } from '@tweendeck/std';
import { readKubeconfig } from '../connection.ts';
import type { HomeDirectory } from './home-directory.ts';

/** Made with the home's own authority: who may read its data directory may make nodes. @throws PlatformError CLI_NO_HOME. */
export async function nodeKubeconfig(
  home: HomeDirectory,
  {
    nodeName,
    ...tools
  }: { readonly nodeName: string; readonly clock: Clock; readonly random: Random },
  signal: AbortSignal,
): Promise<string> {
  const { server } = parseKubeconfig(await readKubeconfig(home.kubeconfig), {
    readFile: () => '',
  });
  const issued = await issueNodeCertificate(home.certificates, { nodeName, ...tools }, signal);
  if (!issued) {
    throw new PlatformError('CLI_NO_HOME', `there are no certificates in ${home.certificates}`, {
      hint: 'Start the embedded home with "tweendeck up" first, or name its folder with --data-dir.',
    });
  }
  const { authority, certificate, key } = issued;
  const certificates = { authority, adminCertificate: certificate, adminKey: key };
  return kubeconfigText(certificates, { server, name: nodeName });
}
