// The labels by which a cluster, its shards and its members find each other. They never change, but for the role.

import type { EngineTables } from './engine.ts';
import type { Place } from './member.ts';

type Labels = Readonly<Record<string, string>>;

export const groupLabel = 'tweendeck.io/group';
export const shardLabel = 'tweendeck.io/shard';
export const memberLabel = 'tweendeck.io/member';
/** On a pod: what it is at present. */
export const roleLabel = 'tweendeck.io/role';
/** On a template: what it was rendered from. */
export const revisionAnnotation = 'tweendeck.io/revision';
/** On a cluster: ids of steps that may lose data, and may be taken all the same. */
export const approvalAnnotation = 'tweendeck.io/approve';

/** What selects everything of one cluster. */
export function clusterLabels({ component }: Component, cluster: string): Labels {
  return { 'app.kubernetes.io/name': component, 'app.kubernetes.io/instance': cluster };
}

/** What stands on everything of one cluster. */
export function ownLabels(engine: Component, cluster: string): Labels {
  return { ...clusterLabels(engine, cluster), 'app.kubernetes.io/managed-by': 'tweendeck' };
}

export function memberLabels(
  engine: Component,
  cluster: string,
  { place: { group, shard }, name }: { readonly place: Place; readonly name: string },
): Labels {
  return {
    ...ownLabels(engine, cluster),
    'app.kubernetes.io/component': group,
    [groupLabel]: group,
    [shardLabel]: String(shard),
    [memberLabel]: name,
  };
}

type Component = Pick<EngineTables<never>, 'component'>;
