// A namespace with everything that is configured for it: its store, what decorates it, and what works beside serving.

import type { Clock, Logger, Random } from '@tweendeck/std';
import { Cleaner } from './cleaner/cleaner.ts';
import type { NamespaceConfig } from './config/cache-config.ts';
import { openCacheStore } from './dataplane/cache-store.ts';
import type { CleanNow } from './dataplane/control.ts';
import type { NamespaceParts } from './dataplane/server-stats.ts';
import type { ValueStore } from './dataplane/value-store.ts';
import { decorateStore } from './decorated-store.ts';
import { Scrubber } from './scrub/scrubber.ts';

export interface OpenNamespace extends AsyncDisposable {
  readonly name: string;
  readonly store: ValueStore;
  readonly clean: CleanNow;
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
export async function openNamespace(
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
      const kept = fixedFields
        .filter((field) => next[field] !== config[field])
        .map(
          (field) => `${field} of namespace ${name} stays ${config[field]} until the next start`,
        );
      return [...kept, ...(await decorated.change(next))];
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
