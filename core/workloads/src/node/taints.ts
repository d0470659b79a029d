// The taints that say what is wrong with a node. Rules: upstream's node lifecycle controller.

import type { Node, Taint } from '@tweendeck/kube';
import { readyOf } from './health.ts';

export const notReady = 'node.kubernetes.io/not-ready';
export const unreachable = 'node.kubernetes.io/unreachable';
export const outOfService = 'node.kubernetes.io/out-of-service';
const unschedulable = 'node.kubernetes.io/unschedulable';

/** By condition, the status that is trouble, and the taint that says so. */
const troubles = [
  ['Ready', 'False', notReady],
  ['Ready', 'Unknown', unreachable],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
] as const;
const kept: ReadonlySet<string> = new Set([...troubles.map(([, , key]) => key), unschedulable]);

/** The taint under which pods have to leave the node as it is. */
export function leavingKey(node: Node): typeof notReady | typeof unreachable | undefined {
  const status = readyOf(node)?.status;
  if (status === 'False') return notReady;
  return status === 'Unknown' ? unreachable : undefined;
}

export function hasLeavingTaint({ spec }: Node, key: string): boolean {
  return (spec?.taints ?? []).some((taint) => taint.key === key && taint.effect === 'NoExecute');
}

/**
 * The taints that a node is to have: those that are somebody else's, what its conditions say of new pods, and what becomes
 * of those that run there. Undefined: those that it has.
 *
 * @param leaving the NoExecute taint among not-ready and unreachable; `keep`: whichever it has
 */
export function plannedTaints(
  node: Node,
  leaving: typeof notReady | typeof unreachable | 'none' | 'keep',
  now: string,
): readonly Taint[] | undefined {
  const before = node.spec?.taints ?? [];
  const wanted = wantedTaints(node, leaving);
  const isWanted = (taint: Taint): boolean => wanted.some((each) => isSame(each, taint));
  const staying = before.filter((taint) => isWanted(taint) || !isOurs(taint, leaving));
  const added = wanted
    .filter((taint) => !before.some((each) => isSame(each, taint)))
    .map((taint) => ({ ...taint, timeAdded: now }));
  if (added.length === 0 && staying.length === before.length) return undefined;
  return [...staying, ...added];
}

function wantedTaints({ spec, status }: Node, leaving: string): readonly Taint[] {
  const conditions = status?.conditions ?? [];
  const keys = troubles
    .filter(([type, state]) =>
      conditions.some((each) => each.type === type && each.status === state),
    )
    .map(([, , key]): string => key);
  if (spec?.unschedulable) keys.push(unschedulable);
  const taints: Taint[] = keys.map((key) => ({ key, effect: 'NoSchedule' }));
  if (leaving !== 'none' && leaving !== 'keep') taints.push({ key: leaving, effect: 'NoExecute' });
  return taints;
}

function isOurs({ key, effect }: Taint, leaving: string): boolean {
  if (effect === 'NoSchedule') return kept.has(key);
  const isLeaving = key === notReady || key === unreachable;
  return effect === 'NoExecute' && isLeaving && leaving !== 'keep';
}

function isSame(left: Taint, right: Taint): boolean {
  return left.key === right.key && left.effect === right.effect;
}

/** Labels of old that say what others say too; undefined: they do. */
export function missingLabels({
  metadata: { labels = {} },
}: Node): Readonly<Record<string, string>> | undefined {
  const missing = ['os', 'arch'].flatMap((what) => {
    const value = labels[`kubernetes.io/${what}`];
    const old = `beta.kubernetes.io/${what}`;
    return value === undefined || labels[old] === value ? [] : [[old, value] as const];
  });
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}
