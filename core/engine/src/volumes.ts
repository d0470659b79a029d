// Volumes of members that are to be larger than they are. They only grow: no room is taken from data. Pure.

import type { Applied } from '@tweendeck/client';
import {
  compareQuantities,
  type PersistentVolumeClaim,
  parseQuantity,
  type StatefulSet,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { ClusterSpec } from './cluster-spec.ts';
import { memberLabel } from './labels.ts';
import type { Place } from './member.ts';

/** A claim that asks for less than the spec. */
export interface Growth {
  readonly claim: string;
  readonly from: string;
  readonly to: string;
}

export interface VolumePlan {
  readonly growths: readonly Growth[];
  /** What has been asked for and is not there yet; undefined: nothing. */
  readonly waits: string | undefined;
}

interface Held {
  readonly name: string;
  readonly place: Place;
}

export function planVolumes(
  { groups }: Pick<ClusterSpec<unknown>, 'groups'>,
  members: readonly Held[],
  claims: readonly PersistentVolumeClaim[],
): VolumePlan {
  const held = new Map(claims.map((one) => [one.metadata.labels?.[memberLabel] ?? '', one]));
  const volumes = members.flatMap(({ name, place }) => {
    const size = groups[place.group]?.storage?.size;
    const claim = held.get(name);
    const from = claim?.spec.resources?.requests?.['storage'];
    if (size === undefined || claim === undefined || from === undefined) return [];
    const capacity = claim.status?.capacity?.['storage'];
    return [{ claim: claim.metadata.name, from, to: String(size), capacity }];
  });
  const growing = volumes.find(
    ({ from, to, capacity }) =>
      isLess(from, to) || (capacity !== undefined && isLess(capacity, from)),
  );
  return {
    growths: volumes.filter(({ from, to }) => isLess(from, to)),
    waits: growing && `the volume ${growing.claim} is to grow to ${growing.to}`,
  };
}

/** A workload keeps the claims that it was made with: Kubernetes refuses others, and volumes grow by themselves. */
export function withKeptClaims(workload: Applied, present: StatefulSet | undefined): Applied {
  const { volumeClaimTemplates = [] } = present?.spec ?? {};
  const spec = workload['spec'];
  if (volumeClaimTemplates.length === 0 || !isJsonObject(spec)) return workload;
  return { ...workload, spec: { ...spec, volumeClaimTemplates } };
}

function isLess(one: number | string, other: number | string): boolean {
  return compareQuantities(parseQuantity(one), parseQuantity(other)) < 0;
}
