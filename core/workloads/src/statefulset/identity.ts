// Who a pod of a StatefulSet is: ordinal, name and labels, which outlive every single pod.

import type { Pod, StatefulSet } from '@tweendeck/kube';

const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';

/** The ordinal in the pod's name; undefined when the name is not one of this set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-([0-9]+)$/.exec(pod.metadata.name);
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined;
}

export function firstOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

export function identityLabels(
  set: StatefulSet,
  ordinal: number,
): Readonly<Record<string, string>> {
  return { [podNameLabel]: podName(set, ordinal), [podIndexLabel]: String(ordinal) };
}

/** The identity labels that the pod lost or never had; undefined when it has all of them. */
export function missingLabels(
  set: StatefulSet,
  pod: Pod,
  ordinal: number,
): Readonly<Record<string, string>> | undefined {
  const labels = identityLabels(set, ordinal);
  const missing = Object.entries(labels).some(
    ([key, value]) => pod.metadata.labels?.[key] !== value,
  );
  return missing ? labels : undefined;
}
