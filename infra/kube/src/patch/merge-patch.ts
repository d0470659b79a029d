// JSON merge patch (RFC 7386).

import { isJsonObject } from '@tweendeck/std';

/** Applies a merge patch: null removes, objects merge, everything else replaces. Neither argument is changed. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else
      setOwn(
        merged,
        key,
        applyMergePatch(Object.hasOwn(merged, key) ? merged[key] : undefined, value),
      );
  }
  return merged;
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
