// What a cleaner takes away, and when.

import { PlatformError } from '@tweendeck/std';

/** Each rule alone may be left out; without any, only the space of dead values is given back. */
export interface CleanerRules {
  /** Keys go that were not used, or not stored, for so long; at least 1. */
  readonly ttlSeconds?: number;
  /** Whether a hit starts `ttlSeconds` anew; default true. */
  readonly renewOnHit?: boolean;
  /** Bytes on disk, with all overhead, that stay after a run; the least recently used keys go. 0 keeps nothing. */
  readonly maxBytes?: number;
  /** Bytes that stay free in the file system, whoever uses it; the least recently used keys go. */
  readonly freeBytes?: number;
}

/** The rules as they are, or CACHE_CLEANER_RULES with the one that is wrong. */
export function checkCleanerRules(rules: CleanerRules): CleanerRules {
  const { ttlSeconds, maxBytes, freeBytes } = rules;
  const limits = { ttlSeconds, maxBytes, freeBytes };
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'ttlSeconds' ? 1 : 0;
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) continue;
    throw new PlatformError('CACHE_CLEANER_RULES', `${name} is ${value}`, {
      hint: `Give a whole number of at least ${least}, or leave it out.`,
    });
  }
  return rules;
}
