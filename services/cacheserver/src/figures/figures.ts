// What the replicas of a CacheServer hold and do, taken together for its status. Pure.

import { isJsonObject, timestampOf } from '@tweendeck/std';
import type { CacheServerStatus } from '../kind.ts';

/** What one replica says about itself. */
export interface ReplicaFigures {
  /** Bytes on its disk, with all overhead. */
  readonly usedBytes: number;
  readonly objects: number;
  /** Files that were asked for since it started, and were there. */
  readonly hits: number;
  readonly misses: number;
  /** Its last run of cleaning; undefined when there was none since it started. */
  readonly cleaned: LastClean | undefined;
  /** Settings of the kernel as it sees them. */
  readonly kernel: Readonly<Record<string, string>>;
  /** Of the document that counts there; undefined: it has none. */
  readonly revision: string | undefined;
  /** The server that keeps its values; undefined: its own disk does. */
  readonly redis: RedisFigures | undefined;
  /** Other caches that it cannot work with now. */
  readonly troubledPeers: readonly TroubledPeer[];
}

interface TroubledPeer {
  readonly what: 'mirror' | 'upstream';
  readonly address: string;
  /** The data plane's word, such as `failing`. */
  readonly state: string;
  readonly failure: string;
}

interface RedisFigures {
  readonly address: string;
  /** Why it cannot be used now; undefined: it can. */
  readonly failure: string | undefined;
}

interface LastClean {
  /** When it ended, by the wall clock. */
  readonly endedMs: number;
  readonly objects: number;
  readonly bytes: number;
}

/** The answer of a replica, or why there is none. */
export type ReplicaAnswer =
  | { readonly pod: string; readonly figures: ReplicaFigures }
  | { readonly pod: string; readonly silence: string };

/** Fields of the status; undefined: not known. */
interface FigureFields {
  readonly usedBytes: number | undefined;
  readonly objects: number | undefined;
  readonly hitRatio: number | undefined;
  readonly lastClean: CacheServerStatus['lastClean'];
}

export interface FigureWords {
  readonly fields: FigureFields;
  readonly condition: {
    readonly type: 'FiguresKnown';
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
  };
}

const unknown: FigureFields = {
  ...{ usedBytes: undefined, objects: undefined, hitRatio: undefined },
  lastClean: undefined,
};

/** Reads what `/stats` answers. Undefined when it is not what a data plane says. */
export function parseFigures(stats: unknown): ReplicaFigures | undefined {
  if (!isJsonObject(stats)) return undefined;
  const { server, store } = stats;
  if (!isJsonObject(server) || !isJsonObject(store)) return undefined;
  const usedBytes = count(store['storageBytes']);
  const objects = count(store['keys']);
  const hits = countOfTypes(server['hits']);
  const misses = countOfTypes(server['misses']);
  if (usedBytes === undefined || objects === undefined) return undefined;
  if (hits === undefined || misses === undefined) return undefined;
  return {
    usedBytes,
    objects,
    hits,
    misses,
    cleaned: cleanedIn(stats['namespaces']),
    kernel: textsIn(stats['kernel']),
    revision: typeof stats['revision'] === 'string' ? stats['revision'] : undefined,
    redis: redisIn(stats['namespaces']),
    troubledPeers: troubledPeersIn(stats['namespaces']),
  };
}

const healthyPeers: ReadonlySet<unknown> = new Set(['idle', 'sending', 'backfilling', 'ready']);

function troubledPeersIn(namespaces: unknown): readonly TroubledPeer[] {
  if (!isJsonObject(namespaces)) return [];
  return Object.values(namespaces).flatMap((namespace) => {
    if (!isJsonObject(namespace)) return [];
    const { mirror, upstream } = namespace;
    const mirrors =
      isJsonObject(mirror) && Array.isArray(mirror['mirrors']) ? mirror['mirrors'] : [];
    return [
      ...mirrors.flatMap((one: unknown) => troubled('mirror', one)),
      ...troubled('upstream', upstream),
    ];
  });
}

function troubled(what: TroubledPeer['what'], stats: unknown): readonly TroubledPeer[] {
  if (!isJsonObject(stats) || healthyPeers.has(stats['state'])) return [];
  const { target, address = target, state, lastFailure = '' } = stats;
  return [{ what, address: String(address), state: String(state), failure: String(lastFailure) }];
}

/** Of the first namespace that has one. */
function redisIn(namespaces: unknown): RedisFigures | undefined {
  if (!isJsonObject(namespaces)) return undefined;
  for (const namespace of Object.values(namespaces)) {
    const redis = isJsonObject(namespace) ? namespace['redis'] : undefined;
    if (!isJsonObject(redis)) continue;
    const { address, state, lastFailure } = redis;
    // Who has not been asked yet, or connects for the first time, has not failed.
    const failed = state !== 'ready' && typeof lastFailure === 'string' && lastFailure !== '';
    return { address: String(address), failure: failed ? lastFailure : undefined };
  }
  return undefined;
}

function textsIn(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name, text]] : [],
    ),
  );
}

/** The latest run of all namespaces. */
function cleanedIn(namespaces: unknown): LastClean | undefined {
  if (!isJsonObject(namespaces)) return undefined;
  const runs = Object.values(namespaces).flatMap((namespace): LastClean[] => {
    const cleaner = isJsonObject(namespace) ? namespace['cleaner'] : undefined;
    if (!isJsonObject(cleaner) || !isJsonObject(cleaner['last'])) return [];
    const endedMs = count(cleaner['lastEndedMs']);
    const objects = count(cleaner['last']['objects']);
    const bytes = count(cleaner['last']['bytes']);
    if (endedMs === undefined || objects === undefined || bytes === undefined) return [];
    return [{ endedMs, objects, bytes }];
  });
  return latest(runs);
}

function latest(runs: readonly LastClean[]): LastClean | undefined {
  return runs.reduce<LastClean | undefined>(
    (last, run) => (last === undefined || run.endedMs > last.endedMs ? run : last),
    undefined,
  );
}

/** Of each replica the last run, added up, at the time of the latest. */
function lastCleanOf(all: readonly ReplicaFigures[]): CacheServerStatus['lastClean'] {
  const runs = all.flatMap(({ cleaned }) => (cleaned ? [cleaned] : []));
  const last = latest(runs);
  if (!last) return undefined;
  return {
    time: timestampOf(last.endedMs),
    objects: runs.reduce((sum, { objects }) => sum + objects, 0),
    bytes: runs.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function countOfTypes(value: unknown): number | undefined {
  if (!isJsonObject(value)) return undefined;
  let sum = 0;
  for (const one of Object.values(value)) {
    const number = count(one);
    if (number === undefined) return undefined;
    sum += number;
  }
  return sum;
}

/** A sum over some of the replicas would lie: when one is silent nothing is said but who, and why. */
export function figureWords(answers: readonly ReplicaAnswer[]): FigureWords {
  const known = (status: 'True' | 'False', reason: string, message: string) =>
    ({ type: 'FiguresKnown', status, reason, message }) as const;
  if (answers.length === 0) {
    const message = 'no replica serves: there is nobody to ask';
    return { fields: unknown, condition: known('False', 'NoReplicaServes', message) };
  }
  const silent = answers.filter((answer) => 'silence' in answer);
  const [first] = silent;
  if (first) {
    const others = silent.length > 1 ? `, and ${silent.length - 1} more` : '';
    const message = `pod ${first.pod} does not tell its figures: ${first.silence}${others}; the platform asks port 8127 of the pods, which a NetworkPolicy has to allow`;
    return { fields: unknown, condition: known('False', 'ReplicasSilent', message) };
  }
  const all = answers.flatMap((answer) => ('figures' in answer ? [answer.figures] : []));
  const sum = (of: (figures: ReplicaFigures) => number): number =>
    all.reduce((total, figures) => total + of(figures), 0);
  // What all of them share counts once.
  const shared = all.every(({ redis }) => redis !== undefined);
  const held = (of: (figures: ReplicaFigures) => number): number =>
    shared ? Math.max(...all.map(of)) : sum(of);
  const hits = sum((one) => one.hits);
  const asked = hits + sum((one) => one.misses);
  const said = all.length === 1 ? 'the replica tells' : `all ${all.length} replicas tell`;
  return {
    fields: {
      usedBytes: held((one) => one.usedBytes),
      objects: held((one) => one.objects),
      lastClean: lastCleanOf(all),
      hitRatio: asked === 0 ? undefined : Math.round((hits / asked) * 1_000) / 1_000,
    },
    condition: known('True', 'AllReplicasTold', said),
  };
}
