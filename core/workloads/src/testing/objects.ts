// Small objects for tables: only what a row is about has to be said.

import type {
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  KubeObject,
  Node,
  OwnerReference,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Service,
  StatefulSet,
  StorageClass,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';

/** The present of all tables: 2026-01-01T00:00:00Z. */
export const nowMs: number = Date.UTC(2026, 0, 1);

/** A stamp so many seconds before the present. */
export function ago(seconds: number): string {
  return timestampOf(nowMs - seconds * 1_000);
}

export interface MetaInput {
  readonly uid?: string;
  readonly namespace?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly deletionTimestamp?: string;
  readonly ageSeconds?: number;
}

export function meta(name: string, input: MetaInput = {}): KubeObject['metadata'] {
  const { ageSeconds = 3_600, ...rest } = input;
  return {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: ago(ageSeconds),
    ...rest,
  };
}

export interface PodInput extends MetaInput {
  readonly phase?: NonNullable<Pod['status']>['phase'];
  /** Seconds since it became ready; undefined: not ready. */
  readonly readySeconds?: number | undefined;
  readonly node?: string;
  readonly ip?: string;
  readonly restarts?: number;
  readonly spec?: Partial<Pod['spec']>;
}

/** Running and ready for an hour unless said otherwise. */
export function pod(name: string, input: PodInput = {}): Pod {
  const { phase = 'Running', node, ip, restarts, spec, ...rest } = input;
  const readySeconds = 'readySeconds' in input ? input.readySeconds : 3_600;
  const { readySeconds: _, ...metadata } = rest;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name, metadata),
    spec: { containers: [{ name: 'main' }], ...(node ? { nodeName: node } : {}), ...spec },
    status: {
      phase,
      ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}),
      conditions:
        readySeconds === undefined
          ? [{ type: 'Ready', status: 'False' }]
          : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(readySeconds) }],
      ...(restarts === undefined
        ? {}
        : {
            containerStatuses: [
              { name: 'main', image: 'x', imageID: 'x', ready: true, restartCount: restarts },
            ],
          }),
    },
  };
}

export interface ReplicaSetInput extends MetaInput {
  readonly replicas?: number;
  readonly available?: number;
  readonly image?: string;
  readonly actual?: number;
}

export function replicaSet(name: string, input: ReplicaSetInput = {}): ReplicaSet {
  const { replicas = 1, available = replicas, actual = replicas, image = 'app:1', ...rest } = input;
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: meta(name, { generation: 1, ...rest }),
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: template(image, { ...labels, 'pod-template-hash': name }),
    },
    status: {
      replicas: actual,
      readyReplicas: available,
      availableReplicas: available,
      observedGeneration: 1,
    },
  };
}

/** A template as a server answers it: its metadata has no name. */
export function template(
  image: string,
  labels: Readonly<Record<string, string>>,
): NonNullable<ReplicaSet['spec']['template']> {
  // The generated type asks for server-filled metadata, which templates do not have.
  const metadata = { labels } as ReplicaSet['metadata'];
  return { metadata, spec: { containers: [{ name: 'main', image }] } };
}

export function deployment(
  spec: Partial<Deployment['spec']> & { readonly image?: string } = {},
  input: MetaInput & { readonly status?: Deployment['status'] } = {},
): Deployment {
  const { image = 'app:1', ...rest } = spec;
  const { status, ...metadata } = input;
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('web', { generation: 1, ...metadata }),
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: template(image, labels),
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
      },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...rest,
    },
    ...(status ? { status } : {}),
  };
}

export function statefulSet(
  spec: Partial<StatefulSet['spec']> = {},
  status?: StatefulSet['status'],
): StatefulSet {
  const labels = { app: 'db' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('db', { generation: 1 }),
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: labels },
      template: template('db:1', labels),
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}

export function daemonSet(
  spec: Partial<DaemonSet['spec']> = {},
  status?: DaemonSet['status'],
): DaemonSet {
  const labels = { app: 'agent' };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta('agent', { generation: 1 }),
    spec: {
      selector: { matchLabels: labels },
      template: template('agent:1', labels),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}

export function job(
  spec: Partial<Job['spec']> = {},
  input: MetaInput & { readonly status?: Job['status'] } = {},
): Job {
  const { status, ...metadata } = input;
  const base = template('job:1', { job: 'work' });
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta('work', { generation: 1, ...metadata }),
    spec: {
      parallelism: 1,
      ...('completions' in spec ? {} : { completions: 1 }),
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      podReplacementPolicy: spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed',
      template: { ...base, spec: { containers: [], ...base.spec, restartPolicy: 'Never' } },
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}

export function cronJob(
  spec: Partial<CronJob['spec']> = {},
  input: MetaInput & { readonly status?: CronJob['status'] } = {},
): CronJob {
  const { status, ...metadata } = input;
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: meta('tick', metadata),
    spec: {
      schedule: '*/10 * * * *',
      concurrencyPolicy: 'Allow',
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: job().spec },
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}

export function budget(
  spec: PodDisruptionBudget['spec'] = {},
  status?: PodDisruptionBudget['status'],
): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta('budget', { generation: 2 }),
    spec,
    ...(status ? { status } : {}),
  };
}

export function storageClass(name: string, spec: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: meta(name),
    provisioner: 'tweendeck.io/local',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    ...spec,
  };
}

export function volumeClaim(
  name: string,
  spec: PersistentVolumeClaim['spec'] & { readonly size?: string } = {},
  input: MetaInput & { readonly phase?: 'Bound' | 'Lost' | 'Pending' } = {},
): PersistentVolumeClaim {
  const { size = '1Gi', ...rest } = spec;
  const { phase = 'Pending', ...metadata } = input;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: meta(name, metadata),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      storageClassName: 'fast',
      volumeMode: 'Filesystem',
      ...rest,
    },
    status: { phase },
  };
}

export function volume(
  name: string,
  spec: PersistentVolume['spec'] & { readonly size?: string; readonly node?: string } = {},
  input: MetaInput & { readonly phase?: 'Available' | 'Bound' | 'Released' } = {},
): PersistentVolume {
  const { size = '1Gi', node: place, ...rest } = spec;
  const { phase = 'Available', ...metadata } = input;
  const hostname = {
    key: 'kubernetes.io/hostname',
    operator: 'In',
    values: [place ?? ''],
  } as const; // the literal is the operator
  const required = { nodeSelectorTerms: [{ matchExpressions: [hostname] }] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: meta(name, metadata),
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: size },
      storageClassName: 'fast',
      ...(place === undefined ? {} : { nodeAffinity: { required } }),
      ...rest,
    },
    status: { phase },
  };
}

export function service(
  name: string,
  spec: Service['spec'] = {},
  input: MetaInput & { readonly ingress?: string } = {},
): Service {
  const { ingress, ...metadata } = input;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, metadata),
    spec,
    ...(ingress ? { status: { loadBalancer: { ingress: [{ ip: ingress }] } } } : {}),
  };
}

export function node(
  name: string,
  input: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly ready?: 'True' | 'False' | 'Unknown';
    readonly spec?: Node['spec'];
  } = {},
): Node {
  const { labels = {}, allocatable, ready = 'True', spec = {} } = input;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: meta(name, { labels: { 'kubernetes.io/hostname': name, ...labels } }),
    spec,
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable },
      conditions: [{ type: 'Ready', status: ready, lastHeartbeatTime: ago(5) }],
    },
  };
}
