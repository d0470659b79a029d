// What a CacheServer is made of: the Deployment, its disruption budget and the Service that its spec asks for. Pure.

import type { Applied } from '@tweendeck/client';
import {
  type Container,
  type PodSpec,
  type PodTemplateSpec,
  parseQuantity,
  quantityValue,
  type Toleration,
} from '@tweendeck/kube';
import { controlName } from './child-names.ts';
import { podSysctls } from './kernel-tuning.ts';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { labelsOf, selectorOf } from './labels.ts';
import { rulesFile, rulesOption, rulesPath, rulesVolume } from './render-rules.ts';

/** Where the data plane listens inside a pod; the Service's port is the user's. */
export const cachePort = 8126;
/** HTTP inside a pod: /livez, /readyz, /metrics, /stats. */
export const statusPort = 8127;

/** As `cachePort`, for the entry: it sends a PROXY header. */
export const proxiedPort = 8128;

const dataPath = '/data';
/** Where replicas and cleaner find what they share. */
export const secretPath = '/run/secrets/tweendeck';

/** The user of the image, by number: whoever reads the pod sees that it is not root. */
const imageUser = 65_532;

/** A stop in order: clients that come late are still served, then those that are there finish. */
const lingerSeconds = 5;
const drainSeconds = 20;
const stopSeconds = 30;

/** How long a pod waits on a node that is lost. A cache has nothing to lose: it starts empty elsewhere. */
const lostNodeSeconds = 30;
const lossTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/** How much the data plane may keep, in bytes: nine tenths of the volume, so that uploads on their way fit beside it. */
export function keptBytes(storageBytes: number): number {
  return Math.floor(storageBytes * 0.9);
}

/** The Deployment; its pods are of the Guaranteed class, spread over hosts where possible. */
export function renderDeployment(cache: CacheServerObject): Applied {
  const { metadata, spec } = cache;
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
        spec: renderPod(cache),
      } satisfies PodTemplateSpec,
    },
  };
}

/**
 * Evictions (a drain of a node, a cluster that is upgraded) take one replica at a time. Undefined for a single one: a
 * budget would keep its node from being drained for ever.
 */
export function renderDisruptionBudget({ metadata, spec }: CacheServerObject): Applied | undefined {
  if (spec.replicas < 2) return undefined;
  const { name, namespace } = metadata;
  return {
    metadata: { name, ...(namespace ? { namespace } : {}), labels: labelsOf(name) },
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: selectorOf(name) },
      // A pod that does not serve anyway keeps nobody from draining its node.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  };
}

/** A quarter of the memory limit holds hot values; the rest is for connections and the index. 32 MiB without a limit. */
export function memoryTierBytes(limit: string | undefined): number {
  const bytes = limit === undefined ? 128 * 1024 ** 2 : Number(quantityValue(parseQuantity(limit)));
  return Math.floor(bytes / 4);
}

/** The user's tolerations, and that pods leave lost nodes soon, unless the user said how long they stay there. */
export function tolerationsOf(own: readonly Toleration[] = []): readonly Toleration[] {
  const decided = (taint: string): boolean =>
    own.some(
      ({ key = '', effect = 'NoExecute' }) =>
        effect === 'NoExecute' && (key === '' || key === taint),
    );
  const added = lossTaints
    .filter((taint) => !decided(taint))
    .map((key): Toleration => {
      const stay = { effect: 'NoExecute', tolerationSeconds: lostNodeSeconds } as const;
      return { key, operator: 'Exists', ...stay };
    });
  return [...own, ...added];
}

function renderPod(cache: CacheServerObject): PodSpec {
  const { metadata, spec } = cache;
  const sysctls = podSysctls(spec);
  return {
    containers: [renderContainer(cache)],
    volumes: [
      { name: 'data', emptyDir: { sizeLimit: String(spec.storage) } },
      secretVolume(metadata.name),
      rulesVolume(cache),
    ],
    ...placementOf(spec),
    securityContext: { ...podSecurity.pod, ...(sysctls ? { sysctls } : {}) },
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: stopSeconds,
  };
}

/** What only replicas and cleaner know: `token` opens the control, `key` signs reports. It may come later. */
export function secretVolume(name: string): NonNullable<PodSpec['volumes']>[number] {
  return { name: 'secret', secret: { secretName: controlName(name), optional: true } };
}

/** Where pods may run and with whom. */
export function placementOf(
  spec: CacheServerSpec,
): Pick<PodSpec, 'affinity' | 'nodeSelector' | 'tolerations' | 'imagePullSecrets'> {
  return {
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
    tolerations: tolerationsOf(spec.tolerations),
    ...(spec.imagePullSecrets ? { imagePullSecrets: spec.imagePullSecrets } : {}),
  };
}

/** Pod security "restricted". */
export const podSecurity: {
  readonly pod: NonNullable<PodSpec['securityContext']>;
  readonly container: NonNullable<Container['securityContext']>;
} = {
  pod: {
    runAsNonRoot: true,
    runAsUser: imageUser,
    runAsGroup: imageUser,
    fsGroup: imageUser,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  container: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  },
};

function renderContainer(cache: CacheServerObject): Container {
  const { spec } = cache;
  const limits = Object.fromEntries(
    Object.entries(spec.resources.limits).map(([name, quantity]) => [name, String(quantity)]),
  );
  const ask = (path: string) => ({ httpGet: { path, port: 'status', scheme: 'HTTP' } }) as const;
  return {
    name: 'cacheserver',
    image: spec.image,
    args: [
      'cacheserver',
      'serve',
      `--data=${dataPath}`,
      `--listen=$(POD_IP):${cachePort}`,
      `--proxied-listen=$(POD_IP):${proxiedPort}`,
      `--status-listen=$(POD_IP):${statusPort}`,
      `--storage=${keptBytes(spec.storage)}`,
      `--memory=${memoryTierBytes(limits['memory'])}`,
      `--control-token-file=${secretPath}/token`,
      rulesOption(rulesFile(cache).name),
      `--linger-seconds=${lingerSeconds}`,
      `--drain-seconds=${drainSeconds}`,
      '--json',
    ],
    env: [
      { name: 'POD_IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } },
    ],
    ports: [
      { name: 'cache', containerPort: cachePort, protocol: 'TCP' },
      { name: 'proxied', containerPort: proxiedPort, protocol: 'TCP' },
      { name: 'status', containerPort: statusPort, protocol: 'TCP' },
    ],
    resources: { limits, requests: limits },
    // A large cache on a slow disk takes its time to be read when its container starts again.
    startupProbe: { ...ask('/livez'), periodSeconds: 1, failureThreshold: 600 },
    readinessProbe: { ...ask('/readyz'), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...ask('/livez'), periodSeconds: 10, failureThreshold: 6 },
    volumeMounts: [
      { name: 'data', mountPath: dataPath },
      { name: 'secret', mountPath: secretPath, readOnly: true },
      { name: 'rules', mountPath: rulesPath, readOnly: true },
    ],
    securityContext: podSecurity.container,
    // Why it ended stands in its status, and so in the CacheServer's conditions.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** The Service: one stable name and address in front of the pods that these labels select. */
export function renderService(
  { metadata, spec }: CacheServerObject,
  selector: Readonly<Record<string, string>> = selectorOf(metadata.name),
): Applied {
  const { name, namespace } = metadata;
  return {
    metadata: { name, ...(namespace ? { namespace } : {}), labels: labelsOf(name) },
    spec: {
      type: spec.serviceType,
      selector,
      ports: [{ name: 'cache', port: spec.port, targetPort: 'cache', protocol: 'TCP' }],
    },
  };
}
