// What the API server asks of whoever runs a pod, in this process or in another.

import type { Pod } from '@tweendeck/kube';
import type { RemoteExit, RemoteStreams } from '../container-exec.ts';
import type { PodLogOptions } from '../pod-logs.ts';
import type { PodAttachTarget, PodExecTarget } from '../pod-streams.ts';

export interface PodAccess {
  /** A container's log. @throws ApiError 400 in a kubelet's words when there is none */
  logs(pod: Pod, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Runs a command in a container that runs. Aborting the signal ends it. @throws ApiError in a kubelet's words when there is no such container, Error when the command cannot be started */
  exec(
    pod: Pod,
    target: PodExecTarget,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit>;
  /** Joins the streams of a container that runs, from now on and until it ends. @throws ApiError in a kubelet's words when there is no such container */
  attach(
    pod: Pod,
    target: PodAttachTarget,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit>;
}
