// What a schema says about patching a field, and the cleaning of directives out of values that are taken as they are.

import { isJsonObject } from '@tweendeck/std';
import type { SchemaNode } from '../schema-node.ts';
import { ApiError } from '../status.ts';
import { setOwn } from './merge-patch.ts';

export type JsonMap = Readonly<Record<string, unknown>>;

export interface PatchStrategy {
  /** Lists are replaced unless this is `merge`; maps are merged unless this is `replace`. */
  readonly merge: 'merge' | 'replace' | undefined;
  /** Names the field that identifies an item of a merged list of maps. */
  readonly mergeKey: string | undefined;
}

/** Reads `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`; they stand beside a reference, not behind it. */
export function strategyOf(field: SchemaNode | undefined): PatchStrategy {
  const words = field?.['x-kubernetes-patch-strategy']?.split(',') ?? [];
  return {
    merge: words.includes('merge') ? 'merge' : words.includes('replace') ? 'replace' : undefined,
    mergeKey: field?.['x-kubernetes-patch-merge-key'],
  };
}

/** A value without the maps in it that carry `$patch` (and, if asked, without nulls in maps); undefined when the value is such a map itself. */
export function withoutDirectives(value: unknown, nulls: 'with-nulls' | 'without-nulls'): unknown {
  if (Array.isArray(value))
    return value.map((item) => withoutDirectives(item, nulls)).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, '$patch')) return undefined;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null && nulls === 'without-nulls') continue;
    const kept = withoutDirectives(item, nulls);
    if (kept !== undefined) setOwn(result, key, kept);
  }
  return result;
}

export function badPatch(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}
