// What a CacheServer is made of: the Deployment and the Service that its spec asks for. Pure.

import type { Applied } from '@tweendeck/client';
import { type PodSpec, type PodTemplateSpec, parseQuantity, quantityValue } from '@tweendeck/kube';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';

/** Where the data plane listens inside a pod; the Service's port is the user's. */
export const cachePort = 8126;
/** HTTP inside a pod: /livez, /readyz, /metrics, /stats. */
export const statusPort = 8127;

const dataPath = '/data';

/** Labels of everything that belongs to one CacheServer. */
export function labelsOf(name: string): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': 'cacheserver',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': 'data-plane',
    'app.kubernetes.io/managed-by': 'tweendeck',
  };
}

/** The labels by which Deployment and Service find their pods; they never change. */
export function selectorOf(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'cacheserver', 'app.kubernetes.io/instance': name };
}

/** How much the data plane may keep, in bytes: nine tenths of the volume, so that uploads on their way fit beside it. */
export function keptBytes(storageBytes: number): number {
  return Math.floor(storageBytes * 0.9);
}

/** The Deployment; its pods are of the Guaranteed class, spread over hosts where possible. */
export function renderDeployment({ metadata, spec }: CacheServerObject): Applied {
  const { name, namespace } = metadata;
  return {
    metadata: { name, ...(namespace ? { namespace } : {}), labels: labelsOf(name) },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: selectorOf(name) },
      // The new pod is ready before the old one goes: clients always find a server.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: labelsOf(name) },
        spec: renderPod(spec),
      } satisfies PodTemplateSpec,
    },
  };
}

/** A quarter of the memory limit holds hot values; the rest is for connections and the index. 32 MiB without a limit. */
export function memoryTierBytes(limit: string | undefined): number {
  const bytes = limit === undefined ? 128 * 1024 ** 2 : Number(quantityValue(parseQuantity(limit)));
  return Math.floor(bytes / 4);
}

function renderPod(spec: CacheServerSpec): PodSpec {
  const limits = Object.fromEntries(
    Object.entries(spec.resources.limits).map(([name, quantity]) => [name, String(quantity)]),
  );
  return {
    containers: [
      {
        name: 'cacheserver',
        image: spec.image,
        args: [
          'cacheserver',
          'serve',
          `--data=${dataPath}`,
          `--listen=$(POD_IP):${cachePort}`,
          `--status-listen=$(POD_IP):${statusPort}`,
          `--storage=${keptBytes(spec.storage)}`,
          `--memory=${memoryTierBytes(limits['memory'])}`,
          '--drain-seconds=20',
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
        resources: { limits, requests: limits },
        readinessProbe: {
          httpGet: { path: '/readyz', port: 'status', scheme: 'HTTP' },
          periodSeconds: 2,
          failureThreshold: 2,
        },
        livenessProbe: {
          httpGet: { path: '/livez', port: 'status', scheme: 'HTTP' },
          periodSeconds: 10,
          failureThreshold: 6,
        },
        volumeMounts: [{ name: 'data', mountPath: dataPath }],
        // Why it ended stands in its status, and so in the CacheServer's conditions.
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes: [{ name: 'data', emptyDir: { sizeLimit: String(spec.storage) } }],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: {
              labelSelector: { matchLabels: { 'app.kubernetes.io/managed-by': 'tweendeck' } },
              topologyKey: 'kubernetes.io/hostname',
            },
          },
        ],
      },
    },
    ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
    ...(spec.tolerations ? { tolerations: spec.tolerations } : {}),
    ...(spec.imagePullSecrets ? { imagePullSecrets: spec.imagePullSecrets } : {}),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
  };
}

/** The Service: one stable name and address in front of the pods. */
export function renderService({ metadata, spec }: CacheServerObject): Applied {
  const { name, namespace } = metadata;
  return {
    metadata: { name, ...(namespace ? { namespace } : {}), labels: labelsOf(name) },
    spec: {
      type: spec.serviceType,
      selector: selectorOf(name),
      ports: [{ name: 'cache', port: spec.port, targetPort: 'cache', protocol: 'TCP' }],
    },
  };
}
