// JSON merge patch (RFC 7386), with the one liberty of evanphx/json-patch v4: nulls within lists of new values go, too.

import { isJsonObject } from '@tweendeck/std';

/** Applies a merge patch: null removes, objects merge, everything else replaces. Neither argument is changed. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    const current = Object.hasOwn(merged, key) ? merged[key] : undefined;
    if (value === null) delete merged[key];
    else if (isJsonObject(current) && isJsonObject(value))
      setOwn(merged, key, applyMergePatch(current, value));
    else setOwn(merged, key, isJsonObject(current) ? value : withoutNulls(value));
  }
  return merged;
}

/** A new value without the null members of its objects, at any depth; null items of lists stay. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value))
    if (member !== null) setOwn(kept, key, withoutNulls(member));
  return kept;
}

/** Sets a property whatever its name, `__proto__` too. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  else target[key] = value;
}
