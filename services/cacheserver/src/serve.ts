// The data plane as a process's whole job: open the stores, serve, change with the configuration, and stop in good
// order when told.

import { readFileSync } from 'node:fs';
import type { Clock, Logger, Random } from '@tweendeck/std';
import { aborted } from '@tweendeck/std';
import { checkFar, readPem } from './client/far-cache.ts';
import { type CacheConfig, configDefaults, namespaceDefaults } from './config/cache-config.ts';
import { type ListenerConfig, plainListener } from './config/listener-config.ts';
import type { RulesDocument } from './config/rules-document.ts';
import type { AddressRange } from './dataplane/access/address.ts';
import type { TlsPolicy } from './dataplane/access/policy.ts';
import { TlsDoor } from './dataplane/access/tls-door.ts';
import {
  type CacheServer,
  type CacheServerSettings,
  type NamespaceListeners,
  startCacheServer,
} from './dataplane/cache-server.ts';
import { type CacheLimits, defaultCacheLimits } from './dataplane/limits.ts';
import type { ListenAddress } from './dataplane/listen.ts';
import type { ListenerOptions } from './dataplane/listener.ts';
import { type OpenNamespace, openNamespace } from './open-namespace.ts';

/** What a process that serves is given by the world. */
interface Ambience {
  /** Files and sockets that the process may have open; a quarter stays for files. Omitted: as many as it likes. */
  readonly descriptorsMax?: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A cache that serves. */
export interface RunningCache {
  readonly server: CacheServer;
  /**
   * Takes over what can change while it serves: listeners, their policies and certificates, limits, the access log,
   * the recorder, times. Resolves with what it cannot and keeps, one sentence each. Throws CACHE_LISTEN_FAILED or
   * CACHE_TLS_UNUSABLE and changes nothing then.
   */
  reload(config: CacheConfig): Promise<readonly string[]>;
}

export interface ServeConfiguredOptions extends Ambience {
  readonly config: CacheConfig;
  /** Told once when clients are served. */
  readonly onReady?: (running: RunningCache) => void;
}

/** One namespace, without a document. */
export interface ServeCacheOptions extends Ambience {
  /** Where the cache lives; made when missing. */
  readonly directory: string;
  readonly listen: readonly ListenAddress[];
  /** Where proxies connect: whoever does has to send a PROXY header, and is believed. */
  readonly listenProxied?: readonly ListenAddress[];
  /** Where health and figures are served; omitted: nowhere. */
  readonly health?: ListenAddress;
  /** File with the token that purging and cleaning there ask for; omitted: nobody may. */
  readonly controlTokenFile?: string | undefined;
  /** Bound of the bytes on disk. */
  readonly storageBytes: number;
  /** Bound of the values held in memory. */
  readonly memoryBytes: number;
  readonly durability?: 'none' | 'commit';
  /** What it does beyond keeping values on its disk, and who may put; omitted: nothing, and everybody. */
  readonly rules?: RulesDocument | undefined;
  readonly limits?: Partial<CacheLimits>;
  /** How long new clients are still served after the signal, while load balancers learn of it; default 0. */
  readonly lingerMs?: number;
  /** How long clients may take to finish after that; default 10 s. */
  readonly drainMs?: number;
  /** Told once when clients are served. */
  readonly onReady?: (server: CacheServer) => void;
}

/** Descriptors that connections leave alone: a put finds one, however many clients there are. */
const filesMin = 64;

/** For listeners that only proxies reach. */
const everybody: readonly AddressRange[] = [
  { bytes: new Uint8Array(4), bits: 0, zone: '' },
  { bytes: new Uint8Array(16), bits: 0, zone: '' },
];

/** The name of the namespace that is served without a document. */
export const defaultNamespace = 'default';

/** Serves one namespace to everybody; otherwise as {@link serveConfigured}. */
export async function serveCache(options: ServeCacheOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, log, descriptorsMax, onReady } = options;
  const told = (running: RunningCache): void => onReady?.(running.server);
  const config = configOf(options);
  await serveConfigured({ config, onReady: told, clock, random, log, descriptorsMax }, signal);
}

/** The document that says the same. */
export function configOf(
  options: Omit<ServeCacheOptions, 'onReady' | keyof Ambience>,
): CacheConfig {
  const { directory, listen, health, storageBytes, memoryBytes } = options;
  const { durability = namespaceDefaults.durability, listenProxied = [], rules } = options;
  const { readOnly = false, putFrom = [], revision, ...sections } = rules ?? {};
  const listeners = [
    ...listen.map(plainListener),
    ...listenProxied.map((address) => ({
      ...plainListener(address),
      proxiesTrusted: everybody,
    })),
  ].map((listener) => ({ ...listener, readOnly, putFrom }));
  const own = { name: defaultNamespace, directory, storageBytes, memoryBytes, durability };
  const namespace = { ...namespaceDefaults, ...own, ...sections };
  return {
    ...configDefaults,
    namespaces: [{ ...namespace, listeners }],
    status: health,
    controlTokenFile: options.controlTokenFile,
    limits: { ...defaultCacheLimits, ...options.limits },
    lingerMs: options.lingerMs ?? configDefaults.lingerMs,
    drainMs: options.drainMs ?? configDefaults.drainMs,
    revision,
  };
}

/**
 * Serves until the signal aborts, lingers, then drains, closes and resolves. Throws what `openCacheStore` and
 * `startCacheServer` throw, and CACHE_TLS_UNUSABLE.
 */
export async function serveConfigured(
  { config, onReady, ...ambience }: ServeConfiguredOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = ambience;
  const listeners = listenersOf(config); // before anything is opened: files may be missing
  checkPeers(config);
  await using stores = new AsyncDisposableStack();
  const opened: OpenNamespace[] = [];
  for (const namespace of config.namespaces) {
    const own = namespace.name === defaultNamespace ? {} : { namespace: namespace.name };
    const ambienceThere = { ...ambience, log: log.with(own) };
    opened.push(stores.use(await openNamespace(namespace, ambienceThere, signal)));
  }
  const namespaces = opened.map((namespace) => {
    const listen = listeners.find((one) => one.name === namespace.name)?.listen ?? [];
    return { ...namespace, listen };
  });
  let current = config;
  // The server outlives the signal by the drain: it gets one of its own.
  const cut = new AbortController();
  await using server = await startCacheServer(
    {
      ...ambience,
      ...settingsOf(config, ambience),
      namespaces,
      health: config.status,
      controlToken: () => tokenIn(current.controlTokenFile),
    },
    cut.signal,
  );
  onReady?.({
    server,
    reload: async (next) => {
      checkPeers(next);
      await server.change(listenersOf(next), settingsOf(next, ambience), cut.signal);
      const kept = await keptAt(config, next, opened);
      current = next;
      return kept;
    },
  });
  await aborted(signal);
  server.leave();
  await clock.sleep(current.lingerMs, cut.signal);
  await server.drain(current.drainMs);
  log.info('cache stopped', { ...server.stats().server.transactions });
}

/** Reads and tries the certificates that a document names. Throws CACHE_TLS_UNUSABLE. */
export function checkCertificates(config: CacheConfig): void {
  checkPeers(config);
  for (const { policy } of listenersOf(config).flatMap(({ listen }) => listen)) {
    if (policy?.tls !== undefined) new TlsDoor(policy.tls, config.limits.handshakeTimeoutMs);
  }
}

/** Tries what mirrors and upstreams are reached with. Throws CACHE_TLS_UNUSABLE. */
function checkPeers({ namespaces }: CacheConfig): void {
  for (const { mirror, upstream } of namespaces) {
    for (const target of mirror?.settings.targets ?? []) checkFar(target);
    if (upstream !== undefined) checkFar(upstream.address);
  }
}

function settingsOf(
  { limits, accessLog, recorder, revision }: CacheConfig,
  { descriptorsMax = Number.POSITIVE_INFINITY, log }: Ambience,
): CacheServerSettings {
  const reserved = Math.max(filesMin, descriptorsMax / 4);
  const connectionsMax = Math.max(1, Math.floor(descriptorsMax - reserved));
  if (connectionsMax >= limits.connectionsMax) return { limits, accessLog, recorder, revision };
  const { connectionsMax: wanted } = limits;
  log.info('descriptors bound the connections', { descriptorsMax, connectionsMax, wanted });
  return { limits: { ...limits, connectionsMax }, accessLog, recorder, revision };
}

/** The listeners with their certificates, read now. Throws CACHE_TLS_UNUSABLE. */
function listenersOf({ namespaces }: CacheConfig): readonly NamespaceListeners[] {
  return namespaces.map(({ name, listeners }) => ({ name, listen: listeners.map(withFiles) }));
}

function withFiles({ address, tls, ...policy }: ListenerConfig): ListenerOptions {
  return { ...address, policy: { ...policy, tls: tls === undefined ? undefined : tlsOf(tls) } };
}

function tlsOf(tls: NonNullable<ListenerConfig['tls']>): TlsPolicy {
  const { certificateFile, keyFile, clientCaFile, ...rest } = tls;
  return {
    ...rest,
    certificate: readPem(certificateFile),
    key: readPem(keyFile),
    clientCa: clientCaFile === undefined ? undefined : readPem(clientCaFile),
  };
}

/** The first line of the file; undefined without one: a secret may come later, or be taken away. */
function tokenIn(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]?.trim();
  } catch {
    return undefined;
  }
}

/** What differs between two documents and counts only after a restart. */
async function keptAt(
  running: CacheConfig,
  next: CacheConfig,
  opened: readonly OpenNamespace[],
): Promise<readonly string[]> {
  const kept: string[] = [];
  const names = (config: CacheConfig): readonly string[] =>
    config.namespaces.map(({ name }) => name);
  for (const name of names(next)) {
    if (!names(running).includes(name)) kept.push(`namespace ${name} comes up at the next start`);
  }
  for (const namespace of opened) {
    const is = next.namespaces.find(({ name }) => name === namespace.name);
    if (is !== undefined) kept.push(...(await namespace.change(is)));
    else
      kept.push(
        `namespace ${namespace.name} is served nowhere; its store closes at the next start`,
      );
  }
  const status = ({ status }: CacheConfig): string => JSON.stringify(status);
  if (status(running) !== status(next)) kept.push('the status address stays until the next start');
  return kept;
}
