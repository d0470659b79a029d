// What a CacheServer's status says, of what is observed. Pure.

import type { Deployment, Pod, Service } from '@tweendeck/kube';
import type { CacheServerObject, CacheServerPhase } from './kind.ts';
import { selectorOf } from './render.ts';

export interface Observed {
  /** Undefined before it was made. */
  readonly deployment: Deployment | undefined;
  readonly service: Service | undefined;
  /** Pods of this CacheServer, those being deleted too. */
  readonly pods: readonly Pod[];
}

export interface StatusPlan {
  readonly fields: {
    readonly phase: CacheServerPhase;
    readonly replicas: number;
    readonly readyReplicas: number;
    readonly endpoint: string | undefined;
    readonly selector: string;
  };
  readonly conditions: readonly {
    readonly type: string;
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
  }[];
}

interface Trouble {
  readonly reason: string;
  readonly message: string;
}

/** Waiting reasons that time alone does not mend. */
const stuck: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
]);

/** Why a pod cannot run, in words a developer can act on; undefined when nothing is wrong. */
export function troubleOf(pod: Pod): Trouble | undefined {
  const { name } = pod.metadata;
  const { status } = pod;
  if (status?.phase === 'Failed') {
    return {
      reason: status.reason ?? 'PodFailed',
      message: `pod ${name} failed: ${status.message ?? 'no reason given'}`,
    };
  }
  const unscheduled = status?.conditions?.find(
    ({ type, status: held, reason }) =>
      type === 'PodScheduled' && held === 'False' && reason === 'Unschedulable',
  );
  if (unscheduled) {
    return {
      reason: 'Unschedulable',
      message: `pod ${name} finds no node: ${unscheduled.message ?? ''}`.trimEnd(),
    };
  }
  for (const container of status?.containerStatuses ?? []) {
    const waiting = container.state?.waiting;
    if (waiting?.reason && stuck.has(waiting.reason)) {
      const last = container.lastState?.terminated;
      const why = last?.message ? `: ${lastWords(last.message)}` : '';
      const exit = last ? ` (last exit code ${last.exitCode}${why})` : '';
      return {
        reason: waiting.reason,
        message: `pod ${name} cannot run ${container.image}: ${waiting.message ?? waiting.reason}${exit}`,
      };
    }
  }
  return undefined;
}

/** The end of a log: what went wrong and the hint stand on its last two lines. */
function lastWords(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-2);
  return lines
    .map((line) => line.trim())
    .join(' ')
    .slice(0, 500);
}

/** The address a client uses: the load balancer's, else the Service's DNS name; undefined before there is one. */
export function endpointOf(service: Service | undefined, port: number): string | undefined {
  if (!service) return undefined;
  if (service.spec.type === 'LoadBalancer') {
    const ingress = service.status?.loadBalancer?.ingress?.[0];
    const host = ingress?.ip ?? ingress?.hostname;
    return host === undefined ? undefined : `${host}:${port}`;
  }
  return `${service.metadata.name}.${service.metadata.namespace}.svc:${port}`;
}

/** Derives the whole status. `phase` only sums up the conditions in one word. */
export function planStatus(cache: CacheServerObject, observed: Observed): StatusPlan {
  const wanted = cache.spec.replicas;
  const living = observed.pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const readyCount = living.filter(isReady).length;
  const { deployment } = observed;
  const current =
    deployment !== undefined &&
    deployment.status?.observedGeneration === deployment.metadata.generation &&
    deployment.spec.replicas === wanted &&
    (deployment.status?.updatedReplicas ?? 0) === wanted &&
    (deployment.status?.replicas ?? 0) === wanted;
  const trouble = living.map(troubleOf).find((found) => found !== undefined);
  const settled = current && readyCount >= wanted;
  const endpoint = endpointOf(observed.service, cache.spec.port);
  const counts = `${readyCount} of ${wanted} replicas are ready`;
  return {
    fields: {
      phase: phaseOf({
        deleting: cache.metadata.deletionTimestamp !== undefined,
        wanted,
        readyCount,
        settled,
        trouble,
      }),
      replicas: living.length,
      readyReplicas: readyCount,
      endpoint,
      selector: Object.entries(selectorOf(cache.metadata.name))
        .map((pair) => pair.join('='))
        .join(','),
    },
    conditions: [
      settled && wanted > 0
        ? { type: 'Ready', status: 'True', reason: 'AllReplicasReady', message: counts }
        : {
            type: 'Ready',
            status: 'False',
            reason: wanted === 0 ? 'ScaledToZero' : (trouble?.reason ?? 'ReplicasNotReady'),
            message: trouble?.message ?? counts,
          },
      settled
        ? {
            type: 'Progressing',
            status: 'False',
            reason: 'Settled',
            message: 'everything is as the spec says',
          }
        : { type: 'Progressing', status: 'True', reason: 'RollingOut', message: counts },
      trouble
        ? { type: 'Degraded', status: 'True', reason: trouble.reason, message: trouble.message }
        : {
            type: 'Degraded',
            status: 'False',
            reason: 'NoTrouble',
            message: 'no pod is in trouble',
          },
      ...(cache.spec.cleaner
        ? [
            {
              type: 'CleanerScheduled',
              status: 'False' as const,
              reason: 'NotAvailable',
              message: 'this release keeps spec.cleaner but does not run cleaners yet',
            },
          ]
        : []),
    ],
  };
}

function isReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
    true
  );
}

function phaseOf(facts: {
  readonly deleting: boolean;
  readonly wanted: number;
  readonly readyCount: number;
  readonly settled: boolean;
  readonly trouble: Trouble | undefined;
}): CacheServerPhase {
  if (facts.deleting) return 'Terminating';
  if (facts.settled) return facts.wanted === 0 ? 'Stopped' : 'Ready';
  if (facts.trouble) return facts.readyCount > 0 ? 'Degraded' : 'Failed';
  return facts.readyCount > 0 ? 'Progressing' : 'Pending';
}
