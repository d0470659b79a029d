// What a CacheServer's status says, of what is observed. Pure.

import type { CronJob, Deployment, Pod, Service } from '@tweendeck/kube';
import { controlName } from './child-names.ts';
import { type FigureFields, figureWords, type ReplicaAnswer } from './figures/figures.ts';
import { tuningCondition } from './kernel-tuning.ts';
import type { CacheServerObject, CacheServerPhase } from './kind.ts';
import { selectorOf } from './labels.ts';
import { peersCondition, rulesCondition, storeCondition } from './rules-words.ts';
import {
  containerHint,
  failureHint,
  placementHint,
  refusalHints,
  withHint,
} from './trouble-hints.ts';

/** An object that has the name of a child and belongs to somebody else. */
export interface Squatter {
  /** Such as `Service`. */
  readonly kind: string;
  readonly name: string;
  /** Its controller, such as `Deployment web`; undefined when it has none. */
  readonly owner: string | undefined;
}

export interface Observed {
  /** Undefined before it was made. */
  readonly deployment: Deployment | undefined;
  readonly service: Service | undefined;
  /** The Deployment of the entry; undefined when none is wanted. */
  readonly entry?: Deployment | undefined;
  readonly entryPods?: readonly Pod[];
  /** Undefined when none is wanted, or none can be. */
  readonly cleaner?: CronJob | undefined;
  /** Why the API takes no schedule. */
  readonly cleanerRefusal?: string | undefined;
  /** Why the Secret of the control cannot be made. */
  readonly controlRefusal?: string | undefined;
  /** Pods of this CacheServer, those being deleted too. */
  readonly pods: readonly Pod[];
  /** What the replicas that serve said about themselves. */
  readonly answers?: readonly ReplicaAnswer[];
  /** Why the children cannot be made. */
  readonly squatter?: Squatter | undefined;
  /** What of the spec no data plane would take. */
  readonly refusal?: string | undefined;
}

export interface StatusPlan {
  readonly fields: {
    readonly phase: CacheServerPhase;
    readonly replicas: number;
    readonly readyReplicas: number;
    readonly endpoint: string | undefined;
    readonly selector: string;
  } & FigureFields;
  readonly conditions: readonly StatusCondition[];
}

export interface StatusCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
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
    const reason = status.reason ?? 'PodFailed';
    const why = status.message ?? 'no reason given';
    return { reason, message: withHint(`pod ${name} failed: ${why}`, failureHint(reason, why)) };
  }
  const unscheduled = status?.conditions?.find(
    ({ type, status: held, reason }) =>
      type === 'PodScheduled' && held === 'False' && reason === 'Unschedulable',
  );
  if (unscheduled) {
    const why = unscheduled.message ?? '';
    const message = `pod ${name} finds no node: ${why}`.trimEnd();
    return { reason: 'Unschedulable', message: withHint(message, placementHint(why)) };
  }
  for (const container of status?.containerStatuses ?? []) {
    const waiting = container.state?.waiting;
    if (waiting?.reason && stuck.has(waiting.reason)) {
      const last = container.lastState?.terminated;
      const why = last?.message ? `: ${lastWords(last.message)}` : '';
      const exit = last ? ` (last exit code ${last.exitCode}${why})` : '';
      const message = `pod ${name} cannot run ${container.image}: ${waiting.message ?? waiting.reason}${exit}`;
      return {
        reason: waiting.reason,
        message: withHint(message, containerHint(waiting.reason, last?.reason)),
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

/** Why the Deployment cannot make its pods: a quota, pod security, an admission webhook. */
function refusalOf(deployment: Deployment | undefined): Trouble | undefined {
  const refused = deployment?.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (!refused) return undefined;
  const why = refused.message ?? 'no reason given';
  const reason = /exceeded quota/.test(why)
    ? 'QuotaExceeded'
    : /violates PodSecurity/.test(why)
      ? 'PodSecurityRefused'
      : (refused.reason ?? 'FailedCreate');
  return { reason, message: withHint(`pods are refused: ${why}`, refusalHints[reason]) };
}

/** A node that answers no more leaves its pods as they were, but for readiness, which Kubernetes takes away. */
function lossOf(pod: Pod): Trouble | undefined {
  const held = (wanted: string): string | undefined =>
    pod.status?.conditions?.find(({ type }) => type === wanted)?.status;
  if (held('Ready') !== 'False' || held('ContainersReady') !== 'True') return undefined;
  const { name, deletionTimestamp } = pod.metadata;
  const next =
    deletionTimestamp === undefined
      ? 'the pod is replaced unless it answers soon'
      : 'another pod takes its place, with an empty cache';
  return {
    reason: 'NodeUnreachable',
    message: `pod ${name} is lost with node ${pod.spec.nodeName ?? ''}, which does not answer; ${next}`,
  };
}

/** What is wrong, most telling first; pods that are gone or going matter only until there are enough others. */
function troubleIn(observed: Observed, settled: boolean): Trouble | undefined {
  const { squatter, pods, refusal } = observed;
  if (refusal !== undefined) {
    return { reason: 'SpecRefused', message: `nothing is changed: ${refusal}` };
  }
  if (squatter) {
    const owner = squatter.owner ? `belongs to ${squatter.owner}` : 'is not of the platform';
    return {
      reason: 'NameTaken',
      message: `there is a ${squatter.kind} ${squatter.name} that ${owner}; it is left alone: delete it, or name this one otherwise`,
    };
  }
  if (settled) return undefined;
  const first = <Item>(items: readonly Item[], look: (item: Item) => Trouble | undefined) =>
    items.map(look).find((found) => found !== undefined);
  return (
    first(pods.filter(isPresent), troubleOf) ??
    refusalOf(observed.deployment) ??
    first(pods, lossOf) ??
    first(pods.filter(isLost), troubleOf)
  );
}

/** Neither leaving nor ended. */
function isPresent({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && !hasEnded(status?.phase);
}

function isLost({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && hasEnded(status?.phase);
}

function hasEnded(phase: string | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

/**
 * The address a client uses: the load balancer's; for node ports a node where the cache runs; else the Service's DNS
 * name. Undefined before there is one.
 */
export function endpointOf(
  service: Service | undefined,
  port: number,
  pods: readonly Pod[] = [],
): string | undefined {
  if (!service) return undefined;
  if (service.spec.type === 'LoadBalancer') {
    const ingress = service.status?.loadBalancer?.ingress?.[0];
    const host = ingress?.ip ?? ingress?.hostname;
    return host === undefined ? undefined : `${host}:${port}`;
  }
  if (service.spec.type === 'NodePort') {
    const nodePort = service.spec.ports?.find((one) => one.port === port)?.nodePort;
    const [host] = pods
      .filter(isReady)
      .flatMap(({ status }) => (status?.hostIP === undefined ? [] : [status.hostIP]))
      .sort();
    return host === undefined || nodePort === undefined ? undefined : `${host}:${nodePort}`;
  }
  return insideEndpoint(service, port);
}

function insideEndpoint({ metadata }: Service, port: number): string {
  return `${metadata.name}.${metadata.namespace}.svc:${port}`;
}

/** Derives the whole status. `phase` only sums up the conditions in one word. */
export function planStatus(cache: CacheServerObject, observed: Observed): StatusPlan {
  const wanted = cache.spec.replicas;
  const present = observed.pods.filter(isPresent);
  const readyCount = present.filter(isReady).length;
  const { service } = observed;
  const { entry, entryPods = [] } = observed;
  const doors = entry && serves(entry) ? entryPods.filter(isPresent) : present;
  const endpoint = endpointOf(service, cache.spec.port, doors);
  const settledEntry = !entry || (isCurrent(entry, entry.spec.replicas ?? 0) && serves(entry));
  const served = isCurrent(observed.deployment, wanted) && readyCount >= wanted;
  const trouble =
    troubleIn(observed, served) ?? (settledEntry ? undefined : entryTrouble(entry, entryPods));
  const waits =
    !entry || serves(entry) ? '' : '; the entry is not ready, clients meet the replicas themselves';
  const counts = `${readyCount} of ${wanted} replicas are ready${waits}`;
  const pending =
    served && wanted > 0 && endpoint === undefined && service?.spec.type === 'LoadBalancer'
      ? {
          reason: 'LoadBalancerPending',
          message: `${counts}; the load balancer has no address yet, inside the cluster ${insideEndpoint(service, cache.spec.port)} serves`,
        }
      : undefined;
  const settled = served && settledEntry && !trouble && !pending;
  const figures = figureWords(observed.answers ?? []);
  const tuned = tuningCondition(cache.spec, observed.answers ?? []);
  const rules = rulesCondition(cache, observed.answers ?? []);
  const peers = peersCondition(cache, observed.answers ?? []);
  const store = storeCondition(cache, observed.answers ?? []);
  // Pods whose store is away serve on, and have nothing to give.
  const away = store?.reason === 'StoreUnreachable' ? store : undefined;
  return {
    fields: {
      ...figures.fields,
      phase: phaseOf({
        deleting: cache.metadata.deletionTimestamp !== undefined,
        wanted,
        readyCount,
        settled,
        trouble: trouble ?? away,
      }),
      replicas: present.length,
      readyReplicas: readyCount,
      endpoint,
      selector: Object.entries(selectorOf(cache.metadata.name))
        .map((pair) => pair.join('='))
        .join(','),
    },
    conditions: [
      ...conditionsOf(cache, { settled, trouble: trouble ?? away, pending, counts }),
      ...(cache.spec.cleaner ? [cleanerCondition(cache.metadata.name, observed)] : []),
      ...(tuned ? [tuned] : []),
      ...(peers ? [peers] : []),
      ...(rules ? [rules] : []),
      ...(store ? [store] : []),
      ...(entry ? [entryCondition(entry, entryTrouble(entry, entryPods))] : []),
      figures.condition,
    ],
  };
}

/** Whether an entry takes clients: the Service leads to it then. */
export function serves(entry: Deployment | undefined): boolean {
  return (entry?.status?.availableReplicas ?? 0) > 0;
}

function entryTrouble(entry: Deployment | undefined, pods: readonly Pod[]): Trouble | undefined {
  const found =
    pods
      .filter(isPresent)
      .map(troubleOf)
      .find((one) => one !== undefined) ?? refusalOf(entry);
  return found && { reason: found.reason, message: `entry: ${found.message}` };
}

function entryCondition(entry: Deployment, trouble: Trouble | undefined): StatusCondition {
  const ready = entry.status?.availableReplicas ?? 0;
  const counts = `${ready} of ${entry.spec.replicas} entries are ready`;
  if (serves(entry))
    return { type: 'EntryReady', status: 'True', reason: 'EntryServes', message: counts };
  const why = trouble ?? { reason: 'EntryNotReady', message: counts };
  return { type: 'EntryReady', status: 'False', ...why };
}

function cleanerCondition(
  name: string,
  { cleaner, cleanerRefusal, controlRefusal, squatter }: Observed,
): StatusCondition {
  const said = (status: 'True' | 'False', reason: string, message: string): StatusCondition => ({
    ...{ type: 'CleanerScheduled', status, reason, message },
  });
  if (cleanerRefusal !== undefined) return said('False', 'ScheduleRefused', cleanerRefusal);
  if (!cleaner) {
    const why = squatter ? 'a name that it needs is taken' : 'it is not made yet';
    return said('False', 'NotScheduled', why);
  }
  if (controlRefusal !== undefined) {
    const message = `the Secret ${controlName(name)} with the token cannot be made: ${controlRefusal}`;
    return said('False', 'NoToken', message);
  }
  const { schedule } = cleaner.spec;
  const { active = [], lastScheduleTime, lastSuccessfulTime } = cleaner.status ?? {};
  if (lastScheduleTime === undefined) return said('True', 'Scheduled', `it runs at "${schedule}"`);
  const succeeded = lastSuccessfulTime !== undefined && lastSuccessfulTime >= lastScheduleTime;
  if (succeeded || active.length > 0)
    return said('True', 'Scheduled', `it runs at "${schedule}", last at ${lastScheduleTime}`);
  const message = `the run of ${lastScheduleTime} failed; its log says why: kubectl logs -l app.kubernetes.io/name=cacheserver-cleaner. It shows the token of Secret ${controlName(name)}, and runs again at "${schedule}"`;
  return said('True', 'LastRunFailed', message);
}

/** Whether the Deployment has made what is wanted now, ready or not. */
function isCurrent(deployment: Deployment | undefined, wanted: number): boolean {
  return (
    deployment !== undefined &&
    deployment.status?.observedGeneration === deployment.metadata.generation &&
    deployment.spec.replicas === wanted &&
    (deployment.status?.updatedReplicas ?? 0) === wanted &&
    (deployment.status?.replicas ?? 0) === wanted
  );
}

function conditionsOf(
  { spec }: CacheServerObject,
  facts: {
    readonly settled: boolean;
    readonly trouble: Trouble | undefined;
    readonly pending: Trouble | undefined;
    readonly counts: string;
  },
): readonly StatusCondition[] {
  const { settled, trouble, pending, counts } = facts;
  const unready = spec.replicas === 0 ? 'ScaledToZero' : 'ReplicasNotReady';
  const why = trouble ?? pending ?? { reason: unready, message: counts };
  const said = (type: string, status: 'True' | 'False', { reason, message }: Trouble) => ({
    type,
    status,
    reason,
    message,
  });
  const calm = { reason: 'NoTrouble', message: 'no pod is in trouble' };
  return [
    settled && spec.replicas > 0 && !trouble
      ? said('Ready', 'True', { reason: 'AllReplicasReady', message: counts })
      : said('Ready', 'False', why),
    settled
      ? said('Progressing', 'False', {
          reason: 'Settled',
          message: 'everything is as the spec says',
        })
      : said('Progressing', 'True', pending ?? { reason: 'RollingOut', message: counts }),
    trouble ? said('Degraded', 'True', trouble) : said('Degraded', 'False', calm),
  ];
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
  if (facts.settled && facts.wanted === 0) return 'Stopped';
  if (facts.settled && !facts.trouble) return 'Ready';
  if (facts.trouble) return facts.readyCount > 0 ? 'Degraded' : 'Failed';
  return facts.readyCount > 0 ? 'Progressing' : 'Pending';
}
