// Custom kinds: one definition gives the typed resource, its schema and its CustomResourceDefinition.

import type { CustomResourceDefinition, ValidationRule } from '../generated/kinds.ts';
import type { Input, KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import type { JsonSchema } from './json-schema.ts';
import type { Presence, Type } from './type.ts';

/** An object of a custom kind as a server answers it. */
export interface KindObject<Spec, Status> extends KubeObject {
  readonly spec: Spec;
  /** Absent until the controller has written it. */
  readonly status?: Status;
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** From the object's root: `.spec.replicas`. */
  readonly jsonPath: string;
  readonly description?: string;
  readonly format?: string;
  /** 0, the default: always shown; more: with `-o wide` only. */
  readonly priority?: number;
}

export interface ScaleDefinition {
  /** Path of the wanted count: `.spec.replicas`. */
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  /** Path of the pods' label selector as text; autoscalers need it. */
  readonly labelSelectorPath?: string;
}

export interface KindDefinition<Spec, Status> {
  readonly group: string;
  readonly version: string;
  /** Upper camel case. */
  readonly kind: string;
  /** Lower case. */
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Omitted: Namespaced. */
  readonly scope?: 'Namespaced' | 'Cluster';
  /** What `kubectl explain` says about the kind. */
  readonly description?: string;
  readonly spec: Type<Spec, Presence>;
  /** Given: the kind has a status subresource. */
  readonly status?: Type<Status, Presence>;
  readonly columns?: readonly PrinterColumn[];
  readonly scale?: ScaleDefinition;
  /** CEL rules over the whole object. */
  readonly rules?: readonly ValidationRule[];
}

/** A custom kind: addresses its objects, and knows its schema. */
export interface Kind<Spec = unknown, Status = unknown> extends Resource<KindObject<Spec, Status>> {
  /** Schema of whole objects, as it stands in the CRD. */
  readonly schema: JsonSchema;
  /** The manifest that teaches an API server this kind. */
  crd(): Input<CustomResourceDefinition>;
}

/** The objects of a kind: `type CacheServer = ObjectOf<typeof cacheServers>`. */
export type ObjectOf<K extends Resource<KubeObject>> =
  K extends Resource<infer Obj extends KubeObject> ? Obj : never;

export function defineKind<Spec, Status = never>(
  definition: KindDefinition<Spec, Status>,
): Kind<Spec, Status> {
  const { group, version, kind, plural, scope = 'Namespaced' } = definition;
  const schema = objectSchema(definition);
  return {
    group,
    version,
    kind,
    plural,
    namespaced: scope === 'Namespaced',
    schema,
    crd: () => crdOf(definition, schema),
  };
}

function objectSchema({
  spec,
  status,
  rules,
  description,
}: KindDefinition<unknown, unknown>): JsonSchema {
  return {
    type: 'object',
    ...(description ? { description } : {}),
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: spec.schema,
      ...(status ? { status: status.schema } : {}),
    },
    ...(rules ? { 'x-kubernetes-validations': rules } : {}),
  };
}

function crdOf(
  definition: KindDefinition<unknown, unknown>,
  schema: JsonSchema,
): Input<CustomResourceDefinition> {
  const { group, version, kind, plural, shortNames, categories, scope, columns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: scope ?? 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames ? { shortNames } : {}),
        ...(categories ? { categories } : {}),
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { ...schema } },
          ...subresources(definition),
          ...(columns ? { additionalPrinterColumns: columns } : {}),
        },
      ],
    },
  };
}

function subresources({ status, scale }: KindDefinition<unknown, unknown>): object {
  if (!status && !scale) return {};
  return { subresources: { ...(status ? { status: {} } : {}), ...(scale ? { scale } : {}) } };
}
