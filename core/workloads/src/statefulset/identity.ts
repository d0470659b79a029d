// Who a pod of a StatefulSet is: ordinal, name and labels, which outlive every single pod.

import type { Input, Pod, PodTemplateSpec, StatefulSet } from '@tweendeck/kube';
import { revisionLabel } from '../owner/revision.ts';
import { podOfTemplate } from '../pod/template.ts';

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

function identityLabels(set: StatefulSet, ordinal: number): Readonly<Record<string, string>> {
  return { [podNameLabel]: podName(set, ordinal), [podIndexLabel]: String(ordinal) };
}

/** The pod with this ordinal, of this revision's template. */
export function podFor(
  set: StatefulSet,
  ordinal: number,
  revision: { readonly name: string; readonly template: PodTemplateSpec },
): Input<Pod> {
  const name = podName(set, ordinal);
  return podOfTemplate(revision.template, set, {
    metadata: { name, labels: { ...identityLabels(set, ordinal), [revisionLabel]: revision.name } },
    spec: { hostname: name, ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}) },
  });
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
