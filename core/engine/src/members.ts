// The members of a cluster as pods and workloads show them, before the engine is asked. Pure.

import type { KubeObject, Pod } from '@tweendeck/kube';
import { groupLabel, memberLabel, revisionAnnotation, roleLabel, shardLabel } from './labels.ts';
import type { Member, MemberPod, Place } from './member.ts';
import { podTrouble } from './pod-trouble.ts';

/** What is rendered for a place. */
interface Rendered {
  readonly name: string;
  readonly place: Place;
  readonly revision: string;
}

export interface MembersInput {
  readonly wanted: readonly Rendered[];
  /** Workloads of the cluster, also of members that the spec asks for no more. */
  readonly workloads: readonly KubeObject[];
  readonly pods: readonly Pod[];
  /** How a member that is to leave would be rendered. */
  readonly renderLeaver: (place: Place) => Rendered;
}

/** Those the spec asks for, and those that still are. */
export function membersOf(input: MembersInput): readonly Member<never>[] {
  const names = new Set(input.wanted.map(({ name }) => name));
  const leavers = input.workloads
    .filter(({ metadata }) => metadata.labels?.[memberLabel] !== undefined)
    .filter(({ metadata }) => !names.has(metadata.name))
    .map((workload) => input.renderLeaver(placeOf(workload)));
  const pods = new Map(input.pods.map((pod) => [pod.metadata.labels?.[memberLabel] ?? '', pod]));
  const workloads = new Set(input.workloads.map(({ metadata }) => metadata.uid));
  const memberOf = ({ name, place, revision }: Rendered, wanted: boolean): Member<never> => {
    const pod = pods.get(name);
    return {
      ...{ name, place, revision, wanted, view: undefined, silence: undefined },
      pod: pod && memberPod(pod, workloads.has(ownerOf(pod) ?? '')),
    };
  };
  return [
    ...input.wanted.map((one) => memberOf(one, true)),
    ...leavers.map((one) => memberOf(one, false)),
  ];
}

/** Whether two looks at the pods of members show the same: what was decided on the first holds for the second. */
export function sameMembers(a: readonly Member<unknown>[], b: readonly Member<unknown>[]): boolean {
  const tell = (members: readonly Member<unknown>[]): string =>
    JSON.stringify(members.map(({ name, pod }) => [name, pod?.uid, pod?.ready, pod?.terminating]));
  return tell(a) === tell(b);
}

/** From the labels, which never change: names alone may mean several places. */
function placeOf({ metadata: { name, labels = {} } }: KubeObject): Place {
  return {
    group: labels[groupLabel] ?? '',
    shard: Number(labels[shardLabel] ?? 0),
    ordinal: Number(name.slice(name.lastIndexOf('-') + 1)),
  };
}

const ownerOf = ({ metadata }: Pod): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller)?.uid;

/** A pod whose workload is gone goes too, though nobody may have told it yet. */
export function memberPod(pod: Pod, isOwned: boolean): MemberPod {
  const { metadata, spec, status } = pod;
  return {
    name: metadata.name,
    uid: metadata.uid,
    ip: status?.podIP,
    host: spec.nodeName,
    ready:
      status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false,
    terminating: metadata.deletionTimestamp !== undefined || !isOwned,
    revision: metadata.annotations?.[revisionAnnotation] ?? '',
    role: metadata.labels?.[roleLabel],
    trouble: podTrouble(pod)?.message,
  };
}
