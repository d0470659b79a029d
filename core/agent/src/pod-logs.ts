// Answers requests for a container's log, with a kubelet's refusals.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError, type ContainerStatus, type Pod } from '@tweendeck/kube';
import type { Clock } from '@tweendeck/std';
import { readLog } from './log-reader.ts';
import { containerLogDirectory } from './pod-paths.ts';
import type { PodSet } from './pod-set.ts';

/** What is asked of a container's log. */
export interface PodLogOptions {
  /** Undefined: the only container. */
  readonly container?: string | undefined;
  readonly follow?: boolean | undefined;
  /** The run before the present one. */
  readonly previous?: boolean | undefined;
  readonly tailLines?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  /** RFC 3339. */
  readonly sinceTime?: string | undefined;
  readonly timestamps?: boolean | undefined;
  readonly limitBytes?: number | undefined;
}

export interface LogHome {
  readonly pods: PodSet;
  readonly directory: string;
  readonly clock: Clock;
}

/** Opens a container's log. A followed log ends when its run ends. @throws ApiError 400 in a kubelet's words */
export async function openPodLog(
  home: LogHome,
  { pod, options }: { readonly pod: Pod; readonly options: PodLogOptions },
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { name, namespace = '' } = pod.metadata;
  const container = chosenContainer(pod, options.container);
  const worker = home.pods.find(namespace, name);
  const runner = worker?.uid === pod.metadata.uid ? worker.runner(container) : undefined;
  const status = runner?.status() ?? statusIn(pod, container);
  const number = runNumber(pod, { container, status, previous: options.previous ?? false });
  const path = join(containerLogDirectory(home.directory, pod, container), `${number}.log`);
  if (!existsSync(path) && !options.follow) {
    throw badRequest(`unable to retrieve container logs for ${status?.containerID ?? container}`);
  }
  const live = options.follow && !options.previous ? runner?.run?.log : undefined;
  return readLog(
    path,
    {
      tailLines: options.tailLines,
      sinceMs: sinceMs(options, home.clock),
      timestamps: options.timestamps,
      limitBytes: options.limitBytes,
      follow: live,
    },
    signal,
  );
}

/** The container that is meant; refusals as an API server words them. */
export function chosenContainer(pod: Pod, wanted: string | undefined): string {
  const main = pod.spec.containers.map(({ name }) => name);
  const init = (pod.spec.initContainers ?? []).map(({ name }) => name);
  const { name } = pod.metadata;
  if (wanted) {
    if (main.includes(wanted) || init.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only] = main;
  if (main.length === 1 && only !== undefined) return only;
  const choice = `choose one of: [${[...init, ...main].join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${name}, ${choice}`);
}

const pullTexts: ReadonlyMap<string, string> = new Map([
  ['ErrImagePull', "image can't be pulled"],
  ['ImagePullBackOff', 'trying and failing to pull image'],
]);

/** Number of the run whose log is meant, by the container's state. */
export function runNumber(
  pod: Pod,
  asked: {
    readonly container: string;
    readonly status: ContainerStatus | undefined;
    readonly previous: boolean;
  },
): number {
  const { container, status, previous } = asked;
  const { name } = pod.metadata;
  const where = `container "${container}" in pod "${name}"`;
  if (!status) throw badRequest(`${where} is not available`);
  const { state, lastState, restartCount } = status;
  if (previous) {
    if (!lastState?.terminated) {
      throw badRequest(`previous terminated ${where} not found`);
    }
    // while it waits to run again, the last run is the previous one
    return state?.running || state?.terminated ? restartCount - 1 : restartCount;
  }
  if (state?.running || state?.terminated) return restartCount;
  if (lastState?.terminated) return restartCount;
  const reason = state?.waiting?.reason ?? 'ContainerCreating';
  throw badRequest(`${where} is waiting to start: ${pullTexts.get(reason) ?? reason}`);
}

function statusIn(pod: Pod, container: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container);
}

function sinceMs(options: PodLogOptions, clock: Clock): number | undefined {
  if (options.sinceTime !== undefined) return Date.parse(options.sinceTime);
  if (options.sinceSeconds === undefined) return undefined;
  return clock.nowMs() - options.sinceSeconds * 1_000;
}

function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}
