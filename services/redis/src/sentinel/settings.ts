// What a Sentinel set is set up with, by its spec. Pure.

import { createHash } from 'node:crypto';
import type { Cluster, ClusterSpec } from '@tweendeck/engine';

export interface SentinelOptions {
  /** A master that does not answer for so long counts as gone. */
  readonly downAfterMs: number;
}

type Spec = Pick<ClusterSpec<SentinelOptions>, 'groups' | 'config' | 'options'>;
type Named = Pick<Cluster<SentinelOptions>, 'name' | 'namespace'>;

export const defaultCounts = { data: 3, sentinels: 3 } as const;

export function countOf({ groups }: Spec, group: keyof typeof defaultCounts): number {
  return groups[group]?.members ?? defaultCounts[group];
}

/** Under which Sentinels know the set, and clients ask for it: never that of another set, so that Sentinels do not mix. */
export function masterName({ namespace, name }: Named): string {
  return `${namespace}.${name}`;
}

/**
 * Of a Sentinel, by its name: one that lost its volume is still the same to the others, who would count the old one for
 * ever. It comes back watching nobody, and so without a vote until it is told whom.
 */
export function sentinelId({ namespace, name }: Named, member: string): string {
  return createHash('sha1').update(`${namespace}/${name}/${member}`).digest('hex');
}

/** Settings of a server that are told by {@link dataSettings}, with who may lead. */
export const toldByRole: ReadonlySet<string> = new Set([
  ...['min-replicas-to-write', 'maxmemory-policy', 'timeout'],
]);

/** Of a server, while it runs. `mayLead`: whether Sentinels may choose it. */
export function dataSettings(
  spec: Spec,
  { mayLead }: { readonly mayLead: boolean },
): ReadonlyMap<string, string> {
  const { config = {} } = spec;
  const defaults: Readonly<Record<string, string | number>> = {
    // With two replicas one of them may be away; a master that both left takes no writes.
    'min-replicas-to-write': countOf(spec, 'data') >= 3 ? 1 : 0,
    'maxmemory-policy': 'noeviction',
    timeout: 0,
  };
  const entries = Object.entries(defaults).map(
    ([name, value]) => [name, String(config[name] ?? value)] as const,
  );
  return new Map([['replica-priority', mayLead ? '100' : '0'], ...entries]);
}

export interface WatchSettings {
  readonly masterName: string;
  /** How often a Sentinel asks servers what they are: whom it does not know it cannot choose. */
  readonly askMs: number;
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly failoverTimeoutMs: number;
  /** With which it logs in to servers. */
  readonly password?: string;
}

export function watchSettings({
  name,
  namespace,
  spec,
  passwords,
}: Named & Pick<Cluster<unknown>, 'passwords'> & { readonly spec: Spec }): WatchSettings {
  const { downAfterMs } = spec.options;
  return {
    ...{ masterName: masterName({ name, namespace }), askMs: 2_000, downAfterMs },
    quorum: Math.floor(countOf(spec, 'sentinels') / 2) + 1,
    // A vote that was split is repeated after twice this time.
    failoverTimeoutMs: 4 * downAfterMs,
    ...(passwords ? { password: passwords.current } : {}),
  };
}
