// What a pod of a job says: its index, whether it is counted yet, whether it failed, and when it ended.

import type { ContainerStatus, Input, Job, Pod, PodTemplateSpec } from '@tweendeck/kube';
import { isActive, podCondition, timeMs } from '../pod/pod-state.ts';
import { podOfTemplate } from '../pod/template.ts';

/** On pods that their job has not counted yet; without it they may go. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
const ignoredCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** Pods that are ending are replaced only once they have ended. */
export function replacesFailedOnly({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

/** Being deleted, and not ended yet. */
export function isTerminating(pod: Pod): boolean {
  const { phase } = pod.status ?? {};
  const ended = phase === 'Succeeded' || phase === 'Failed';
  return pod.metadata.deletionTimestamp !== undefined && !ended;
}

export function isSucceeded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded';
}

/** A pod that is deleted before it ended failed too, unless the job waits for its end. */
export function isFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !replacesFailedOnly(job) && isTerminating(pod);
}

/** Undefined when the pod carries none. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexAnnotation] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Its index, if the job still has that one. */
export function validIndexOf(pod: Pod, { spec }: Job): number | undefined {
  const index = indexOf(pod);
  return index !== undefined && index < (spec.completions ?? 0) ? index : undefined;
}

export interface FailureCounts {
  readonly counted: number;
  readonly ignored: number;
}

/** Failures of the pod's index before this pod. */
export function failuresBefore({ metadata }: Pod): FailureCounts {
  const read = (key: string): number => {
    const text = metadata.annotations?.[key] ?? '';
    return /^\d{1,10}$/.test(text) ? Number(text) : 0;
  };
  return { counted: read(failureCountAnnotation), ignored: read(ignoredCountAnnotation) };
}

/** When its last container ended; failing that, when it stopped being ready, or its deletion was asked for. */
export function endedMs(pod: Pod): number {
  const created = timeMs(pod.metadata.creationTimestamp) ?? 0;
  return containersEndedMs(pod) ?? unreadySinceMs(pod) ?? deletedMs(pod) ?? created;
}

function containersEndedMs({ spec, status }: Pod): number | undefined {
  const sidecars = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  const names = new Set(sidecars.map(({ name }) => name));
  const statuses: readonly ContainerStatus[] = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []).filter(({ name }) => names.has(name)),
  ];
  const ends = statuses.map(({ state }) => timeMs(state?.terminated?.finishedAt));
  const known = ends.filter((end) => end !== undefined);
  return known.length === ends.length && known.length > 0 ? Math.max(...known) : undefined;
}

function unreadySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready');
  return ready?.status === 'False' ? timeMs(ready.lastTransitionTime) : undefined;
}

function deletedMs({ metadata }: Pod): number | undefined {
  const deleted = timeMs(metadata.deletionTimestamp);
  if (deleted === undefined) return undefined;
  return deleted - (metadata.deletionGracePeriodSeconds ?? 0) * 1_000;
}

/** Active pods of the same index, or without one, beyond the one that is furthest on. */
export function surplusOf(
  job: Job,
  pods: readonly Pod[],
  ranked: (pods: readonly Pod[]) => readonly Pod[],
): { readonly surplus: readonly Pod[]; readonly rest: readonly Pod[] } {
  const active = pods.filter(isActive);
  if (!isIndexed(job)) return { surplus: [], rest: active };
  const byIndex = Map.groupBy(active, (pod) => validIndexOf(pod, job));
  const surplus = [...(byIndex.get(undefined) ?? [])];
  const rest: Pod[] = [];
  for (const [index, same] of byIndex) {
    if (index === undefined) continue;
    const order = ranked(same);
    surplus.push(...order.slice(0, -1));
    rest.push(...order.slice(-1));
  }
  return { surplus, rest };
}

const generatedNameMax = 58;

/** A pod for the job; `index` for indexed jobs, `failures` of it where the job limits them. */
export function podForJob(
  job: Job,
  index: number | undefined,
  failures: FailureCounts | undefined,
): Input<Pod> {
  const template = index === undefined ? job.spec.template : withIndexVariable(job.spec.template);
  const finalizers = [...new Set([...(template.metadata?.finalizers ?? []), trackingFinalizer])];
  const { name } = job.metadata;
  if (index === undefined) {
    return podOfTemplate(template, job, { metadata: { generateName: `${name}-`, finalizers } });
  }
  const suffix = `-${index}-`;
  const whole = `${name}${suffix}`;
  const generateName =
    whole.length > generatedNameMax
      ? whole.slice(0, generatedNameMax - suffix.length) + suffix
      : whole;
  const annotations = {
    ...template.metadata?.annotations,
    [indexAnnotation]: String(index),
    ...(failures ? { [failureCountAnnotation]: String(failures.counted) } : {}),
    ...(failures && failures.ignored > 0
      ? { [ignoredCountAnnotation]: String(failures.ignored) }
      : {}),
  };
  const labels = { [indexAnnotation]: String(index) };
  return podOfTemplate(template, job, {
    metadata: { generateName, finalizers, annotations, labels },
    spec: { hostname: `${name}-${index}` },
  });
}

const indexVariable = 'JOB_COMPLETION_INDEX';

function withIndexVariable(template: PodTemplateSpec): PodTemplateSpec {
  const { spec } = template;
  if (!spec) return template;
  const valueFrom = { fieldRef: { fieldPath: `metadata.labels['${indexAnnotation}']` } };
  const added = <Kind extends NonNullable<typeof spec.containers>[number]>(
    container: Kind,
  ): Kind =>
    container.env?.some(({ name }) => name === indexVariable)
      ? container
      : { ...container, env: [...(container.env ?? []), { name: indexVariable, valueFrom }] };
  const initial = spec.initContainers?.map(added);
  return {
    ...template,
    spec: {
      ...spec,
      containers: spec.containers.map(added),
      ...(initial ? { initContainers: initial } : {}),
    },
  };
}
