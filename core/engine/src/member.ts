// The members of a cluster: where each stands, what is known of its pod, and what the engine sees in it.

/** Where a member stands. It stays what it is, whatever role the member takes. */
export interface Place {
  readonly group: string;
  /** From 0; 0 in a group without shards. */
  readonly shard: number;
  /** From 0, within its shard. */
  readonly ordinal: number;
}

/** `peer`: its engine knows no roles. */
export type Role = 'leader' | 'follower' | 'peer' | 'unknown';

/** What an engine sees in a member. */
export interface MemberView<Facts> {
  readonly role: Role;
  /** Whether it has all that it must have to take part, or to take over. */
  readonly synced: boolean;
  /** Of the running program. */
  readonly version?: string;
  /** Whether it takes every password of the cluster, and uses the current one itself. Absent: nobody asks it for one. */
  readonly takesPasswords?: boolean;
  /** Of the certificate that it shows: SHA-256, as in `AB:CD`. */
  readonly certificate?: string;
  /** What it has of `Cluster.settings`, by name, in the words of the wanted value where it is the same. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Names of those that it has and that do not work yet. */
  readonly settling?: readonly string[];
  /** What it is behind its leader, in the engine's own words: `3 MiB`, `2 s`. */
  readonly lag?: string;
  readonly facts: Facts;
}

export interface MemberPod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string | undefined;
  readonly host: string | undefined;
  readonly ready: boolean;
  /** Being ended, or about to be: its workload is gone. */
  readonly terminating: boolean;
  /** Of the template it was made from. */
  readonly revision: string;
  /** What its label says that it is. */
  readonly role?: string | undefined;
  /** Why it does not run, in the words of the node; undefined when it does. */
  readonly trouble: string | undefined;
}

/** A member that should be there, or is. */
export interface Member<Facts> {
  readonly name: string;
  readonly place: Place;
  /** Whether the spec asks for it. */
  readonly wanted: boolean;
  /** Of the template that its pod should be made from. */
  readonly revision: string;
  readonly pod: MemberPod | undefined;
  /** Undefined when it was not asked or did not answer. */
  readonly view: MemberView<Facts> | undefined;
  /** Why there is no view, if it was asked. */
  readonly silence: string | undefined;
}

export interface Observed<Facts> {
  /** By group, shard and ordinal. */
  readonly members: readonly Member<Facts>[];
}

/** Whether it takes part as it should. */
export function isHealthy(member: Member<unknown>): boolean {
  const { pod, view } = member;
  return pod?.ready === true && !pod.terminating && view?.synced === true;
}

/** Whether its pod is of another template than it should be. */
export function isOutdated({ pod, revision }: Member<unknown>): boolean {
  return pod !== undefined && pod.revision !== revision;
}

/** The name of a member, of its workload and, with `-0` behind it, of its pod. */
export function memberName(
  cluster: string,
  { group, shard, ordinal }: Place,
  sharded: boolean,
): string {
  return sharded ? `${cluster}-${group}-${shard}-${ordinal}` : `${cluster}-${group}-${ordinal}`;
}

export function comparePlaces(a: Place, b: Place): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1;
  return a.shard - b.shard || a.ordinal - b.ordinal;
}
