// Which cluster the controllers work on, and who they are there: a kubeconfig, or what Kubernetes mounts into a pod.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Connection, inClusterConnection, parseKubeconfig } from '@tweendeck/client';
import { type Clock, type Logger, PlatformError } from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { readKubeconfig } from '../connection.ts';

export interface ClusterAccess {
  readonly connection: Connection;
  /** The pod's own namespace, or that of the kubeconfig's context. */
  readonly namespace: string;
}

const podCredentials = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Throws CLI_NO_CLUSTER when none is named, and what is wrong with the one that is. */
export async function clusterAccess(
  world: Ambient,
  kubeconfig: string | undefined,
  log: Logger,
): Promise<ClusterAccess> {
  const { environment } = world;
  const path = kubeconfig ?? environment['KUBECONFIG'];
  if (path) return ofKubeconfig(path);
  const host = environment['KUBERNETES_SERVICE_HOST'];
  if (!host)
    throw new PlatformError('CLI_NO_CLUSTER', 'there is no cluster to speak to', {
      hint: 'Name one with --kubeconfig FILE or $KUBECONFIG, or run in a pod.',
    });
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  return ofPod({ host, port }, { directory: podCredentials, clock: world.clock, log });
}

async function ofKubeconfig(path: string): Promise<ClusterAccess> {
  const connection = parseKubeconfig(await readKubeconfig(path), {
    readFile: (name) => readFileSync(resolve(path, '..', name), 'utf8'),
  });
  return { connection, namespace: connection.namespace };
}

interface PodFiles {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Reads the three mounted files. Throws CLUSTER_CREDENTIALS_UNREADABLE. */
export function ofPod(
  server: { readonly host: string; readonly port: string },
  files: PodFiles,
): ClusterAccess {
  const ca = mounted(files.directory, 'ca.crt');
  const token = renewedToken(files);
  const connection = inClusterConnection({ ...server, ca, token });
  return { connection, namespace: mounted(files.directory, 'namespace') };
}

const tokenAgeMaxMs = 60_000;

/** Kubernetes replaces the file within the token's hour; what cannot be read later leaves the token that was. */
function renewedToken({ directory, clock, log }: PodFiles): () => string {
  let token = mounted(directory, 'token');
  let readMs = clock.monotonicMs();
  return () => {
    if (clock.monotonicMs() - readMs < tokenAgeMaxMs) return token;
    readMs = clock.monotonicMs();
    try {
      token = mounted(directory, 'token');
    } catch (error) {
      log.warn('the renewed token was not read; keeping the old one', { error });
    }
    return token;
  };
}

function mounted(directory: string, name: string): string {
  const path = join(directory, name);
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (text !== '') return text;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  throw unreadable(path);
}

function unreadable(path: string, cause?: unknown): PlatformError {
  return new PlatformError('CLUSTER_CREDENTIALS_UNREADABLE', `cannot read ${path}`, {
    cause,
    hint: 'The pod needs a service account whose token is mounted.',
  });
}
