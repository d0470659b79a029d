// `tweendeck cacheserver serve`: the data plane alone, by options or by a document.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  type CacheConfig,
  checkCertificates,
  type ListenAddress,
  type RunningCache,
  readCacheConfig,
  serveCache,
  serveConfigured,
} from '@tweendeck/cacheserver/data-plane';
import { createLogger, type Logger, messageOf, PlatformError } from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { parseHostPort } from '../cache-address.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';

/** What a document says in their place. */
const documented = [
  'data',
  'status-listen',
  'control-token-file',
  'storage',
  'memory',
  'durability',
  'linger-seconds',
  'drain-seconds',
] as const;

export async function run({ world, options }: Invocation): Promise<number> {
  const file = options.text('config');
  if (file === undefined && options.flag('check-config')) {
    throw usage('say which document with --config');
  }
  if (file === undefined) return serveByOptions(world, options);
  const listen = [...options.texts('listen'), ...options.texts('shared-listen')];
  const twice = documented.find((name) => options.text(name) !== undefined);
  if (twice !== undefined || listen.length > 0) {
    throw usage(`--${twice ?? 'listen'} stands in the document when there is one`);
  }
  const config = await readDocument(file);
  if (options.flag('check-config')) {
    checkCertificates(config);
    world.write(`${file} is right: ${config.namespaces.map(({ name }) => name).join(', ')}`);
    return 0;
  }
  return serveDocument(world, { file, config, log: loggerOf(world, options) });
}

async function serveDocument(
  world: Ambient,
  {
    file,
    config,
    log,
  }: { readonly file: string; readonly config: CacheConfig; readonly log: Logger },
): Promise<number> {
  const { clock, random } = world;
  let reloading: Promise<void> = Promise.resolve(); // one after another
  const onReady = (running: RunningCache): void =>
    world.onHangup(() => {
      reloading = reloading.then(() => reload(file, running, log));
    });
  world.onHangup(() => undefined); // nothing to change yet, and no reason to stop
  await serveConfigured({ config, onReady, clock, random, log }, world.signal);
  await reloading;
  return 0;
}

/** A document that is wrong changes nothing: what runs goes on. */
async function reload(file: string, running: RunningCache, log: Logger): Promise<void> {
  try {
    const kept = await running.reload(await readDocument(file));
    for (const what of kept) log.warn('kept as it was', { what });
    log.info('configuration reloaded', { file });
  } catch (error) {
    log.error('configuration not reloaded', { error });
  }
}

async function readDocument(file: string): Promise<CacheConfig> {
  const { parse } = await import('yaml');
  const source = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  let document: unknown;
  try {
    document = parse(source);
  } catch (error) {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${file} is no YAML: ${messageOf(error)}`);
  }
  return readCacheConfig(document, { directory: dirname(resolve(file)), source: file });
}

async function serveByOptions(world: Ambient, options: OptionValues): Promise<number> {
  const directory = options.text('data');
  if (directory === undefined) throw usage('say where the cache is kept with --data');
  const status = options.text('status-listen');
  await serveCache(
    {
      directory,
      listen: addresses(options),
      ...(status === undefined ? {} : { health: parseHostPort(status, 8_127) }),
      controlTokenFile: options.text('control-token-file'),
      storageBytes: await sizeOption(options, 'storage', '10Gi'),
      memoryBytes: await sizeOption(options, 'memory', '32Mi'),
      durability: options.choice('durability', ['none', 'commit'] as const) ?? 'none',
      lingerMs: (options.integer('linger-seconds', { min: 0, max: 3_600 }) ?? 0) * 1_000,
      drainMs: (options.integer('drain-seconds', { min: 0, max: 3_600 }) ?? 10) * 1_000,
      clock: world.clock,
      random: world.random,
      log: loggerOf(world, options),
    },
    world.signal,
  );
  return 0;
}

function loggerOf(world: Ambient, options: OptionValues): Logger {
  const format = options.flag('json') ? 'json' : 'text';
  return createLogger({ clock: world.clock, format, level: 'info', write: world.write });
}

function addresses(options: OptionValues): readonly ListenAddress[] {
  const own = options.texts('listen').map((text) => parseHostPort(text, 8_126));
  const shared = options
    .texts('shared-listen')
    .map((text) => ({ ...parseHostPort(text, 8_126), reusePort: true }));
  const all = [...own, ...shared];
  return all.length > 0 ? all : [parseHostPort('127.0.0.1:8126', 8_126)];
}

/** Bytes of `500Mi` or `20Gi`. Throws CLI_USAGE. */
async function sizeOption(options: OptionValues, name: string, standard: string): Promise<number> {
  const text = options.text(name) ?? standard;
  const bytes = /^\d+$/.test(text) ? Number(text) : await quantityBytes(text);
  if (bytes === undefined || bytes < 0 || bytes > Number.MAX_SAFE_INTEGER) {
    throw usage(`--${name} takes a size such as 500Mi or 20Gi, not "${text}"`);
  }
  return bytes;
}

/** Undefined for what is no quantity. Loads the quantities only where they are met: pods are given plain bytes. */
async function quantityBytes(text: string): Promise<number | undefined> {
  const { parseQuantity, quantityProblem, quantityValue } = await import('@tweendeck/kube');
  return quantityProblem(text) === undefined
    ? Number(quantityValue(parseQuantity(text)))
    : undefined;
}
