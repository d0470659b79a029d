// Revisions of a Deployment: which ReplicaSet is the new one, and the annotations that `kubectl rollout` reads.

import type { Deployment, Input, ReplicaSet } from '@tweendeck/kube';
import { controllerReference } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { timeMs } from '../pod/pod-state.ts';
import { bareTemplate, shortHash } from '../pod/template.ts';

const templateHashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations of a Deployment that are not handed down to its ReplicaSets. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
]);

/** The annotation's history of older revisions is cut at this many characters. */
const revisionHistoryLengthMax = 2_000;

/** Oldest first; by name where the times are equal. */
export function byCreation(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return replicaSets.toSorted((left, right) => {
    const difference = createdMs(left) - createdMs(right);
    if (difference !== 0) return difference;
    return left.metadata.name < right.metadata.name ? -1 : 1;
  });
}

function createdMs(replicaSet: ReplicaSet): number {
  return timeMs(replicaSet.metadata.creationTimestamp) ?? 0;
}

/** Whether the ReplicaSet runs the Deployment's present template, the hash label aside. */
export function hasTemplate(deployment: Deployment, replicaSet: ReplicaSet): boolean {
  return jsonEqual(
    bareTemplate(deployment.spec.template, [templateHashLabel]),
    bareTemplate(replicaSet.spec.template, [templateHashLabel]),
  );
}

/** The oldest one with the present template; undefined when it has to be made. */
export function newReplicaSetOf(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  return byCreation(replicaSets).find((replicaSet) => hasTemplate(deployment, replicaSet));
}

/** 0 when there is none. */
export function revisionOf(object: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}): number {
  const text = object.metadata.annotations?.[revisionAnnotation] ?? '';
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
}

/** One more than the largest revision of the old ones. */
export function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

/** The annotations the new ReplicaSet should have: the Deployment's, the revision, and the revisions it was before. */
export function annotationsForNew(
  deployment: Deployment,
  replicaSet: ReplicaSet | undefined,
  revision: number,
): Readonly<Record<string, string>> {
  const annotations: Record<string, string> = { ...replicaSet?.metadata.annotations };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ownAnnotations.has(key)) annotations[key] = value;
  }
  const before = replicaSet ? revisionOf(replicaSet) : 0;
  if (before >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before > 0) {
    const history = annotations[revisionHistoryAnnotation];
    annotations[revisionHistoryAnnotation] = extended(history, before);
  }
  return annotations;
}

function extended(history: string | undefined, revision: number): string {
  const all = history ? `${history},${revision}` : String(revision);
  if (all.length <= revisionHistoryLengthMax) return all;
  return all.slice(all.indexOf(',', all.length - revisionHistoryLengthMax) + 1);
}

/** The sizes that a later proportional scaling starts from. */
export function sizeAnnotations(
  replicas: number,
  maxReplicas: number,
): Readonly<Record<string, string>> {
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(maxReplicas),
  };
}

/** A new ReplicaSet for the present template. Its name holds the template's hash; `collisionCount` steps aside for a stranger of that name. */
export function replicaSetFor(
  deployment: Deployment,
  own: { readonly replicas: number; readonly annotations: Readonly<Record<string, string>> },
): Input<ReplicaSet> {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = shortHash(
    bareTemplate(template, [templateHashLabel]),
    deployment.status?.collisionCount ?? 0,
  );
  const { namespace, name } = deployment.metadata;
  const labels = { ...template.metadata?.labels, [templateHashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace ? { namespace } : {}),
      labels,
      annotations: own.annotations,
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: own.replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: {
        ...selector,
        matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash },
      },
      // Template metadata is written without the fields that servers add, which the type asks for.
      template: {
        ...template,
        metadata: { ...template.metadata, labels } as ReplicaSet['metadata'],
      },
    },
  };
}
