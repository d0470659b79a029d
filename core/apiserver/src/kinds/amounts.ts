// Amounts of resources, each written in one way only.

import { formatQuantity, parseQuantity, quantityProblem } from '@tweendeck/kube';
import type { Fields } from '../draft.ts';

/** Rewrites the amounts of a list canonically: `1000m` as `1`, the number 2 as `"2"`. What is no amount is left for validation. */
export function canonicalAmounts(list: Fields): void {
  for (const [name, amount] of Object.entries(list)) {
    if (typeof amount !== 'string' && typeof amount !== 'number') continue;
    if (quantityProblem(amount) === undefined) list[name] = formatQuantity(parseQuantity(amount));
  }
}
