// Generated objects of built-in kinds, from their schemas alone.

import { componentSource, dereference, type SchemaNode, type SchemaSource } from '@tweendeck/kube';
import type { Source } from './source.ts';

/** The component that describes a kind. */
export const builtInKinds = {
  Deployment: 'io.k8s.api.apps.v1.Deployment',
  StatefulSet: 'io.k8s.api.apps.v1.StatefulSet',
  DaemonSet: 'io.k8s.api.apps.v1.DaemonSet',
  CronJob: 'io.k8s.api.batch.v1.CronJob',
  Pod: 'io.k8s.api.core.v1.Pod',
  Service: 'io.k8s.api.core.v1.Service',
  ConfigMap: 'io.k8s.api.core.v1.ConfigMap',
  Secret: 'io.k8s.api.core.v1.Secret',
  ServiceAccount: 'io.k8s.api.core.v1.ServiceAccount',
  Namespace: 'io.k8s.api.core.v1.Namespace',
  Node: 'io.k8s.api.core.v1.Node',
  PersistentVolumeClaim: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  EndpointSlice: 'io.k8s.api.discovery.v1.EndpointSlice',
  ClusterRole: 'io.k8s.api.rbac.v1.ClusterRole',
  MutatingWebhookConfiguration: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  CustomResourceDefinition:
    'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
} as const;

export type BuiltInKind = keyof typeof builtInKinds;

const groups: Readonly<Partial<Record<BuiltInKind, string>>> = {
  Deployment: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  CronJob: 'batch',
  EndpointSlice: 'discovery.k8s.io',
  ClusterRole: 'rbac.authorization.k8s.io',
  MutatingWebhookConfiguration: 'admissionregistration.k8s.io',
  CustomResourceDefinition: 'apiextensions.k8s.io',
};

/** Empty for the core group. */
export function builtInGroup(kind: BuiltInKind): string {
  return groups[kind] ?? '';
}

export function isBuiltInKind(kind: string): kind is BuiltInKind {
  return Object.hasOwn(builtInKinds, kind);
}

const fieldsMax = 4;
const depthMax = 7;

/** Some of a kind's schema, without references: small, so that managers meet. Without type and metadata. */
export function thinnedSchema(
  source: Source,
  kind: BuiltInKind,
  components: Readonly<Record<string, SchemaNode>>,
): SchemaNode {
  const thinned = thin(source, {
    node: components[builtInKinds[kind]] ?? {},
    references: componentSource(components),
    depth: 0,
  });
  const { apiVersion: _, kind: __, metadata: ___, ...properties } = thinned.properties ?? {};
  return { ...thinned, properties };
}

interface Thinning {
  readonly node: SchemaNode;
  readonly references: SchemaSource;
  readonly depth: number;
}

function thin(source: Source, { node, references, depth }: Thinning): SchemaNode {
  const target = dereference(node, references);
  const below = (each: SchemaNode): SchemaNode =>
    thin(source, { node: each, references, depth: depth + 1 });
  const { type, items, properties, additionalProperties, required, ...rest } = target;
  if (type === undefined && !properties) return scalarOrAny(target);
  if (properties) {
    const keep = keptNames(source, target, depth);
    const kept = Object.entries(properties).filter(([name]) => keep.has(name));
    return {
      type: 'object',
      ...rest,
      ...(node.default === undefined ? {} : { default: node.default }),
      properties: Object.fromEntries(kept.map(([name, each]) => [name, below(each)])),
      required: (required ?? []).filter((name) => keep.has(name)),
    };
  }
  return {
    type: type ?? 'object',
    ...rest,
    ...(items ? { items: below(withKeys(items, target, references)) } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: below(additionalProperties) }
      : {}),
  };
}

/** Numbers or texts, such as quantities; or what nobody describes. */
function scalarOrAny(node: SchemaNode): SchemaNode {
  return 'oneOf' in node
    ? ({ 'x-kubernetes-int-or-string': true } as SchemaNode) // what schemas of custom resources say of them
    : { 'x-kubernetes-preserve-unknown-fields': true };
}

/** The item's schema, where the keys of its list count as required. */
function withKeys(items: SchemaNode, list: SchemaNode, references: SchemaSource): SchemaNode {
  const keys = list['x-kubernetes-list-map-keys'] ?? [];
  const item = dereference(items, references);
  const isDefaulted = (key: string): boolean => item.properties?.[key]?.default !== undefined;
  const needed = keys.filter((key) => !isDefaulted(key) || key.endsWith('ort'));
  return {
    ...item,
    required: [...new Set([...(item.required ?? []), ...needed])],
    keys,
  } as SchemaNode; // read by keptNames
}

function keptNames(source: Source, node: SchemaNode, depth: number): ReadonlySet<string> {
  const { keys = [] } = node as { readonly keys?: readonly string[] }; // put there by withKeys
  const names = Object.keys(node.properties ?? {});
  if (depth === 0) return new Set(names);
  const kept = new Set([...keys, ...(depth < depthMax ? (node.required ?? []) : [])]);
  if (depth >= depthMax) return kept;
  for (let tries = 0; tries < fieldsMax && names.length > 0; tries++) kept.add(source.pick(names));
  return kept;
}
