// What users declare of a middleware cluster and what the platform says about it, for every engine the same.

import type { Condition, KindObject, Toleration } from '@tweendeck/kube';
import type { BackupPolicy, PolicyStatus, RestoreSpec, RestoreStatus } from './backup/policy.ts';

/** How many members of a group there are, and what each takes. */
export interface GroupSpec {
  /** 1 in a group without shards. */
  readonly shards?: number;
  /** Of the group, or of each shard. */
  readonly members: number;
  readonly resources: { readonly limits: Readonly<Record<string, number | string>> };
  /** Omitted: data live and go with the pod. */
  readonly storage?: { readonly size: number | string; readonly className?: string };
}

export interface ClusterSpec<Options> {
  readonly version: string;
  readonly groups: Readonly<Record<string, GroupSpec>>;
  readonly config?: Readonly<Record<string, number | string>>;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  /** Takes the place of the version's image. */
  readonly image?: string;
  /** Any other text: members are restarted one after another. */
  readonly restart?: string;
  /** Of engines that have any to ask for. */
  readonly services?: ServicesSpec;
  /** Of engines whose members ask for a password. */
  readonly auth?: AuthSpec;
  /** Of engines whose members can speak TLS. */
  readonly tls?: TlsSpec;
  /** When it is backed up by itself; of engines that can be backed up. */
  readonly backup?: BackupPolicy;
  /** Where its data are from, when it is new; of engines that can be backed up. */
  readonly restore?: RestoreSpec;
  /** Members are stopped; volumes stay. */
  readonly suspend?: boolean;
  readonly options: Options;
}

export interface ServicesSpec {
  /** `NAME-shard-N` leads to the members of one shard. */
  readonly byShard: boolean;
}

export interface AuthSpec {
  readonly mode: 'password' | 'none';
  /** Any other text: another password is made. */
  readonly change: string;
  /** How long the one before is taken beside it. */
  readonly keepPreviousSeconds: number;
}

export interface TlsSpec {
  readonly mode: 'off' | 'required';
  /** With `tls.crt`, `tls.key` and `ca.crt`. Omitted: they are made. */
  readonly secretName?: string;
}

export const clusterPhases = [
  'Pending',
  'Progressing',
  'Ready',
  'Degraded',
  'Stopped',
  'Terminating',
] as const;
/** One word that sums up the conditions. */
export type ClusterPhase = (typeof clusterPhases)[number];

/** As {@link ClusterPhase}, of interchangeable members. `Failed`: nobody serves, and that does not mend itself. */
export type FleetPhase = ClusterPhase | 'Failed';
export const fleetPhases: readonly FleetPhase[] = [...clusterPhases, 'Failed'];

export interface MemberStatus {
  readonly name: string;
  readonly role: string;
  readonly ready: boolean;
  readonly host?: string;
  readonly version?: string;
  readonly lag?: string;
}

/** What is being done, so that whoever comes next knows of it. */
export interface StepStatus {
  readonly id: string;
  readonly why: string;
  readonly on?: string;
  /** RFC 3339. */
  readonly since: string;
}

/** What was tried in vain, and is tried again. */
export interface StepFailure {
  readonly id: string;
  readonly message: string;
  /** RFC 3339. */
  readonly since: string;
}

export interface ClusterStatus {
  readonly phase?: ClusterPhase;
  readonly observedGeneration?: number;
  /** `host:port`. */
  readonly endpoint?: string;
  readonly version?: string;
  readonly members?: readonly MemberStatus[];
  /** `READY/ALL`. */
  readonly ready?: string;
  readonly step?: StepStatus | null;
  readonly failure?: StepFailure | null;
  /** What was set while members ran, by name. */
  readonly settings?: Readonly<Record<string, string | null>>;
  /** Approvals that are still annotated, and whose steps were done. */
  readonly spentApprovals?: readonly string[];
  readonly restore?: RestoreStatus;
  readonly backup?: PolicyStatus | null;
  readonly conditions?: readonly Condition[];
}

/** An object of an engine's kind as a server answers it. */
export type ClusterObject<Options> = KindObject<ClusterSpec<Options>, ClusterStatus>;
