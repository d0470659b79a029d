// What stands in front of several replicas: nginx as one entry, and the rights to follow the replicas. Pure.

import type { Applied } from '@tweendeck/client';
import type { PodSpec, PodTemplateSpec } from '@tweendeck/kube';
import { entryName, followerName, replicasName } from './child-names.ts';
import { type CacheServerObject, type CacheServerSpec, entryImage } from './kind.ts';
import { selectorOf } from './labels.ts';
import { cachePort, placementOf, podSecurity, proxiedPort, statusPort } from './render.ts';

const workPath = '/run/entry';
/** Behind nginx clients are not let go when they pause: those that are there are given time to end by themselves. */
const drainSeconds = 600;
const lingerSeconds = 5;

/** An entry with everything that the spec leaves out. */
export interface EntrySpec {
  readonly image: string;
  readonly replicas: number;
  readonly limits: Readonly<Record<string, string>>;
}

const usualLimits = { cpu: '250m', memory: '192Mi' } as const;

/** The entry that the spec asks for; undefined when clients are to meet the replicas themselves. */
export function wantedEntry({ entry, replicas }: CacheServerSpec): EntrySpec | undefined {
  const mode = entry?.mode ?? 'Auto';
  const wanted = mode === 'Always' ? replicas > 0 : mode === 'Auto' && replicas > 1;
  if (!wanted) return undefined;
  const limits = Object.entries(entry?.resources?.limits ?? usualLimits);
  return {
    image: entry?.image ?? `${entryImage.repository}:${entryImage.tag}`,
    replicas: entry?.replicas ?? 1,
    limits: Object.fromEntries(limits.map(([name, quantity]) => [name, String(quantity)])),
  };
}

/** The labels by which entries are found; those of replicas never fit them. */
export function entrySelectorOf(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'cacheserver-entry', 'app.kubernetes.io/instance': name };
}

function entryLabels(name: string): Readonly<Record<string, string>> {
  return {
    ...entrySelectorOf(name),
    'app.kubernetes.io/component': 'entry',
    'app.kubernetes.io/managed-by': 'tweendeck',
  };
}

function metadataOf({ metadata: { name, namespace } }: CacheServerObject, own: string) {
  return { name: own, ...(namespace ? { namespace } : {}), labels: entryLabels(name) };
}

/** The Service without an address whose endpoints the entry follows. */
export function renderReplicas(cache: CacheServerObject): Applied {
  const { name } = cache.metadata;
  return {
    metadata: metadataOf(cache, replicasName(name)),
    spec: {
      clusterIP: 'None',
      selector: selectorOf(name),
      ports: [
        { name: 'proxied', port: proxiedPort, targetPort: 'proxied', protocol: 'TCP' },
        { name: 'status', port: statusPort, targetPort: 'status', protocol: 'TCP' },
      ],
    },
  };
}

export function renderFollowerAccount(cache: CacheServerObject): Applied {
  const own = metadataOf(cache, followerName(cache.metadata.name));
  return { metadata: own, automountServiceAccountToken: false };
}

/** Reading endpoints of its namespace, and nothing else. */
export function renderFollowerRole(cache: CacheServerObject): Applied {
  return {
    metadata: metadataOf(cache, followerName(cache.metadata.name)),
    rules: [
      {
        apiGroups: ['discovery.k8s.io'],
        resources: ['endpointslices'],
        verbs: ['list', 'watch'],
      },
    ],
  };
}

export function renderFollowerBinding(cache: CacheServerObject): Applied {
  const { name, namespace = 'default' } = cache.metadata;
  const own = followerName(name);
  return {
    metadata: metadataOf(cache, own),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: own },
    subjects: [{ kind: 'ServiceAccount', name: own, namespace }],
  };
}

export function renderEntryDeployment(cache: CacheServerObject, entry: EntrySpec): Applied {
  const { name } = cache.metadata;
  return {
    metadata: metadataOf(cache, entryName(name)),
    spec: {
      replicas: entry.replicas,
      selector: { matchLabels: entrySelectorOf(name) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: entryLabels(name) },
        spec: renderEntryPod(cache, entry),
      } satisfies PodTemplateSpec,
    },
  };
}

function renderEntryPod({ metadata, spec }: CacheServerObject, entry: EntrySpec): PodSpec {
  const ask = (path: string) => ({ httpGet: { path, port: 'status', scheme: 'HTTP' } }) as const;
  return {
    serviceAccountName: followerName(metadata.name),
    automountServiceAccountToken: true,
    containers: [
      {
        name: 'entry',
        image: entry.image,
        args: [
          'cacheserver',
          'entry',
          `--service=${replicasName(metadata.name)}`,
          `--listen=$(POD_IP):${cachePort}`,
          `--status-listen=$(POD_IP):${statusPort}`,
          `--directory=${workPath}`,
          `--linger-seconds=${lingerSeconds}`,
          `--drain-seconds=${drainSeconds}`,
          '--json',
        ],
        env: [
          {
            name: 'POD_IP',
            valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } },
          },
        ],
        ports: [
          { name: 'cache', containerPort: cachePort, protocol: 'TCP' },
          { name: 'status', containerPort: statusPort, protocol: 'TCP' },
        ],
        resources: { limits: entry.limits, requests: entry.limits },
        startupProbe: { ...ask('/livez'), periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...ask('/readyz'), periodSeconds: 2, failureThreshold: 2 },
        livenessProbe: { ...ask('/livez'), periodSeconds: 10, failureThreshold: 6 },
        volumeMounts: [{ name: 'work', mountPath: workPath }],
        securityContext: podSecurity.container,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes: [{ name: 'work', emptyDir: { sizeLimit: '16Mi' } }],
    ...placementOf(spec),
    securityContext: podSecurity.pod,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: lingerSeconds + drainSeconds + 10,
  };
}
