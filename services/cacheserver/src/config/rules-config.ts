// What the document says of how a namespace is kept: cleaned, scrubbed, and whose uploads are believed.

import type { CleanerRules } from '../cleaner/cleaner-rules.ts';
import { defaultReliabilityRules, type ReliabilityRules } from '../reliability/decide.ts';
import { defaultScrubRules, type ScrubRules } from '../scrub/scrubber.ts';
import type { ConfigFields } from './config-reader.ts';

/** Rules of the cleaner, and when it runs by itself. */
export interface CleanerConfig {
  readonly rules: CleanerRules;
  /** From the end of a run to the next; 0: only when told. */
  readonly intervalMs: number;
}

/** Without a section nothing goes but by the bound of the storage; a run that is told gives dead space back. */
export const noCleaner: CleanerConfig = { rules: {}, intervalMs: 0 };

export function readCleaner(fields: ConfigFields): CleanerConfig {
  const ttlMs = fields.duration('ttl', { min: 1_000, max: 100 * 365 * 86_400_000 });
  const maxBytes = fields.size('maxBytes', { min: 0 });
  const freeBytes = fields.size('freeBytes', { min: 0 });
  const renewOnHit = fields.flag('renewOnHit');
  const every = fields.duration('every', { min: 1_000 });
  return {
    rules: {
      ...(ttlMs === undefined ? {} : { ttlSeconds: Math.ceil(ttlMs / 1_000) }),
      ...(renewOnHit === undefined ? {} : { renewOnHit }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(freeBytes === undefined ? {} : { freeBytes }),
    },
    intervalMs: every ?? 60_000,
  };
}

export function readScrub(fields: ConfigFields): ScrubRules {
  const periodMs = fields.duration('period', { min: 0, max: 100 * 365 * 86_400_000 });
  const rate = fields.size('bytesPerSecond', { min: 1_024 });
  return {
    periodSeconds:
      periodMs === undefined ? defaultScrubRules.periodSeconds : Math.ceil(periodMs / 1_000),
    bytesPerSecondMax: rate ?? defaultScrubRules.bytesPerSecondMax,
  };
}

export function readReliability(fields: ConfigFields): ReliabilityRules {
  const forgetMs = fields.duration('forgetAfter', { min: 0, max: 100 * 365 * 86_400_000 });
  const { threshold, clients, editorVersion, forgetAfterSeconds } = defaultReliabilityRules;
  return {
    threshold: fields.integer('threshold', { min: 0, max: 255 }) ?? threshold,
    clients: fields.choice('clients', ['any', 'distinct']) ?? clients,
    editorVersion: fields.choice('editorVersion', ['counts', 'ignored']) ?? editorVersion,
    forgetAfterSeconds: forgetMs === undefined ? forgetAfterSeconds : Math.ceil(forgetMs / 1_000),
  };
}
