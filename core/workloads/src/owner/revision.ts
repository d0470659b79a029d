// The templates a StatefulSet or DaemonSet has had, kept as ControllerRevisions.

import {
  type ControllerRevision,
  controllerReference,
  type Input,
  type KubeObject,
  type LabelSelector,
  type PodTemplateSpec,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { bareTemplate, shortHash } from '../pod/template.ts';

/** On pods: the name of the revision they were made of. */
export const revisionLabel = 'controller-revision-hash';

/** What has revisions. */
export type Revisioned = KubeObject & {
  readonly spec: {
    readonly template: PodTemplateSpec;
    readonly selector?: LabelSelector;
    readonly revisionHistoryLimit?: number;
  };
  readonly status?: { readonly collisionCount?: number };
};

/** How a kind marks its revisions. */
export interface RevisionStyle {
  /** The label of a revision that carries the hash of its template. */
  readonly hashLabel: string;
  /** Whether a revision has the owner's annotations: there `kubectl rollout history` finds why it was made. */
  readonly annotations: 'owner' | 'none';
}

/** A strategic patch that puts a set back to its present template; `kubectl rollout undo` sends it as it is. */
export function revisionData(set: Revisioned): Readonly<Record<string, unknown>> {
  return { spec: { template: { ...set.spec.template, $patch: 'replace' } } };
}

/** The template of a revision. Undefined when it holds none: somebody else wrote it. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec | undefined {
  const spec = revision.data?.['spec'];
  const template = isJsonObject(spec) ? spec['template'] : undefined;
  if (!isJsonObject(template)) return undefined;
  const { $patch: _, ...rest } = template;
  return rest; // written by revisionData from a PodTemplateSpec
}

function sameData(set: Revisioned, revision: ControllerRevision): boolean {
  return jsonEqual(bareTemplate(templateOf(revision), []), bareTemplate(set.spec.template, []));
}

export type RevisionStep =
  /** The newest revision is the present template. */
  | { readonly step: 'keep'; readonly update: ControllerRevision }
  /** An older revision is the present template again: it becomes the newest. */
  | {
      readonly step: 'renumber';
      readonly update: ControllerRevision;
      readonly revision: number;
    }
  | { readonly step: 'create'; readonly update: Input<ControllerRevision> };

/** Which revision the present template is. */
export function planRevision(
  set: Revisioned,
  revisions: readonly ControllerRevision[],
  style: RevisionStyle,
): RevisionStep {
  const ordered = byRevision(revisions);
  const newest = ordered.at(-1);
  const equal = ordered.filter((each) => sameData(set, each)).at(-1);
  const revision = (newest?.revision ?? 0) + 1;
  if (!equal) return { step: 'create', update: revisionFor(set, revision, style) };
  if (equal === newest) return { step: 'keep', update: equal };
  return { step: 'renumber', update: equal, revision };
}

/** Oldest first. */
function byRevision(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return revisions.toSorted(
    (left, right) =>
      left.revision - right.revision || (left.metadata.name < right.metadata.name ? -1 : 1),
  );
}

function revisionFor(
  set: Revisioned,
  revision: number,
  { hashLabel, annotations }: RevisionStyle,
): Input<ControllerRevision> {
  const template = bareTemplate(set.spec.template, []);
  const hash = shortHash(template, set.status?.collisionCount ?? 0);
  const { name, namespace } = set.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace ? { namespace } : {}),
      labels: { ...set.spec.template.metadata?.labels, [hashLabel]: hash },
      ...(annotations === 'owner' && set.metadata.annotations
        ? { annotations: set.metadata.annotations }
        : {}),
      ownerReferences: [controllerReference(set)],
    },
    data: revisionData(set),
    revision,
  };
}

/** Revisions that nothing uses any more, beyond the history limit (10 when unset), oldest first. */
export function forgettableRevisions(
  set: Revisioned,
  revisions: readonly ControllerRevision[],
  used: ReadonlySet<string>,
): readonly ControllerRevision[] {
  const history = byRevision(revisions).filter((each) => !used.has(each.metadata.name));
  const limit = set.spec.revisionHistoryLimit ?? 10;
  return history.slice(0, Math.max(0, history.length - limit));
}
