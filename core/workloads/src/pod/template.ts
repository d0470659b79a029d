// Pods made of templates, and the short hash that names a template.

import {
  controllerReference,
  type Input,
  type KubeObject,
  type ObjectMetaInput,
  type Pod,
  type PodTemplateSpec,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';

/** A pod of this template, owned by `owner`. Name (or generateName), further labels and spec fields come from the caller. */
export function podOfTemplate(
  template: PodTemplateSpec,
  owner: KubeObject,
  own: {
    readonly metadata: ObjectMetaInput;
    readonly spec?: Partial<Pod['spec']>;
  },
): Input<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ...own.metadata,
      ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
      labels: { ...labels, ...own.metadata.labels },
      ownerReferences: [controllerReference(owner)],
    },
    spec: { containers: [], ...template.spec, ...own.spec },
  };
}

/** A template without what servers add to its metadata and without the labels named, for comparing. */
export function bareTemplate(
  template: PodTemplateSpec | undefined,
  withoutLabels: readonly string[],
): Readonly<Record<string, unknown>> {
  const metadata: Record<string, unknown> = { ...template?.metadata };
  delete metadata['creationTimestamp'];
  const labels = Object.entries(template?.metadata?.labels ?? {}).filter(
    ([key]) => !withoutLabels.includes(key),
  );
  if (labels.length > 0) metadata['labels'] = Object.fromEntries(labels);
  else delete metadata['labels'];
  return { metadata, spec: template?.spec };
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Eight to ten letters that cannot spell a word: FNV-1a over the canonical JSON of `value` and the collisions met so far. */
export function shortHash(value: unknown, collisions: number): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${canonicalJson(value)}#${collisions}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return Array.from(String(hash), (digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join(
    '',
  );
}

/** JSON with sorted keys; what is undefined is left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}
