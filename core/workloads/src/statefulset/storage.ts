// The claims of a StatefulSet's pods: one per template and ordinal, kept or given up as its retention policy says. Rules: upstream's stateful_set_utils.

import {
  controllerReference,
  type Input,
  type OwnerReference,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
  type Volume,
} from '@tweendeck/kube';
import { firstOrdinal, ordinalOf } from './identity.ts';

function claimName(template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** What the pod of this ordinal needs, one for every template. */
export function claimsFor(
  set: StatefulSet,
  ordinal: number,
): readonly Input<PersistentVolumeClaim>[] {
  const { namespace = '' } = set.metadata;
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { labels, annotations, finalizers } = template.metadata;
    const { spec } = template;
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: claimName(template, set, ordinal),
        namespace,
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations ? { annotations } : {}),
        ...(finalizers ? { finalizers } : {}),
      },
      spec,
    };
  });
}

/** Names of all claims that belong to a pod of this set; undefined where a name is none of them. */
export function ordinalOfClaim(set: StatefulSet, name: string): number | undefined {
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const prefix = `${template.metadata.name}-${set.metadata.name}-`;
    const ordinal = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^[0-9]+$/.test(ordinal)) return Number(ordinal);
  }
  return undefined;
}

/** The volumes of a pod with those of the set's claims, which take the place of others of their name. */
export function withClaims(
  volumes: readonly Volume[],
  set: StatefulSet,
  ordinal: number,
): readonly Volume[] {
  const templates = set.spec.volumeClaimTemplates ?? [];
  const names = new Set(templates.map(({ metadata }) => metadata.name));
  return [
    ...templates.map((template) => ({
      name: template.metadata.name,
      persistentVolumeClaim: { claimName: claimName(template, set, ordinal) },
    })),
    ...volumes.filter(({ name }) => !names.has(name)),
  ];
}

function isOf({ apiVersion, kind, name }: OwnerReference, owner: StatefulSet | Pod): boolean {
  return (
    apiVersion === (owner.kind === 'Pod' ? 'v1' : 'apps/v1') &&
    kind === owner.kind &&
    name === owner.metadata.name
  );
}

function policyOf({ spec }: StatefulSet): {
  readonly whenDeleted: string;
  readonly whenScaled: string;
} {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } =
    spec.persistentVolumeClaimRetentionPolicy ?? {};
  return { whenDeleted, whenScaled };
}

/** A claim that goes with an earlier pod of the name keeps the next one from being made. */
export function goesWithAnother(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  podName: string,
): boolean {
  if (policyOf(set).whenScaled === 'Retain') return false;
  return (claim.metadata.ownerReferences ?? []).some(
    ({ apiVersion, kind, name }) => apiVersion === 'v1' && kind === 'Pod' && name === podName,
  );
}

/** The owners the claim of this pod is to have; undefined when it has them, or is somebody else's. */
export function ownersToWrite(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  pod: Pod,
): readonly OwnerReference[] | undefined {
  const references = claim.metadata.ownerReferences ?? [];
  const stale = [set, pod].some((owner) => {
    const named = references.find((reference) => isOf(reference, owner));
    return named !== undefined && named.uid !== owner.metadata.uid;
  });
  if (stale) return undefined;
  const ours = (reference: OwnerReference): boolean =>
    reference.uid === set.metadata.uid || reference.uid === pod.metadata.uid;
  const others = references.filter((reference) => !ours(reference));
  const wanted = wantedOwners(set, pod, others);
  const present = references.filter(ours);
  const same =
    present.length === wanted.length &&
    present.every(
      ({ uid, controller }) => controller === true && wanted.some((each) => each.uid === uid),
    );
  return same ? undefined : [...others, ...wanted];
}

function wantedOwners(
  set: StatefulSet,
  pod: Pod,
  others: readonly OwnerReference[],
): readonly OwnerReference[] {
  const { whenDeleted, whenScaled } = policyOf(set);
  if (whenDeleted === 'Retain' && whenScaled === 'Retain') return [];
  if (others.some(({ controller }) => controller === true)) return []; // two cannot manage it
  if (whenScaled === 'Delete' && isScaledDown(set, pod)) return [controllerReference(pod)];
  return whenDeleted === 'Delete' ? [controllerReference(set)] : [];
}

function isScaledDown(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod) ?? -1;
  const first = firstOrdinal(set);
  return ordinal < first || ordinal >= first + (set.spec.replicas ?? 1);
}
