// How far the emptying of a namespace has come, in the conditions that `kubectl get namespace -o yaml` shows.

import type { NamespaceCondition } from '@tweendeck/kube';
import { withCondition } from '../owner/conditions.ts';

/** What one pass over the contents found and did. */
export interface Sweep {
  /** Resources that could not be discovered: unknown contents. */
  readonly undiscovered: readonly string[];
  /** What went wrong while deleting. */
  readonly failures: readonly string[];
  /** Objects that are still there, by `pods` or `deployments.apps`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Objects that wait for this finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** Empty, and known to be: only then may the namespace go. */
export function isEmpty(sweep: Sweep): boolean {
  return (
    sweep.undiscovered.length === 0 && sweep.failures.length === 0 && sweep.remaining.size === 0
  );
}

export function namespaceConditions(
  sweep: Sweep,
  before: readonly NamespaceCondition[],
  now: string,
): readonly NamespaceCondition[] {
  const { undiscovered, failures, remaining, finalizers } = sweep;
  const found: readonly (readonly [string, boolean, string, string])[] = [
    undiscovered.length > 0
      ? [
          'NamespaceDeletionDiscoveryFailure',
          true,
          'DiscoveryFailed',
          `Discovery failed for some groups, ${undiscovered.length} failing: ${undiscovered.join(', ')}`,
        ]
      : [
          'NamespaceDeletionDiscoveryFailure',
          false,
          'ResourcesDiscovered',
          'All resources successfully discovered',
        ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    failures.length > 0
      ? [
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        ]
      : [
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ],
    remaining.size > 0
      ? [
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${listed(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
        ]
      : ['NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'],
    finalizers.size > 0
      ? [
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${listed(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
        ]
      : [
          'NamespaceFinalizersRemaining',
          false,
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ],
  ];
  return found.reduce<readonly NamespaceCondition[]>(
    (conditions, [type, status, reason, message]) =>
      renewed(conditions, {
        type,
        status: status ? 'True' : 'False',
        reason,
        message,
        lastTransitionTime: now,
      }),
    before,
  );
}

/** As a condition is set, but a new message counts too: it says how many are left. */
function renewed(
  conditions: readonly NamespaceCondition[],
  next: NamespaceCondition,
): readonly NamespaceCondition[] {
  return withCondition(conditions, next).map((condition) =>
    condition.type === next.type && condition.message !== next.message
      ? { ...condition, message: next.message ?? '' }
      : condition,
  );
}

function listed(
  counts: ReadonlyMap<string, number>,
  text: (name: string, count: number) => string,
): string {
  return [...counts]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, count]) => text(name, count))
    .join(', ');
}
