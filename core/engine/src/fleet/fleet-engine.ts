// What the author of an engine writes whose members are interchangeable: none keeps what another lacks, any may go as long
// as others serve. A Deployment makes and rolls them, and what stands in front of them; nothing is planned over them.

import type { Applied } from '@tweendeck/client';
import type { ConditionInput } from '@tweendeck/controller';
import type { Condition, Kind, KindObject, KubeObject, Pod, Resource } from '@tweendeck/kube';
import type { FleetPhase } from '../cluster-spec.ts';
import type { Trouble } from '../engine.ts';
import type { Member, MemberView } from '../member.ts';
import type { PodHints } from '../pod-trouble.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

type Labels = Readonly<Record<string, string>>;

/** What the platform says of every fleet; a kind may have more. */
export interface FleetStatus {
  readonly phase?: FleetPhase;
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  /** `host:port`. */
  readonly endpoint?: string;
  readonly selector?: string;
  readonly conditions?: readonly Condition[];
}

/** Members that one Deployment runs. */
export interface Fleet {
  /** Of the Deployment. */
  readonly name: string;
  /** What finds its pods, and nobody else's; never changes. */
  readonly selector: Labels;
  readonly replicas: number;
}

/** Where the parts of an object are found. */
export interface FleetShape {
  readonly members: Fleet;
  /** What stands in front of members once it serves; undefined: clients meet members themselves. */
  readonly entry?: Fleet | undefined;
  /** Where clients connect. */
  readonly service: { readonly name: string; readonly port: number };
}

/** What rendering may look at beside the spec. */
export interface FleetView {
  /** The object's own, as the controller knows it. */
  readonly present: <Child extends KubeObject>(
    resource: Resource<Child>,
    name: string,
  ) => Child | undefined;
  /** Of members, also those that are going. */
  readonly pods: readonly Pod[];
  readonly entryServes: boolean;
}

/** An object that an object is made of. */
export interface FleetChild {
  readonly resource: Resource<KubeObject>;
  readonly object: Applied;
  /** The API alone knows whether it is right, such as a schedule: refused, it is told, and keeps nothing else from being made. */
  readonly mayBeRefused?: true;
}

/** A Secret of chance: made once with 32 bytes in each field, in hex, and left alone from then on. */
export interface FleetSecret {
  readonly name: string;
  readonly labels: Labels;
  readonly fields: readonly string[];
}

/** What a status can be said from, beside what is said of every fleet. */
export interface FleetSeen<Facts> {
  /** Pods that are neither ended nor going; those that are ready were asked. */
  readonly members: readonly Member<Facts>[];
  /** What was made of it, as the server has it now. */
  readonly made: FleetView['present'];
  /** Why the API takes a child not, by its kind and name. */
  readonly refused: (kind: string, name: string) => string | undefined;
  /** Why there can be no {@link FleetSecret}. */
  readonly secretRefusal: string | undefined;
  /** Why nothing is changed. */
  readonly blocked: Trouble | undefined;
}

export interface FleetWords {
  /** Undefined: the field goes. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly conditions: readonly ConditionInput[];
  /** What is wrong though all pods are as they should be. */
  readonly trouble?: Trouble | undefined;
}

/** `Facts` is what it sees of a member. */
export interface FleetEngine<Spec, Status extends FleetStatus, Facts> {
  readonly kind: Kind<Spec, Status>;
  /** The program, for labels. Field manager and event source as well. */
  readonly component: string;
  /** Values of the label `app.kubernetes.io/name` that pods of members and of the entry have. */
  readonly podNames: readonly string[];
  /** All that an object may be made of: rights follow from this. */
  readonly owns: readonly Resource<KubeObject>[];
  /** Of what it gives rights away: nobody may who has not got them. */
  readonly handsOn?: readonly Resource<KubeObject>[];
  /** Conditions of its own, of which some are said of some objects alone. */
  readonly conditions: readonly string[];
  /** Pure. */
  readonly shape: (object: KindObject<Spec, Status>) => FleetShape;
  /** Undefined: it needs none. */
  readonly secret?: (object: KindObject<Spec, Status>) => FleetSecret;
  /** What of the spec its members would not take, though the schema does; undefined: nothing. Pure. */
  readonly refusal?: (object: KindObject<Spec, Status>) => string | undefined;
  /** What it is made of, in the order in which it is made. What is there and not among them goes. Pure. */
  readonly children: (object: KindObject<Spec, Status>, view: FleetView) => readonly FleetChild[];
  /** Asks one member, and only reads; throws when it cannot be seen. */
  readonly observe: (
    member: Member<Facts>,
    object: KindObject<Spec, Status>,
    signal: AbortSignal,
  ) => Promise<MemberView<Facts>>;
  /** What the status says beside what it says of every fleet. Pure. */
  readonly words: (object: KindObject<Spec, Status>, seen: FleetSeen<Facts>) => FleetWords;
  readonly hints?: FleetHints;
  readonly telemetry?: Telemetry<Facts>;
}

/** What a user can do, in the words of the kind's own spec. */
export interface FleetHints extends PodHints {
  /** A Deployment may not make its pods, by the reason that is told. */
  readonly refused?: (reason: string) => string | undefined;
  /** What a member that takes the place of a lost one is like: `with an empty cache`. */
  readonly replaced?: string;
}
