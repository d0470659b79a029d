// What the containers of a pod need of it.

import type { Container, Pod } from '@tweendeck/kube';
import type { MountMap } from './mount-paths.ts';
import type { Nudge } from './nudge.ts';
import type { PodEvent, PodRuntime } from './runtime.ts';

/** How the run of a container is being ended. */
export interface Ending {
  /** Reason and message of the event. */
  readonly reason: string;
  readonly message: string;
  /** From now until it is killed. */
  readonly graceMs: number;
  /** We want it to run again at once, whatever the restart policy says. */
  readonly byUs: boolean;
}

/** How a pod is being ended. */
export interface PodEnding {
  /** Monotonic; when what still runs is killed. */
  readonly deadlineMs: number;
  /** The platform stops: the pod stays, and runs again at the next start. */
  readonly platformStops: boolean;
}

export interface PodContext {
  readonly runtime: PodRuntime;
  /** The latest state of the object. */
  readonly pod: () => Pod;
  readonly podIP: string;
  readonly mounts: (container: Container) => MountMap;
  /** Moves when config maps, secrets or services may have changed. */
  readonly inputs: Nudge;
  /** Undefined while the pod is to run. */
  readonly ending: () => PodEnding | undefined;
  /** Moves when `ending` became more urgent. */
  readonly hurry: Nudge;
  /** Something the pod's status shows has changed. */
  readonly changed: () => void;
  readonly event: (event: PodEvent) => void;
  /** Aborts only when everything is given up. */
  readonly hard: AbortSignal;
}
