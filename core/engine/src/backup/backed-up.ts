// Clusters as backups see them: whatever engine they are of.

import type { Kind, Pod } from '@tweendeck/kube';
import type { ClusterObject, ClusterSpec, ClusterStatus } from '../cluster-spec.ts';
import type { EngineTables } from '../engine.ts';
import { clusterLabels, groupLabel, memberLabel, shardLabel } from '../labels.ts';
import { hasPasswords, hasTls } from '../render.ts';
import { passwordSecretName } from '../secrets/password-secret.ts';
import { serverNameOf, tlsSecretName } from '../secrets/tls-secret.ts';
import type { BackupMember } from './program.ts';

/** An engine whose clusters can be backed up. */
export interface BackedUpEngine {
  // biome-ignore lint/suspicious/noExplicitAny: options are an engine's own, and backups never look at them.
  readonly kind: Kind<ClusterSpec<any>, ClusterStatus>;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly engine: Pick<EngineTables<any>, 'component' | 'passwords' | 'shortNames' | 'tls'>;
}

/** Of pods that have an address. */
export function membersIn(pods: readonly Pod[]): readonly BackupMember[] {
  return pods.flatMap(({ metadata, status }) => {
    const { labels = {} } = metadata;
    const name = labels[memberLabel];
    if (name === undefined || !status?.podIP || metadata.deletionTimestamp) return [];
    const shard = Number(labels[shardLabel] ?? 0);
    return [{ name, group: labels[groupLabel] ?? '', shard, host: status.podIP }];
  });
}

/** What selects the pods of its members, and what else is its own. */
export function selectionOf(
  { engine }: BackedUpEngine,
  { metadata }: ClusterObject<unknown>,
): { readonly namespace: string; readonly labels: Readonly<Record<string, string>> } {
  const { name, namespace = 'default' } = metadata;
  const labels = clusterLabels(engine, name);
  return { namespace, labels };
}

/** Secrets that a Job needs to speak with members. */
export interface MemberSecrets {
  /** With the passwords; undefined: they ask for none. */
  readonly passwords: string | undefined;
  /** Whom they show certificates of; undefined: they do not speak TLS. */
  readonly tls: { readonly secretName: string; readonly serverName: string } | undefined;
}

export function memberSecrets(
  { engine }: BackedUpEngine,
  cluster: ClusterObject<unknown>,
): MemberSecrets {
  const { metadata, spec } = cluster;
  const { name } = metadata;
  const tls = { secretName: tlsSecretName({ name, spec }), serverName: serverNameOf(cluster) };
  return {
    passwords: hasPasswords(engine, { spec }) ? passwordSecretName(name) : undefined,
    tls: hasTls(engine, { spec }) ? tls : undefined,
  };
}

/** Why its data cannot be read in one piece now. */
export function busyWith({
  metadata,
  spec,
  status,
}: ClusterObject<unknown>): { readonly reason: string; readonly message: string } | undefined {
  const { name } = metadata;
  if (spec.suspend) return { reason: 'ClusterStopped', message: `${name} is stopped` };
  const isSeen = status?.observedGeneration === metadata.generation;
  const phase = isSeen ? status?.phase : 'Progressing';
  if (phase === 'Ready' || (phase === 'Degraded' && !status?.step)) return undefined;
  const progress = status?.conditions?.find(({ type }) => type === 'Progressing')?.message;
  const why = status?.step?.why ?? progress ?? 'nothing was seen of it yet';
  return { reason: 'ClusterBusy', message: `${name} is ${phase ?? 'new'}: ${why}` };
}
