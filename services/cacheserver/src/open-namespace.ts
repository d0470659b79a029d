// A namespace with everything that is configured for it: its store, what decorates it, and what works beside serving.

import { isDeepStrictEqual } from 'node:util';
import type { Clock, Logger, Random } from '@tweendeck/std';
import { Cleaner } from './cleaner/cleaner.ts';
import type { NamespaceConfig } from './config/cache-config.ts';
import type { RedisStoreConfig } from './config/store-config.ts';
import { openCacheStore } from './dataplane/cache-store.ts';
import type { CleanNow } from './dataplane/control.ts';
import type { NamespaceParts } from './dataplane/server-stats.ts';
import type { ValueStore } from './dataplane/value-store.ts';
import { decorateStore } from './decorated-store.ts';
import { openRedisStore } from './redis/open-redis-store.ts';
import { Scrubber } from './scrub/scrubber.ts';

export interface OpenNamespace extends AsyncDisposable {
  readonly name: string;
  readonly store: ValueStore;
  /** Omitted where the store itself lets go of what is old. */
  readonly clean?: CleanNow;
  /** Figures of what is configured. */
  readonly parts: () => NamespaceParts;
  /** Takes over the rules that can change; tells what stays until the next start, one sentence each. */
  readonly change: (next: NamespaceConfig) => Promise<readonly string[]>;
}

interface Ambience {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const fixedFields = ['directory', 'storageBytes', 'memoryBytes', 'durability', 'keysMax'] as const;

/** Opens everything or nothing. Throws what `openCacheStore` throws. */
export function openNamespace(
  config: NamespaceConfig,
  ambience: Ambience,
  signal: AbortSignal,
): Promise<OpenNamespace> {
  return config.store === undefined
    ? openOnDisk(config, ambience, signal)
    : openOnRedis(config, config.store, ambience);
}

/** Keys go by the server's times to live and evictions: there is nothing to clean or to scrub. */
async function openOnRedis(
  config: NamespaceConfig,
  settings: RedisStoreConfig,
  ambience: Ambience,
): Promise<OpenNamespace> {
  const { name } = config;
  const inner = await openRedisStore(settings, ambience);
  const decorated = await decorateStore(inner, config, ambience);
  return {
    name,
    store: decorated.store,
    parts: () => ({ redis: inner.redis(), ...decorated.parts() }),
    change: async (next) => {
      const same = isDeepStrictEqual([next.store, next.directory], [settings, config.directory]);
      const kept = same ? [] : [`the store of namespace ${name} stays until the next start`];
      return [...kept, ...(await decorated.change(next))];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(decorated.store[Symbol.asyncDispose]()),
  };
}

async function openOnDisk(
  config: NamespaceConfig,
  ambience: Ambience,
  signal: AbortSignal,
): Promise<OpenNamespace> {
  const { name, cleaner: cleaning, scrub } = config;
  const { clock, log } = ambience;
  await using stack = new AsyncDisposableStack();
  const inner = await openCacheStore({ ...config, ...ambience }, signal);
  const decorated = await decorateStore(inner, config, ambience);
  stack.use(decorated.store);
  const scrubber = stack.use(new Scrubber({ store: inner, rules: scrub, clock, log }));
  const { rules, intervalMs } = cleaning;
  const cleaner = stack.use(new Cleaner({ store: inner, rules, intervalMs, clock, log }));
  scrubber.start();
  cleaner.start();
  const opened = stack.move();
  return {
    name,
    store: decorated.store,
    clean: async ({ dryRun, rules: given }, asked) => {
      if (given !== undefined) cleaner.change(given);
      return cleaner.run({ dryRun }, asked);
    },
    parts: () => ({
      cleaner: cleaner.stats(),
      scrub: scrubber.stats(),
      ...decorated.parts(),
    }),
    change: async (next) => {
      cleaner.change(next.cleaner.rules, next.cleaner.intervalMs);
      scrubber.change(next.scrub);
      const moved =
        next.store === undefined
          ? []
          : [`the store of namespace ${name} stays until the next start`];
      const kept = fixedFields
        .filter((field) => next[field] !== config[field])
        .map(
          (field) => `${field} of namespace ${name} stays ${config[field]} until the next start`,
        );
      return [...moved, ...kept, ...(await decorated.change(next))];
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
