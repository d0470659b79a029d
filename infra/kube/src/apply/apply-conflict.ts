// Fields that an applier wants otherwise than their owners: the 409 that Kubernetes answers.

import { goQuote } from '../go-format.ts';
import { ApiError } from '../status.ts';
import type { FieldSet } from './field-set.ts';
import { type FieldManager, managerId } from './managed-fields.ts';
import { type FieldPathElements, showPath } from './path-element.ts';

/** One field that another manager owns with another value. */
export interface ApplyConflict {
  readonly owner: FieldManager;
  readonly path: FieldPathElements;
}

/** All conflicts of some owners, sorted by owner, then by path. */
export function conflictsOf(
  owned: Iterable<readonly [owner: FieldManager, fields: FieldSet]>,
): readonly ApplyConflict[] {
  return [...owned]
    .sort(([left], [right]) => (managerId(left) < managerId(right) ? -1 : 1))
    .flatMap(([owner, fields]) => [...fields.paths()].map((path) => ({ owner, path })));
}

/** The answer to an apply that conflicts; message and causes as kube-apiserver writes them. */
export function conflictError(conflicts: readonly ApplyConflict[]): ApiError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${showManager(owner)}`,
    field: showPath(path),
  }));
  return new ApiError(409, 'Conflict', messageOf(conflicts), { causes });
}

function messageOf(conflicts: readonly ApplyConflict[]): string {
  const [only] = conflicts;
  if (conflicts.length === 1 && only !== undefined)
    return `Apply failed with 1 conflict: conflict with ${showManager(only.owner)}: ${showPath(only.path)}`;
  const byOwner = Map.groupBy(conflicts, ({ owner }) => showManager(owner));
  const lines = [...byOwner].flatMap(([owner, group]) => [
    `conflicts with ${owner}:`,
    ...group.map(({ path }) => `- ${showPath(path)}`),
  ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function showManager(manager: FieldManager): string {
  const subresource = manager.subresource
    ? ` with subresource ${goQuote(manager.subresource)}`
    : '';
  const version = manager.operation === 'Update' ? ` using ${manager.apiVersion}` : '';
  return `${goQuote(manager.manager)}${subresource}${version}`;
}
