// The quality-of-service class of a pod.

import { parseQuantity, quantityProblem } from '@tweendeck/kube';
import { type Fields, listAt, objectAt } from '../draft.ts';

const counted = ['cpu', 'memory'] as const;

/**
 * `BestEffort` when no container asks for processor time or memory, `Guaranteed` when every container limits both and
 * asks for exactly its limits, `Burstable` otherwise.
 */
export function qosClassOf(spec: Fields): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const containers = [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')];
  const resources = containers.map(({ resources: each }) => ({
    requests: amounts(objectAt(each, 'requests')),
    limits: amounts(objectAt(each, 'limits')),
  }));
  if (resources.every(({ requests, limits }) => requests.size === 0 && limits.size === 0)) {
    return 'BestEffort';
  }
  const guaranteed = resources.every(({ requests, limits }) =>
    counted.every((name) => {
      const limit = limits.get(name);
      return limit !== undefined && (requests.get(name) ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Positive amounts of what counts. */
function amounts(list: Fields): ReadonlyMap<string, bigint> {
  const found = new Map<string, bigint>();
  for (const name of counted) {
    const text = list[name];
    if (typeof text !== 'string' && typeof text !== 'number') continue;
    if (quantityProblem(text) !== undefined) continue; // refused with the rest
    const { nanos } = parseQuantity(text);
    if (nanos > 0n) found.set(name, nanos);
  }
  return found;
}
