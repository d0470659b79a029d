// What a namespace does beyond keeping values, put around its store in the one order that is right.

import { join } from 'node:path';
import type { Clock, Logger, Random } from '@tweendeck/std';
import type { NamespaceConfig } from './config/cache-config.ts';
import { nodeDisk } from './dataplane/cache-disk.ts';
import { unusable } from './dataplane/recovery.ts';
import type { NamespaceParts } from './dataplane/server-stats.ts';
import type { ValueStore } from './dataplane/value-store.ts';
import { MirroringStore } from './mirror/mirroring-store.ts';
import { ReliableStore } from './reliability/reliable-store.ts';
import { UpstreamStore } from './upstream/upstream-store.ts';

/** A store with what is configured around it; what is not configured is not there. */
export interface DecoratedStore {
  /** Disposes everything, the inner store too. */
  readonly store: ValueStore;
  readonly parts: () => Pick<NamespaceParts, 'reliability' | 'mirror' | 'upstream'>;
  /** Takes over what can change; tells what stays until the next start, one sentence each. */
  readonly change: (next: NamespaceConfig) => Promise<readonly string[]>;
}

interface Ambience {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const words = {
  reliability: 'high reliability',
  mirror: 'mirroring',
  upstream: 'asking an upstream',
} as const;

/**
 * What is stored is mirrored, what is uploaded is stored when it is found reliable, and what the upstream gives goes
 * past both: it is kept as it is, and its mirrors are its own. Disposes `inner` when it throws CACHE_DIRECTORY_UNUSABLE.
 */
export async function decorateStore(
  inner: ValueStore,
  config: NamespaceConfig,
  ambience: Ambience,
): Promise<DecoratedStore> {
  const around: { mirror?: MirroringStore; reliable?: ReliableStore; upstream?: UpstreamStore } =
    {};
  let store = inner;
  const { durability } = config;
  const disk = (name: string): ReturnType<typeof nodeDisk> =>
    nodeDisk(join(config.directory, name));
  try {
    if (config.mirror !== undefined) {
      const options = { ...config.mirror, durability, ...ambience, disk: disk('mirror') };
      store = around.mirror = new MirroringStore(store, options);
    }
    if (config.reliability !== undefined) {
      const shared = { durability, ...ambience, disk: disk('reliability') };
      const options = { rules: config.reliability, ...shared };
      store = around.reliable = new ReliableStore(store, options);
    }
    if (config.upstream !== undefined) {
      const options = { fill: inner, settings: config.upstream, ...ambience };
      store = around.upstream = new UpstreamStore(store, options);
    }
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw unusable(config.directory, error);
  }
  const { mirror, reliable, upstream } = around;
  return {
    store,
    parts: () => ({
      ...(reliable === undefined ? {} : { reliability: reliable.reliability() }),
      ...(mirror === undefined ? {} : { mirror: mirror.mirroring() }),
      ...(upstream === undefined ? {} : { upstream: upstream.upstream() }),
    }),
    change: async (next) => {
      if (reliable !== undefined && next.reliability !== undefined) {
        reliable.rules = next.reliability;
      }
      if (mirror !== undefined && next.mirror !== undefined)
        await mirror.change(next.mirror.settings);
      if (upstream !== undefined && next.upstream !== undefined)
        await upstream.change(next.upstream);
      return keptParts(config, next);
    },
  };
}

function keptParts(config: NamespaceConfig, next: NamespaceConfig): readonly string[] {
  const kept: string[] = [];
  for (const part of ['reliability', 'mirror', 'upstream'] as const) {
    if ((config[part] === undefined) === (next[part] === undefined)) continue;
    const word = config[part] === undefined ? 'begins' : 'ends';
    kept.push(`${words[part]} of namespace ${config.name} ${word} at the next start`);
  }
  const before = config.mirror?.queueBytesMax;
  if (next.mirror !== undefined && before !== undefined && next.mirror.queueBytesMax !== before) {
    kept.push(`the mirror queue of namespace ${config.name} stays ${before} until the next start`);
  }
  return kept;
}
