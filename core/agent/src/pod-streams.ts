// Joins somebody's streams to a container: finds the run that is meant, with a kubelet's refusals.

import { ApiError, type Pod } from '@tweendeck/kube';
import type { RemoteExit, RemoteStreams } from './container-exec.ts';
import type { ContainerRun } from './container-run.ts';
import type { PodSet } from './pod-set.ts';

/** What is to be joined. */
export interface PodAttachTarget {
  readonly container: string;
  readonly tty: boolean;
}

/** What is to be run, and where. */
export interface PodExecTarget extends PodAttachTarget {
  /** Program and arguments; never empty. */
  readonly command: readonly string[];
}

/** Runs a command in a container. @throws ApiError when it does not run, Error when the command cannot be started. */
export async function execInPod(
  pods: PodSet,
  {
    pod,
    target,
    streams,
  }: { readonly pod: Pod; readonly target: PodExecTarget; readonly streams: RemoteStreams },
  signal: AbortSignal,
): Promise<RemoteExit> {
  const missing = `container not found (${JSON.stringify(target.container)})`;
  const run = runOf(pods, pod, { container: target.container, missing });
  return run.exec(target, streams, signal);
}

/** Joins a container's streams. @throws ApiError when it does not run. */
export async function attachToPod(
  pods: PodSet,
  {
    pod,
    target,
    streams,
  }: {
    readonly pod: Pod;
    readonly target: PodAttachTarget;
    readonly streams: RemoteStreams;
  },
  signal: AbortSignal,
): Promise<RemoteExit> {
  const { name, namespace = '' } = pod.metadata;
  const where = `container ${target.container} not found in pod ${name}_${namespace}`;
  const run = runOf(pods, pod, { container: target.container, missing: where });
  await run.attach(streams, signal);
  return { exitCode: 0 };
}

function runOf(
  pods: PodSet,
  pod: Pod,
  { container, missing }: { readonly container: string; readonly missing: string },
): ContainerRun {
  const { name, namespace = '' } = pod.metadata;
  const worker = pods.find(namespace, name);
  const runner = worker?.uid === pod.metadata.uid ? worker.runner(container) : undefined;
  if (runner?.run) return runner.run;
  throw new ApiError(500, 'InternalError', missing);
}
