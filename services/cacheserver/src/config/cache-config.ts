// The configuration document of a data plane: what it may say, and what stands where it says nothing.

import { resolve } from 'node:path';
import type { AccessLog } from '../dataplane/access/access-log.ts';
import { type CacheLimits, defaultCacheLimits } from '../dataplane/limits.ts';
import { addressText, type ListenAddress } from '../dataplane/listen.ts';
import type { RecorderOptions } from '../dataplane/recorder.ts';
import type { ReliabilityRules } from '../reliability/decide.ts';
import { defaultScrubRules, type ScrubRules } from '../scrub/scrubber.ts';
import type { UpstreamSettings } from '../upstream/upstream-store.ts';
import {
  type ConfigFields,
  ConfigNode,
  type ConfigProblem,
  invalidDocument,
} from './config-reader.ts';
import { type ListenerConfig, readAddress, readListener } from './listener-config.ts';
import { type MirrorConfig, readMirror, readUpstream } from './peers-config.ts';
import {
  type CleanerConfig,
  noCleaner,
  readCleaner,
  readReliability,
  readScrub,
} from './rules-config.ts';
import { type RedisStoreConfig, readStore } from './store-config.ts';

/** A cache of its own behind listeners of its own. */
export interface NamespaceConfig {
  readonly name: string;
  /** Of a namespace with `store` and without anything else to keep: empty. */
  readonly directory: string;
  /** Where values are kept instead of on the own disk. */
  readonly store?: RedisStoreConfig;
  /** Bound of the bytes on disk. */
  readonly storageBytes: number;
  /** Bound of the values held in memory. */
  readonly memoryBytes: number;
  readonly durability: 'none' | 'commit';
  readonly keysMax?: number;
  readonly cleaner: CleanerConfig;
  readonly scrub: ScrubRules;
  /** Whose uploads are believed; omitted: everybody's. */
  readonly reliability?: ReliabilityRules;
  /** Who is brought what is stored; omitted: nobody. */
  readonly mirror?: MirrorConfig;
  /** Who is asked for what is not there; omitted: nobody. */
  readonly upstream?: UpstreamSettings;
  readonly listeners: readonly ListenerConfig[];
}

/** A whole document, with every default filled in. */
export interface CacheConfig {
  readonly namespaces: readonly NamespaceConfig[];
  readonly status: ListenAddress | undefined;
  /** File with the token that purging and cleaning ask for; without it neither is offered. */
  readonly controlTokenFile: string | undefined;
  readonly limits: CacheLimits;
  readonly lingerMs: number;
  readonly drainMs: number;
  readonly accessLog: AccessLog;
  readonly recorder: RecorderOptions | undefined;
  /** A word of whoever wrote the document; `/stats` tells it, and so which document counts. */
  readonly revision: string | undefined;
}

const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;

/** What stands where a namespace says nothing. */
export const namespaceDefaults: Required<
  Pick<NamespaceConfig, 'storageBytes' | 'memoryBytes' | 'durability' | 'cleaner' | 'scrub'>
> = {
  storageBytes: 10 * gibibyte,
  memoryBytes: 32 * mebibyte,
  durability: 'none',
  cleaner: noCleaner,
  scrub: defaultScrubRules,
};

/** What stands where a document says nothing. */
export const configDefaults: Omit<CacheConfig, 'namespaces'> = {
  status: undefined,
  controlTokenFile: undefined,
  limits: defaultCacheLimits,
  lingerMs: 0,
  drainMs: 10_000,
  accessLog: { lines: 'off', sample: 1 },
  recorder: undefined,
  revision: undefined,
};

/**
 * Reads a parsed document (YAML or JSON). Relative paths in it count from `directory`. Throws CACHE_CONFIG_INVALID,
 * which names everything that is wrong with it.
 */
export function readCacheConfig(
  document: unknown,
  { directory, source }: { readonly directory: string; readonly source: string },
): CacheConfig {
  const problems: ConfigProblem[] = [];
  const fields = new ConfigNode(document, '', problems).fields();
  const config = readDocument(fields, directory);
  fields.end();
  problems.push(...clashes(config));
  if (problems.length > 0) throw invalidDocument(source, problems);
  return config;
}

function readDocument(fields: ConfigFields, directory: string): CacheConfig {
  const namespaces = fields.list('namespaces', (item) => {
    const own = item.fields();
    const namespace = readNamespace(own, directory);
    own.end();
    return namespace;
  });
  if (namespaces.length === 0) {
    fields.node
      .child('namespaces', undefined)
      .fail('is missing or empty', 'Name at least one, with "name", "directory" and "listen".');
  }
  const status = fields.section('status', (section) => ({
    address: readAddress(section.get('address'), 8_127),
    tokenFile: section.text('controlTokenFile'),
  }));
  return {
    namespaces,
    status: status?.address,
    controlTokenFile: pathIn(directory, status?.tokenFile),
    limits: { ...defaultCacheLimits, ...fields.section('limits', readLimits) },
    lingerMs: fields.duration('linger', { min: 0 }) ?? configDefaults.lingerMs,
    drainMs: fields.duration('drain', { min: 0 }) ?? configDefaults.drainMs,
    accessLog: fields.section('accessLog', readAccessLog) ?? configDefaults.accessLog,
    recorder: fields.section('recorder', (section) => readRecorder(section, directory)),
    revision: fields.text('revision'),
  };
}

function readNamespace(fields: ConfigFields, directory: string): NamespaceConfig {
  const store = readStore(fields, directory);
  const keysMax = fields.integer('keys', { min: 1, max: 2 ** 24 });
  const reliability = fields.section('reliability', readReliability);
  const mirror = fields.section('mirror', (section) => readMirror(section, directory));
  const upstream = fields.section('upstream', (section) => readUpstream(section, directory));
  const needsDirectory = store === undefined || reliability !== undefined || mirror !== undefined;
  const listeners = fields.list('listen', (item) => readListener(item, directory));
  if (listeners.length === 0) {
    fields.node
      .child('listen', undefined)
      .fail('is missing or empty', 'Name at least one address, such as 127.0.0.1:8126.');
  }
  return {
    name: fields.needed('name', 'Give the namespace a name.', {
      pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
      what: 'name of a namespace',
      hint: 'Use lower-case letters, digits and dashes, 63 at most.',
    }),
    directory: needsDirectory
      ? resolve(directory, fields.needed('directory', 'Say where its values are kept.'))
      : (pathIn(directory, fields.text('directory')) ?? ''),
    ...(store === undefined ? {} : { store }),
    storageBytes: fields.size('storage', { min: mebibyte }) ?? namespaceDefaults.storageBytes,
    memoryBytes: fields.size('memory', { min: 0 }) ?? namespaceDefaults.memoryBytes,
    durability: fields.choice('durability', ['none', 'commit']) ?? namespaceDefaults.durability,
    ...(keysMax === undefined ? {} : { keysMax }),
    cleaner: fields.section('cleaner', readCleaner) ?? namespaceDefaults.cleaner,
    scrub: fields.section('scrub', readScrub) ?? namespaceDefaults.scrub,
    ...(reliability === undefined ? {} : { reliability }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(upstream === undefined ? {} : { upstream }),
    listeners,
  };
}

function readLimits(fields: ConfigFields): Partial<CacheLimits> {
  const found: Readonly<Record<keyof CacheLimits, number | undefined>> = {
    connectionsMax: fields.integer('connections', { min: 1, max: 1_000_000 }),
    valueBytesMax: fields.size('value', { min: 1, max: 2 ** 31 - 1 }),
    queuedBytesMax: fields.size('queuedBytes', { min: 65_536, max: 2 ** 30 }),
    queuedBodiesMax: fields.integer('queuedBodies', { min: 1, max: 100_000 }),
    handshakeTimeoutMs: fields.duration('handshakeTimeout', { min: 100 }),
    uploadTimeoutMs: fields.duration('uploadTimeout', { min: 100 }),
    uploadBytesMin: fields.size('uploadBytes', { min: 0 }),
    transactionTimeoutMs: fields.duration('transactionTimeout', { min: 100 }),
    readerTimeoutMs: fields.duration('readerTimeout', { min: 100 }),
    drainQuietMs: fields.duration('drainQuiet', { min: 0 }),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function readAccessLog(fields: ConfigFields): AccessLog {
  return {
    lines: fields.choice('lines', ['all', 'faults', 'off']) ?? 'all',
    sample: fields.number('sample', { min: 0, max: 1 }) ?? 1,
  };
}

function readRecorder(fields: ConfigFields, directory: string): RecorderOptions {
  const own = fields.needed('directory', 'Say where recordings are written.');
  return {
    directory: resolve(directory, own),
    connectionBytesMax: fields.size('connectionBytes', { min: 1 }) ?? 10_000_000,
    connectionsMax: fields.integer('connections', { min: 1, max: 100_000 }) ?? 100,
  };
}

/** What stands twice where it may stand once. */
function clashes({ namespaces, status }: CacheConfig): ConfigProblem[] {
  const seen = new Map<string, string>();
  const problems: ConfigProblem[] = [];
  const once = (kind: string, value: string, path: string, hint: string): void => {
    const key = `${kind} ${value}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, path);
    else problems.push({ path, fact: `${value} stands at ${first} already`, hint });
  };
  for (const [index, { name, directory, listeners }] of namespaces.entries()) {
    const path = `namespaces[${index}]`;
    if (name !== '') once('name', name, `${path}.name`, 'Give each namespace a name of its own.');
    if (directory !== '')
      once('directory', directory, `${path}.directory`, 'Each needs a directory of its own.');
    for (const [at, { address }] of listeners.entries()) {
      if (address.port === 0) continue;
      const hint = 'A listener serves exactly one namespace: choose another port.';
      once('address', addressText(address), `${path}.listen[${at}]`, hint);
    }
  }
  if (status !== undefined && status.port !== 0)
    once('address', addressText(status), 'status.address', 'Choose another port.');
  return problems;
}

function pathIn(directory: string, path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : resolve(directory, path);
}
