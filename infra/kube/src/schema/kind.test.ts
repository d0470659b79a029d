import assert from 'node:assert/strict';
import test from 'node:test';

import type { Condition } from '../object.ts';
import type { Resource } from '../resource.ts';
import { defineKind, type ObjectOf } from './kind.ts';
import { type Infer, t } from './type.ts';

type Same<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** Compiles only when the two types are the same. */
function sameTypes<_ extends true>(): void {}

const caches = defineKind({
  group: 'tweendeck.io',
  version: 'v1alpha1',
  kind: 'CacheServer',
  plural: 'cacheservers',
  shortNames: ['cs'],
  categories: ['tweendeck'],
  description: 'A cache of built assets.',
  spec: t
    .object({
      storage: t.int64({ minimum: 0 }).describe('Bytes on disk.'),
      replicas: t.int32({ minimum: 0, maximum: 16 }).default(1),
      image: t.string({ minLength: 1 }).optional(),
      mode: t.enum(['Fast', 'Safe']).default('Safe'),
      cpu: t.quantity().optional(),
      nodeSelector: t.map(t.string()).optional(),
      tolerations: t
        .raw<readonly { readonly key?: string }[]>({
          type: 'array',
          items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        })
        .optional(),
      ports: t.listByKey(t.object({ name: t.string(), port: t.int32() }), ['name']).optional(),
      owner: t.string().nullable(),
    })
    .rule('self.replicas <= 1 || self.mode == "Safe"', { message: 'copies need Safe' }),
  status: t.object({
    phase: t.string().optional(),
    readyReplicas: t.int32().optional(),
    conditions: t.conditions().optional(),
  }),
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
  ],
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.readyReplicas' },
});

test('the static type of a kind follows its schema', () => {
  type CacheServer = ObjectOf<typeof caches>;
  sameTypes<
    Same<
      CacheServer['spec'],
      {
        readonly storage: number;
        readonly replicas: number;
        readonly mode: 'Fast' | 'Safe';
        readonly owner: string | null;
        readonly image?: string;
        readonly cpu?: number | string;
        readonly nodeSelector?: Readonly<Record<string, string>>;
        readonly tolerations?: readonly { readonly key?: string }[];
        readonly ports?: readonly { readonly name: string; readonly port: number }[];
      }
    >
  >();
  sameTypes<
    Same<NonNullable<CacheServer['status']>['conditions'], readonly Condition[] | undefined>
  >();
  sameTypes<Same<Infer<ReturnType<typeof t.any>>, unknown>>();
  const resource: Resource<CacheServer> = caches;
  assert.equal(resource.namespaced, true);
});

test('what the builder makes is the schema itself', () => {
  assert.deepEqual(caches.schema.properties?.['spec'], {
    type: 'object',
    properties: {
      storage: { type: 'integer', format: 'int64', minimum: 0, description: 'Bytes on disk.' },
      replicas: { type: 'integer', format: 'int32', minimum: 0, maximum: 16, default: 1 },
      image: { type: 'string', minLength: 1 },
      mode: { type: 'string', enum: ['Fast', 'Safe'], default: 'Safe' },
      cpu: { ...t.quantity().schema },
      nodeSelector: { type: 'object', additionalProperties: { type: 'string' } },
      tolerations: {
        type: 'array',
        items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
      ports: {
        type: 'array',
        items: {
          type: 'object',
          properties: { name: { type: 'string' }, port: { type: 'integer', format: 'int32' } },
          required: ['name', 'port'],
        },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      owner: { type: 'string', nullable: true },
    },
    required: ['storage', 'owner'],
    'x-kubernetes-validations': [
      { rule: 'self.replicas <= 1 || self.mode == "Safe"', message: 'copies need Safe' },
    ],
  });
});

test('a kind gives its CustomResourceDefinition', () => {
  assert.deepEqual(caches.crd(), {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'cacheservers.tweendeck.io' },
    spec: {
      group: 'tweendeck.io',
      scope: 'Namespaced',
      names: {
        kind: 'CacheServer',
        listKind: 'CacheServerList',
        plural: 'cacheservers',
        singular: 'cacheserver',
        shortNames: ['cs'],
        categories: ['tweendeck'],
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: caches.schema },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.readyReplicas',
            },
          },
          additionalPrinterColumns: [
            { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
            { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
          ],
        },
      ],
    },
  });
});

test('a cluster kind without a status has no subresource', () => {
  const zones = defineKind({
    group: 'tweendeck.io',
    version: 'v1alpha1',
    kind: 'Zone',
    plural: 'zones',
    scope: 'Cluster',
    spec: t.object({ name: t.string() }),
  });
  assert.equal(zones.namespaced, false);
  const { spec } = zones.crd();
  assert.equal(spec.scope, 'Cluster');
  assert.equal(spec.versions[0]?.subresources, undefined);
  sameTypes<Same<NonNullable<ObjectOf<typeof zones>['status']>, never>>();
});
