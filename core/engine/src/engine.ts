// What an engine author writes: tables of what there is to choose, and decisions over what was observed. Everything else
// that a middleware cluster needs is done once, for all of them.

import type { ConditionInput } from '@tweendeck/controller';
import type { ConfigMap, Container, Probe } from '@tweendeck/kube';
import type { ClusterSpec } from './cluster-spec.ts';
import type { Member, MemberView, Observed, Place, Role } from './member.ts';
import type { Passwords } from './secrets/passwords.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** A cluster as its user declared it, with what only the platform knows of it. */
export interface Cluster<Options> {
  readonly name: string;
  readonly namespace: string;
  readonly spec: ClusterSpec<Options>;
  /** Undefined: members ask for none. */
  readonly passwords?: Passwords | undefined;
  /** Undefined: members do not speak TLS. */
  readonly tls?: Tls | undefined;
  /** For how long everything was as the spec says, in milliseconds; undefined while it is not. */
  readonly calmMs?: number | undefined;
  /** Of those that apply live: what members are to have, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Of these: what all members had when all were last alike. */
  readonly confirmed?: Readonly<Record<string, string>>;
}

/** How members that speak TLS are known. */
export interface Tls {
  /** PEM: whom a client believes. */
  readonly authority: string;
  /** What every member is called in its certificate. */
  readonly serverName: string;
  /** Of the certificate that members are to show: SHA-256, as in `AB:CD`. */
  readonly fingerprint: string;
}

/** Members of one kind: what there may be of them. */
export interface GroupRule {
  /** For `kubectl explain`. */
  readonly description: string;
  /** Given: its members are divided into so many shards, each with `members`. */
  readonly shards?: CountRule;
  /** Of the group, or of each shard. */
  readonly members: CountRule;
  /** What each takes unless the user says otherwise. */
  readonly limits: { readonly cpu: string; readonly memory: string };
  /** Whether its members keep something that a volume can be asked for. */
  readonly keepsData: boolean;
}

export interface CountRule {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** No even number: of members that vote. */
  readonly odd?: true;
}

/** A setting of the server's that a user may choose. */
export type Parameter = {
  readonly description?: string;
  /** `live`: an engine sets it while members run; `restart`: they are rolled. */
  readonly applies: 'live' | 'restart';
  /** What a server has that is told nothing: what a setting goes back to that is chosen no more. */
  readonly default?: string;
} & (
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  /** Bytes, or a text such as `64mb`. */
  | { readonly type: 'bytes' }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  | { readonly type: 'text'; readonly pattern?: string }
);

/** Where a member is rendered for. */
export interface RenderContext<Options> {
  readonly cluster: Cluster<Options>;
  readonly place: Place;
  /** Of the member, the same as of its workload. */
  readonly name: string;
  /** Under which the others find it where there is DNS. */
  readonly hostName: string;
}

/** What runs in the pod of a member. In arguments `$(POD_IP)` and `$(POD_NAME)` are those of the pod. */
export interface MemberRecipe<Options> {
  readonly command: (context: RenderContext<Options>) => readonly string[];
  /** By name, below {@link filesPath}; secrets do not belong there. */
  readonly files?: (context: RenderContext<Options>) => NonNullable<ConfigMap['data']>;
  readonly env?: (context: RenderContext<Options>) => NonNullable<Container['env']>;
  /** By name; the first is that of the Service. */
  readonly ports: Readonly<Record<string, number>>;
  readonly readiness: Probe;
  readonly liveness?: Probe;
  /** `live`: {@link Engine.loadCertificate} makes members show another certificate; else they are restarted. */
  readonly certificates?: 'live';
  /** Seconds from the signal to the end. */
  readonly graceSeconds: number;
}

/** Something to do outside the API. Planned anew in every pass: what is planned no more is done. */
export interface Step {
  /** The same in every pass that plans it: what it does, and to whom. */
  readonly id: string;
  readonly why: string;
  /** The member it is about. */
  readonly on?: string;
  /**
   * `safe`: any number of them in one pass; `disruptive`: one at a time, and none while a member is missing that this
   * step does not bring back; `dataLoss`: as disruptive, and only when a person approved of its id.
   */
  readonly risk: 'safe' | 'disruptive' | 'dataLoss';
  /** Planned for longer it is told as stuck, and tried again. */
  readonly timeLimitSeconds: number;
  /** Whether running it again while it is planned brings it on, as with work in bounded pieces. */
  readonly repeats?: boolean;
  /** Idempotent. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Something that no step mends: what is wrong, and what a person can do. */
export interface Trouble {
  /** Upper camel case, for conditions. */
  readonly reason: string;
  readonly message: string;
}

export interface EnginePlan {
  /** In the order they are to be done; none: the members are what the spec asks for. */
  readonly steps: readonly Step[];
  readonly troubles: readonly Trouble[];
  /** Why nobody is restarted for now; undefined: they may be. */
  readonly holds?: string;
  /** What else is to be known of the cluster, beside phase and troubles. */
  readonly conditions?: readonly ConditionInput[];
}

/** The definition of an engine. `Options` is what its users may choose beyond the shared spec, `Facts` what it sees of a member. */
export interface Engine<Options, Facts> extends EngineTables<Options> {
  /** Asks one member, and only reads. Given up after {@link observeMs}; a throw says that it cannot be seen. */
  readonly observe: (
    member: Member<Facts>,
    cluster: Cluster<Options>,
    signal: AbortSignal,
  ) => Promise<MemberView<Facts>>;
  /** What to do about the members themselves. Pure. */
  readonly plan: (cluster: Cluster<Options>, observed: Observed<Facts>) => EnginePlan;
  /** Sets what applies live, of which {@link MemberView.settings} told something else; throws when it does not hold. */
  readonly setLive?: (
    member: Member<Facts>,
    settings: Readonly<Record<string, string>>,
    cluster: Cluster<Options>,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Makes a member read its certificate anew, of which {@link MemberView.certificate} told another one. */
  readonly loadCertificate?: (
    member: Member<Facts>,
    cluster: Cluster<Options>,
    signal: AbortSignal,
  ) => Promise<void>;
  /**
   * Whether others, of those that answered, say of a member that has not answered yet that it is down: it is given up
   * after {@link observeDownMs}. Pure.
   */
  readonly isDown?: (member: Member<Facts>, observed: Observed<Facts>) => boolean;
  /** What each is when all that was seen is taken together, where one alone may be wrong about itself. By name; pure. */
  readonly roles?: (observed: Observed<Facts>) => ReadonlyMap<string, Role>;
  /**
   * Calls `changed` whenever a member tells of something that a pass should look at at once. Lasts until the signal
   * aborts or the member is gone; begun anew as long as it answers, so that one with nothing to tell waits for the signal.
   */
  readonly listen?: (
    member: Member<Facts>,
    cluster: Cluster<Options>,
    changed: () => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Whether a member that the spec asks for no more is empty and left by the others; else why not. Default: always. Pure. */
  readonly mayLeave?: (member: Member<Facts>, observed: Observed<Facts>) => true | string;
  /**
   * Whether a member of a group that keeps data has any now: without a volume it is lost with its pod, and a cluster is stopped
   * only when a person approved of that. Default: it has. Pure.
   */
  readonly holdsData?: (member: Member<Facts>) => boolean;
  /** Hands the work of a leader to another before it is stopped; undefined when nobody can take it. Pure. */
  readonly handOver?: (
    from: Member<Facts>,
    cluster: Cluster<Options>,
    observed: Observed<Facts>,
  ) => Step | undefined;
  /**
   * What would be seen were the step of this id done; without one, were all members there that are asked for. For dry
   * runs: undefined where it cannot be told, or changes nothing. Pure.
   */
  readonly foresee?: (
    observed: Observed<Facts>,
    cluster: Cluster<Options>,
    step: string | undefined,
  ) => Observed<Facts> | undefined;
  /** What is told of its clusters beside what is told of all. */
  readonly telemetry?: Telemetry<Facts>;
}

/** What of an engine is mere data. */
export interface EngineTables<Options> {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  /** The program, for labels. */
  readonly component: string;
  /** From the oldest to the newest, which is the default. */
  readonly versions: Readonly<Record<string, VersionRule>>;
  readonly groups: Readonly<Record<string, GroupRule>>;
  /** The group that clients connect to. Each other one has the Service `NAME-GROUP`. */
  readonly clientGroup: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** Settings that are the platform's own, each with the reason: whoever chooses one is told, where other names are only ignored. */
  readonly ownParameters?: Readonly<Record<string, string>>;
  /** What leads to some of the client group; the Service of all is always there. */
  readonly services?: ServiceRule;
  readonly recipes: Readonly<Record<string, MemberRecipe<Options>>>;
  /** Whether its data can be carried to files and back by a `BackupProgram`. */
  readonly backups?: true;
  /** What asks for a password has one that is made, kept in the Secret `NAME-auth`, and changed on request. */
  readonly passwords?: PasswordRule;
  /** Members can speak TLS, with what is below {@link tlsFilesPath}: `tls.crt`, `tls.key`, `ca.crt`. */
  readonly tls?: true;
}

export interface ServiceRule {
  /** Pods have the label `tweendeck.io/role`, and the Services `NAME-rw` and `NAME-ro` lead to leaders and to followers. */
  readonly byRole?: true;
  /** Who asks for it has a Service for each shard: `NAME-shard-N`. */
  readonly byShard?: true;
}

export interface PasswordRule {
  /** Whose password it is. */
  readonly user: string;
  /** By name, below {@link secretFilesPath}: what a member reads when it starts. */
  readonly files: (passwords: Passwords) => Readonly<Record<string, string>>;
}

interface VersionRule {
  readonly image: string;
  /** From which it can be changed to while members run. */
  readonly upgradesFrom: readonly string[];
}

/** Where files of a recipe are inside its pod. */
export const filesPath = '/etc/tweendeck';
/** Where files with passwords are inside a pod. */
export const secretFilesPath = '/etc/tweendeck-auth';
/** Where certificates are inside a pod. */
export const tlsFilesPath = '/etc/tweendeck-tls';
/** Where a member keeps its data. */
export const dataPath = '/data';
/** How long a member may take to be observed. */
export const observeMs = 1_500;
/** How long at least one that is known to be down. */
export const observeDownMs = 300;
