// The kind CacheServer: what a user declares, and what the platform says about it.

import { type FleetStatus, fleetPhases } from '@tweendeck/engine';
import {
  defineKind,
  type Kind,
  type KindObject,
  type Toleration,
  type Type,
  t,
  tolerationsType,
} from '@tweendeck/kube';
import { kernelNames } from './dataplane/kernel-settings.ts';
import { type RulesSpec, rulesFields } from './kind-rules.ts';

/** The image of our own data plane; in the embedded home it is this program. */
export const cacheServerImage = {
  repository: 'tweendeck.io/cacheserver',
  tag: '0.1.0',
} as const;

/** The image of the entry: our program with nginx beside it. In the embedded home nginx is the machine's. */
export const entryImage: { readonly repository: string; readonly tag: string } = {
  repository: 'tweendeck.io/cacheserver-entry',
  tag: cacheServerImage.tag,
};

const limits = t
  .map(t.quantity())
  .describe(
    'What the data plane may use: cpu, memory. Requests are the same: pods are of the Guaranteed class.',
  );

/** What a user says of cleaning. */
export interface CleanerSpec {
  readonly webhook?: string;
  readonly image?: string;
  readonly schedule?: string;
  readonly ttlSeconds?: number;
  readonly renewOnHit?: boolean;
  readonly maxBytes?: number;
  readonly dryRun?: boolean;
}

/** What a user says of the entry in front of several replicas. */
interface EntryChoice {
  readonly mode?: 'Auto' | 'Always' | 'Never';
  readonly image?: string;
  readonly replicas?: number;
  readonly resources?: { readonly limits?: Readonly<Record<string, number | string>> };
}

/** What a user declares; the server fills in what has a default. */
export interface CacheServerSpec extends RulesSpec {
  /** Bytes of disk that a replica may fill. */
  readonly storage: number;
  readonly image: string;
  readonly resources: {
    readonly limits: Readonly<Record<string, number | string>>;
    readonly requests?: Readonly<Record<string, number | string>>;
  };
  readonly cleaner?: CleanerSpec;
  readonly tolerations?: readonly Toleration[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly replicas: number;
  readonly entry?: EntryChoice;
  /** Settings of the kernel for the replicas. */
  readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
  /** Of the Service. */
  readonly port: number;
  readonly serviceType: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
}

/** What the platform says. */
export interface CacheServerStatus extends FleetStatus {
  /** Of all replicas together; absent while not known. */
  readonly usedBytes?: number;
  readonly objects?: number;
  /** 0 to 1, since the replicas started; absent while nobody asked. */
  readonly hitRatio?: number;
  /** Absent while not known, and when nothing was cleaned since the replicas started. */
  readonly lastClean?: {
    readonly time: string;
    readonly objects: number;
    readonly bytes: number;
  };
}

const fields = {
  storage: t
    .int64({ minimum: 1 })
    .default(10 * 1024 ** 3)
    .describe('How much disk a replica may fill, in bytes; the oldest values make room.'),
  image: t
    .string({ minLength: 1 })
    .default(`${cacheServerImage.repository}:${cacheServerImage.tag}`)
    .describe('The data plane.'),
  resources: t
    .object({
      limits: limits.default({ cpu: '500m', memory: '512Mi' }),
      requests: t.map(t.quantity()).optional().describe('When given, the same as limits.'),
    })
    .rule('!has(self.requests) || self.requests == self.limits', {
      message:
        'requests must equal limits, so that pods are of the Guaranteed class; leave requests out',
    })
    .default({ limits: { cpu: '500m', memory: '512Mi' } }),
  cleaner: t
    .object({
      webhook: t
        .string({ pattern: '^https?://[^\\s/]+(/\\S*)?$' })
        .optional()
        .describe('Where a report of every cleaning run is posted.'),
      image: t.string({ minLength: 1 }).optional().describe('The cleaner.'),
      schedule: t
        .string({ pattern: '^(@(hourly|daily|weekly|monthly)|[^\\s]+(\\s+[^\\s]+){4})$' })
        .optional()
        .describe('When it runs, as in a CronJob; every full hour by default.'),
      ttlSeconds: t
        .int64({ minimum: 1 })
        .optional()
        .describe('Values go that nobody asked for or stored for so long.'),
      renewOnHit: t
        .boolean()
        .optional()
        .describe('Whether asking for a value counts, true by default; otherwise storing alone.'),
      maxBytes: t
        .int64({ minimum: 0 })
        .optional()
        .describe('Bytes that a replica keeps after a run; the least recently used values go.'),
      dryRun: t.boolean().optional().describe('Nothing goes; reports say what would have.'),
    })
    .optional()
    .describe('Removes old values of all replicas on a schedule and reports each run.'),
  tolerations: tolerationsType.optional().describe('Taints that the pods tolerate.'),
  nodeSelector: t
    .map(t.string())
    .optional()
    .describe('Labels of the nodes that the pods may run on.'),
  imagePullSecrets: t
    .list(t.object({ name: t.string({ minLength: 1 }) }))
    .optional()
    .describe('Secrets with which the image is pulled.'),
  replicas: t
    .int32({ minimum: 0, maximum: 64 })
    .default(1)
    .describe(
      'How many data planes run; each keeps a cache of its own, unless store names one for all.',
    ),
  sysctls: t
    .list(
      t.object({
        name: t.enum(kernelNames),
        value: t.string({ pattern: '^[0-9]+([ \\t]+[0-9]+){0,2}$' }),
      }),
    )
    .optional()
    .describe('Settings of the kernel for the replicas; KernelTuned tells which of them hold.'),
  entry: t
    .object({
      mode: t
        .enum(['Auto', 'Always', 'Never'])
        .optional()
        .describe('Auto, the default: there is one in front of more than one replica.'),
      image: t.string({ minLength: 1 }).optional().describe('nginx and who keeps it in step.'),
      replicas: t
        .int32({ minimum: 1, maximum: 16 })
        .optional()
        .describe('How many of it run; 1 by default.'),
      resources: t
        .object({ limits: t.map(t.quantity()).optional() })
        .optional()
        .describe('What each may use: cpu, memory. Requests are the same.'),
    })
    .optional()
    .describe('nginx in front of the replicas: an address of a client stays with one of them.'),
  port: t.int32({ minimum: 1, maximum: 65_535 }).default(8_126).describe('Port of the Service.'),
  serviceType: t
    .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
    .default('ClusterIP')
    .describe('Who reaches it: the cluster alone, or clients outside as well.'),
  ...rulesFields,
} as const;

const spec: Type<CacheServerSpec> = t
  .object(fields)
  .rule('!has(self.store) || !has(self.cleaner)', {
    message: 'values in Redis go by store.redis.ttlSeconds and by its evictions; leave cleaner out',
  });

const status: Type<CacheServerStatus> = t.object({
  phase: t.enum(fleetPhases).optional(),
  observedGeneration: t.int64().optional(),
  replicas: t.int32().optional().describe('Pods that exist.'),
  readyReplicas: t.int32().optional().describe('Pods that serve.'),
  endpoint: t.string().optional().describe('Where clients connect.'),
  selector: t.string().optional().describe('Labels of the pods, as text.'),
  usedBytes: t
    .int64()
    .optional()
    .describe('Bytes on the disks of all replicas. Absent while not known: see FiguresKnown.'),
  objects: t.int64().optional().describe('Keys that all replicas hold, added up.'),
  hitRatio: t
    .number()
    .optional()
    .describe('Share of the files asked for that were there, 0 to 1, since the replicas started.'),
  lastClean: t
    .object({ time: t.time(), objects: t.int64(), bytes: t.int64() })
    .optional()
    .describe('The last run of the cleaner: what went at all replicas. Absent before the first.'),
  conditions: t.conditions().optional(),
});

/** Addresses CacheServers, and gives their CustomResourceDefinition. */
export const cacheServerKind: Kind<CacheServerSpec, CacheServerStatus> = defineKind({
  group: 'tweendeck.io',
  version: 'v1alpha1',
  kind: 'CacheServer',
  plural: 'cacheservers',
  shortNames: ['cache'],
  categories: ['all', 'tweendeck'],
  description: 'A Unity Cache Server (protocol version 254), run by the platform.',
  spec,
  status,
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint' },
    { name: 'Used', type: 'integer', jsonPath: '.status.usedBytes', priority: 1 },
    { name: 'Objects', type: 'integer', jsonPath: '.status.objects', priority: 1 },
    { name: 'Hits', type: 'number', jsonPath: '.status.hitRatio', priority: 1 },
    { name: 'Storage', type: 'integer', jsonPath: '.spec.storage', priority: 1 },
    { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});

/** A CacheServer as the API answers it. */
export type CacheServerObject = KindObject<CacheServerSpec, CacheServerStatus>;
