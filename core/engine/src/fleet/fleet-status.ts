// What the status says of every fleet: phase, conditions, counts, and where clients connect. Pure.

import type { ConditionInput } from '@tweendeck/controller';
import type { Deployment, Pod, Service } from '@tweendeck/kube';
import type { FleetPhase } from '../cluster-spec.ts';
import type { Trouble } from '../engine.ts';
import { podTrouble, withHint } from '../pod-trouble.ts';
import type { FleetHints, FleetShape } from './fleet-engine.ts';

/** Of one Deployment: as the server has it, and its pods, those that are going too. */
interface SeenDeployment {
  /** Undefined before it was made. */
  readonly deployment: Deployment | undefined;
  readonly pods: readonly Pod[];
}

export interface FleetStatusInput {
  readonly shape: FleetShape;
  readonly isDeleting: boolean;
  readonly members: SeenDeployment;
  /** Undefined when none is wanted, or it was not made yet. */
  readonly entry?: SeenDeployment | undefined;
  readonly service: Service | undefined;
  /** Why nothing is changed. */
  readonly blocked?: Trouble | undefined;
  /** What is wrong though all pods are as they should be. */
  readonly trouble?: Trouble | undefined;
  readonly hints?: FleetHints | undefined;
}

export interface FleetStatusPlan {
  readonly fields: {
    readonly phase: FleetPhase;
    readonly replicas: number;
    readonly readyReplicas: number;
    readonly endpoint: string | undefined;
    readonly selector: string;
  };
  readonly conditions: readonly ConditionInput[];
  /** What keeps it from what the spec asks for, and needs a person or takes longer than it should. */
  readonly trouble: Trouble | undefined;
  /** Whom or what it waits for; undefined when nothing is left to do. */
  readonly waits: string | undefined;
}

/** Derives all of it. `phase` only sums up the conditions in one word. */
export function planFleetStatus(input: FleetStatusInput): FleetStatusPlan {
  const { shape, members, entry, service, hints = {} } = input;
  const wanted = shape.members.replicas;
  const present = members.pods.filter(isPresent);
  const readyCount = present.filter(isReady).length;
  const doors = entry && serves(entry.deployment) ? entry.pods.filter(isPresent) : present;
  const endpoint = endpointOf(service, shape.service.port, doors);
  const isEntrySettled = !entry || isSettledEntry(entry.deployment);
  const served = isCurrent(members.deployment, wanted) && readyCount >= wanted;
  const podsTrouble =
    input.blocked ??
    (served ? undefined : memberTrouble(members, hints)) ??
    (isEntrySettled ? undefined : entryTrouble(entry, hints));
  const counts = `${readyCount} of ${wanted} replicas are ready${entryNote(entry)}`;
  const pending =
    served && wanted > 0 && endpoint === undefined && service?.spec.type === 'LoadBalancer'
      ? {
          reason: 'LoadBalancerPending',
          message: `${counts}; the load balancer has no address yet, inside the cluster ${insideEndpoint(service, shape.service.port)} serves`,
        }
      : undefined;
  const settled = served && isEntrySettled && !podsTrouble && !pending;
  const trouble = podsTrouble ?? input.trouble;
  const facts = { wanted, settled, trouble, pending, counts };
  return {
    fields: {
      phase: phaseOf({ ...facts, isDeleting: input.isDeleting, readyCount }),
      ...{ replicas: present.length, readyReplicas: readyCount, endpoint },
      selector: Object.entries(shape.members.selector)
        .map((pair) => pair.join('='))
        .join(','),
    },
    conditions: [
      ...conditionsOf(facts),
      ...(entry?.deployment ? [entryCondition(entry.deployment, entryTrouble(entry, hints))] : []),
    ],
    trouble,
    waits: settled ? undefined : (pending?.message ?? counts),
  };
}

/** Neither leaving nor ended. */
export function isPresent({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && !hasEnded(status?.phase);
}

function isReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
    true
  );
}

/** Whether an entry takes clients: the Service leads to it then. */
export function serves(entry: Deployment | undefined): boolean {
  return (entry?.status?.availableReplicas ?? 0) > 0;
}

/** Why a Deployment cannot make its pods: a quota, pod security, an admission webhook. */
function refusalOf(deployment: Deployment | undefined, hints: FleetHints): Trouble | undefined {
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
  return { reason, message: withHint(`pods are refused: ${why}`, hints.refused?.(reason)) };
}

/** A node that answers no more leaves its pods as they were, but for readiness, which Kubernetes takes away. */
function lossOf(pod: Pod, { replaced }: FleetHints): Trouble | undefined {
  const held = (wanted: string): string | undefined =>
    pod.status?.conditions?.find(({ type }) => type === wanted)?.status;
  if (held('Ready') !== 'False' || held('ContainersReady') !== 'True') return undefined;
  const { name, deletionTimestamp } = pod.metadata;
  const next =
    deletionTimestamp === undefined
      ? 'the pod is replaced unless it answers soon'
      : `another pod takes its place${replaced === undefined ? '' : `, ${replaced}`}`;
  return {
    reason: 'NodeUnreachable',
    message: `pod ${name} is lost with node ${pod.spec.nodeName ?? ''}, which does not answer; ${next}`,
  };
}

/** What is wrong, most telling first; pods that are gone or going matter only until there are enough others. */
function memberTrouble(
  { deployment, pods }: SeenDeployment,
  hints: FleetHints,
): Trouble | undefined {
  const first = <Item>(items: readonly Item[], look: (item: Item) => Trouble | undefined) =>
    items.map(look).find((found) => found !== undefined);
  return (
    first(pods.filter(isPresent), (pod) => podTrouble(pod, hints)) ??
    refusalOf(deployment, hints) ??
    first(pods, (pod) => lossOf(pod, hints)) ??
    first(pods.filter(isLost), (pod) => podTrouble(pod, hints))
  );
}

function isLost({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && hasEnded(status?.phase);
}

function hasEnded(phase: string | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

/**
 * The address a client uses: the load balancer's; for node ports a node where a pod serves; else the Service's DNS
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

function isSettledEntry(entry: Deployment | undefined): boolean {
  return entry === undefined || (isCurrent(entry, entry.spec.replicas ?? 0) && serves(entry));
}

function entryNote(entry: SeenDeployment | undefined): string {
  if (entry?.deployment === undefined || serves(entry.deployment)) return '';
  return '; the entry is not ready, clients meet the replicas themselves';
}

function entryTrouble(entry: SeenDeployment | undefined, hints: FleetHints): Trouble | undefined {
  const found =
    entry?.pods
      .filter(isPresent)
      .map((pod) => podTrouble(pod, hints))
      .find((one) => one !== undefined) ?? refusalOf(entry?.deployment, hints);
  return found && { reason: found.reason, message: `entry: ${found.message}` };
}

function entryCondition(entry: Deployment, trouble: Trouble | undefined): ConditionInput {
  const ready = entry.status?.availableReplicas ?? 0;
  const counts = `${ready} of ${entry.spec.replicas} entries are ready`;
  if (serves(entry))
    return { type: 'EntryReady', status: 'True', reason: 'EntryServes', message: counts };
  const why = trouble ?? { reason: 'EntryNotReady', message: counts };
  return { type: 'EntryReady', status: 'False', ...why };
}

interface Facts {
  readonly wanted: number;
  readonly settled: boolean;
  readonly trouble: Trouble | undefined;
  readonly pending: Trouble | undefined;
  readonly counts: string;
}

function conditionsOf({ wanted, settled, trouble, pending, counts }: Facts) {
  const unready = wanted === 0 ? 'ScaledToZero' : 'ReplicasNotReady';
  const why = trouble ?? pending ?? { reason: unready, message: counts };
  const said = (type: string, held: boolean, { reason, message }: Trouble): ConditionInput => ({
    ...{ type, status: held ? 'True' : 'False', reason, message },
  });
  const isAsSaid = settled && wanted > 0 && !trouble;
  return [
    said('Ready', isAsSaid, isAsSaid ? { reason: 'AllReplicasReady', message: counts } : why),
    settled
      ? said('Progressing', false, {
          ...{ reason: 'Settled', message: 'everything is as the spec says' },
        })
      : said('Progressing', true, pending ?? { reason: 'RollingOut', message: counts }),
    said(
      'Degraded',
      trouble !== undefined,
      trouble ?? { reason: 'NoTrouble', message: 'no pod is in trouble' },
    ),
  ];
}

function phaseOf({
  isDeleting,
  wanted,
  readyCount,
  settled,
  trouble,
}: Facts & { readonly isDeleting: boolean; readonly readyCount: number }): FleetPhase {
  if (isDeleting) return 'Terminating';
  if (settled && wanted === 0) return 'Stopped';
  if (settled && !trouble) return 'Ready';
  if (trouble) return readyCount > 0 ? 'Degraded' : 'Failed';
  return readyCount > 0 ? 'Progressing' : 'Pending';
}
