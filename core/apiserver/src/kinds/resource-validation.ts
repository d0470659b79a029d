// Resource requests and limits: quantities, not negative, requests within limits.

import {
  compareQuantities,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldRequired,
  parseQuantity,
  type Quantity,
  qualifiedNameProblems,
  quantityProblem,
} from '@tweendeck/kube';
import { type Fields, objectAt } from '../draft.ts';

const plainNames = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Problems of `resources` at `base`. */
export function resourceProblems(resources: Fields, base: FieldPath): readonly FieldError[] {
  const limits = amountsOf(objectAt(resources, 'limits'), base.child('limits'));
  const requests = amountsOf(objectAt(resources, 'requests'), base.child('requests'));
  const problems = [...limits.problems, ...requests.problems];
  for (const [name, request] of requests.amounts) {
    const limit = limits.amounts.get(name);
    const at = base.child('requests');
    const shown = String(objectAt(resources, 'requests')[name]);
    if (limit && compareQuantities(request, limit) > 0) {
      const most = String(objectAt(resources, 'limits')[name]);
      const detail = `must be less than or equal to ${name} limit of ${most}`;
      problems.push(fieldInvalid(at, shown, detail));
    } else if (!limit && !overcommits(name)) {
      problems.push(
        fieldRequired(base.child('limits'), 'Limit must be set for non overcommitable resources'),
      );
    }
  }
  return problems;
}

/** Extended resources and huge pages cannot be promised twice, so they need a limit. */
function overcommits(name: string): boolean {
  return plainNames.has(name) || (!name.includes('/') && !name.startsWith('hugepages-'));
}

function amountsOf(
  list: Fields,
  base: FieldPath,
): { readonly amounts: ReadonlyMap<string, Quantity>; readonly problems: readonly FieldError[] } {
  const amounts = new Map<string, Quantity>();
  const problems: FieldError[] = [];
  for (const [name, value] of Object.entries(list)) {
    const at = base.key(name);
    for (const text of qualifiedNameProblems(name)) problems.push(fieldInvalid(at, name, text));
    if (!name.includes('/') && !plainNames.has(name) && !name.startsWith('hugepages-')) {
      problems.push(fieldInvalid(at, name, 'must be a standard resource for containers'));
    }
    const text = typeof value === 'number' ? value : String(value);
    const problem = quantityProblem(text);
    if (problem !== undefined) {
      problems.push(fieldInvalid(at, text, problem));
      continue;
    }
    const quantity = parseQuantity(text);
    if (quantity.nanos < 0n) {
      problems.push(fieldInvalid(at, text, 'must be greater than or equal to 0'));
    }
    amounts.set(name, quantity);
  }
  return { amounts, problems };
}
