// What the pods of a node share, and what they need from the world around them.

import type {
  ConfigMap,
  ObjectRef,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodStatus,
  Secret,
  Service,
} from '@tweendeck/kube';
import type { Clock, Logger, Random } from '@tweendeck/std';
import type { AddressBook } from './addresses.ts';
import type { Catalogue } from './catalogue.ts';
import type { CgroupHome } from './cgroups.ts';
import type { LogLimits } from './log-file.ts';

export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  /** Upper camel case, as in Kubernetes. */
  readonly reason: string;
  readonly message: string;
  /** Field of the pod that it is about, such as `spec.containers{app}`. */
  readonly fieldPath?: string | undefined;
}

/** A service account's token. */
export interface PodToken {
  readonly token: string;
  readonly expiresMs: number;
}

/** The world as the pods of a node see it: an API in the product, a table in tests. */
export interface PodHost {
  /** Writes the pod's status if the pod still has this UID; a pod that is gone is no failure. Rejects when it should be tried again. */
  writeStatus(pod: Pod, status: PodStatus, signal: AbortSignal): Promise<void>;
  /** Removes the object of a pod whose containers have ended, if it still has this UID. */
  deletePod(pod: Pod, signal: AbortSignal): Promise<void>;
  /** Never throws, never waits. */
  event(pod: Pod, event: PodEvent): void;
  configMap(ref: ObjectRef, signal: AbortSignal): Promise<ConfigMap | undefined>;
  secret(ref: ObjectRef, signal: AbortSignal): Promise<Secret | undefined>;
  claim(ref: ObjectRef, signal: AbortSignal): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string, signal: AbortSignal): Promise<PersistentVolume | undefined>;
  /** A token of the pod's service account, bound to the pod; an empty audience is the API's own. */
  token(
    pod: Pod,
    request: { readonly audience: string; readonly expirationSeconds: number },
    signal: AbortSignal,
  ): Promise<PodToken>;
  services(namespace: string): readonly Service[];
}

export interface PodRuntime {
  readonly host: PodHost;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Absolute. Logs below `pods`, everything else of a pod below `run`. */
  readonly directory: string;
  /** Marks the processes of this home: unique among homes on the machine. */
  readonly instance: string;
  /** Variables every program gets, such as PATH and HOME. */
  readonly environment: Readonly<Record<string, string>>;
  readonly addresses: AddressBook;
  readonly cgroups: CgroupHome;
  readonly hostIP: string;
  /** What a container without limits may use, as quantities: `cpu`, `memory`. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly logLimits: LogLimits;
  /** User and group id the platform runs as. */
  readonly user: { readonly uid: number; readonly gid: number };
  /** Whether programs can run as the users that pods name: as root, where these may pass to their files. */
  readonly changesUsers: boolean;
}
