// What of a child would be another than it is. Pure.

import type { Applied } from '@tweendeck/client';
import { compareQuantities, type KubeObject, parseQuantity } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';

/** A child of a cluster that would be made, changed or deleted. */
export interface ChildChange {
  readonly change: 'create' | 'change' | 'delete';
  readonly kind: string;
  readonly name: string;
  /** Of a change: `spec.replicas`. */
  readonly fields: readonly string[];
}

/** How deep fields are named. */
const depthMax = 2;

/**
 * Fields of `wanted` that `live` has otherwise; what a server filled in beside them is not looked at. Data of files are
 * compared whole.
 */
export function changedFields(wanted: Applied, live: KubeObject): readonly string[] {
  const { metadata, ...rest } = wanted;
  const { labels = {}, annotations = {} } = metadata;
  const found = new Set<string>();
  collect({ ...rest, metadata: { labels, annotations } }, live, [], found);
  const data = rest['data'];
  const kept: unknown = 'data' in live ? live.data : undefined;
  if (isJsonObject(data) && isJsonObject(kept)) {
    for (const name of Object.keys(kept)) if (!(name in data)) found.add(`data.${name}`);
  }
  return [...found].sort();
}

function collect(
  wanted: unknown,
  live: unknown,
  path: readonly string[],
  found: Set<string>,
): void {
  if (wanted === undefined || isSame(wanted, live)) return;
  const isDeep = path.length >= depthMax;
  if (isJsonObject(wanted) && isJsonObject(live)) {
    for (const [name, value] of Object.entries(wanted)) {
      collect(value, live[name], isDeep ? path : [...path, name], found);
    }
    return;
  }
  if (Array.isArray(wanted) && Array.isArray(live) && wanted.length === live.length) {
    wanted.forEach((value, at) => {
      collect(value, live[at], path, found);
    });
    return;
  }
  found.add(path.join('.'));
}

/** Servers write quantities in a form of their own, and leave empty maps out. */
function isSame(wanted: unknown, live: unknown): boolean {
  if (wanted === live) return true;
  if (live === undefined) return isJsonObject(wanted) && Object.keys(wanted).length === 0;
  if (typeof wanted !== 'string' || typeof live !== 'string') return false;
  return quantity.test(wanted) && quantity.test(live) && sameQuantity(wanted, live);
}

const quantity = /^\d+(\.\d+)?([KMGTPE]i|[munkMGTPE])?$/;

function sameQuantity(one: string, other: string): boolean {
  return compareQuantities(parseQuantity(one), parseQuantity(other)) === 0;
}
