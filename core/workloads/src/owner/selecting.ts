// Which controllers a changed child concerns: its owner, or, for an orphan, everything that selects it.

import type { ObjectCache } from '@tweendeck/client';
import {
  controllerOf,
  type KubeObject,
  type LabelMatcher,
  type LabelSelector,
  labelSelectorFromObject,
  noLabel,
  type ObjectRef,
  refOf,
} from '@tweendeck/kube';

type Selecting = KubeObject & { readonly spec: { readonly selector?: LabelSelector } };

/** The owner when it is of `kind`; otherwise the objects in `cache` that would adopt the child. */
export function concernedBy<Owner extends Selecting>(
  child: KubeObject,
  kind: string,
  cache: ObjectCache<Owner>,
): readonly ObjectRef[] {
  const namespace = child.metadata.namespace ?? '';
  const controller = controllerOf(child);
  if (controller) return controller.kind === kind ? [{ namespace, name: controller.name }] : [];
  return cache
    .list({ namespace })
    .filter((owner) => matcherOf(owner).matches(child.metadata.labels))
    .map(refOf);
}

/** The selector of a workload; one that selects everything, or does not parse, selects nothing: it would take what is not its own. */
export function matcherOf(owner: Selecting): LabelMatcher {
  try {
    const matcher = labelSelectorFromObject(owner.spec.selector ?? {});
    return matcher.requirements.length === 0 ? noLabel : matcher;
  } catch {
    return noLabel;
  }
}
