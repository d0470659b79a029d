// `tweendeck cacheserver serve`: the data plane alone, by options or by a document.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  type CacheConfig,
  checkCertificates,
  configOf,
  type ListenAddress,
  type RunningCache,
  readCacheConfig,
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
  await serveConfigured(
    { config, onReady, clock, random, log, descriptorsMax: await descriptorsMax() },
    world.signal,
  );
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
  const source = await readText(file);
  let document: unknown;
  try {
    document = parse(source);
  } catch (error) {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${file} is no YAML: ${messageOf(error)}`);
  }
  return readCacheConfig(document, { directory: dirname(resolve(file)), source: file });
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
}

async function serveByOptions(world: Ambient, options: OptionValues): Promise<number> {
  const { clock, random } = world;
  world.onHangup(() => undefined); // nothing to change yet, and no reason to stop
  const log = loggerOf(world, options);
  let shared = await sharedAddresses(options);
  const configWith = await configByOptions(options);
  let reloading: Promise<void> = Promise.resolve(); // one after another
  const readAgain = async (running: RunningCache): Promise<void> => {
    try {
      const before = shared;
      shared = await sharedAddresses(options);
      // Whoever takes an address over may need a moment: it is left a little later than the others are taken.
      await running.reload(configWith(unionOf(before, shared)));
      await clock.sleep(addressLingerMs, world.signal);
      await running.reload(configWith(shared));
    } catch (error) {
      if (!world.signal.aborted) log.error('addresses not read again', { error });
    }
  };
  const onReady = (running: RunningCache): void =>
    world.onHangup(() => {
      reloading = reloading.then(() => readAgain(running));
    });
  const config = configWith(shared);
  await serveConfigured(
    { config, onReady, clock, random, log, descriptorsMax: await descriptorsMax() },
    world.signal,
  );
  await reloading;
  return 0;
}

/** How long addresses that are to be left are still served. */
const addressLingerMs = 2_000;

/** The document that options amount to, by the addresses that are shared at the moment. */
async function configByOptions(
  options: OptionValues,
): Promise<(shared: readonly ListenAddress[]) => CacheConfig> {
  const directory = options.text('data');
  if (directory === undefined) throw usage('say where the cache is kept with --data');
  const status = options.text('status-listen');
  const fixed = {
    directory,
    listenProxied: options.texts('proxied-listen').map((text) => parseHostPort(text, 8_128)),
    ...(status === undefined ? {} : { health: parseHostPort(status, 8_127) }),
    controlTokenFile: options.text('control-token-file'),
    storageBytes: await sizeOption(options, 'storage', '10Gi'),
    memoryBytes: await sizeOption(options, 'memory', '32Mi'),
    durability: options.choice('durability', ['none', 'commit'] as const) ?? 'none',
    lingerMs: (options.integer('linger-seconds', { min: 0, max: 3_600 }) ?? 0) * 1_000,
    drainMs: (options.integer('drain-seconds', { min: 0, max: 3_600 }) ?? 10) * 1_000,
  };
  return (shared) => configOf({ ...fixed, listen: addresses(options, shared) });
}

/** What the kernel lets this process have open; undefined where it does not say. */
async function descriptorsMax(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}

function loggerOf(world: Ambient, options: OptionValues): Logger {
  const format = options.flag('json') ? 'json' : 'text';
  return createLogger({ clock: world.clock, format, level: 'info', write: world.write });
}

function addresses(
  options: OptionValues,
  shared: readonly ListenAddress[],
): readonly ListenAddress[] {
  const own = options.texts('listen').map((text) => parseHostPort(text, 8_126));
  const all = [...own, ...shared];
  return all.length > 0 ? all : [parseHostPort('127.0.0.1:8126', 8_126)];
}

/** Those that options name, and those in the file that they name. */
async function sharedAddresses(options: OptionValues): Promise<readonly ListenAddress[]> {
  const file = options.text('shared-listen-file');
  const lines = file === undefined ? [] : (await readText(file)).split('\n').filter(Boolean);
  const texts = [...options.texts('shared-listen'), ...lines];
  return texts.map((text) => ({ ...parseHostPort(text, 8_126), reusePort: true }));
}

function unionOf(
  left: readonly ListenAddress[],
  right: readonly ListenAddress[],
): readonly ListenAddress[] {
  const byText = new Map([...left, ...right].map((one) => [`${one.host} ${one.port}`, one]));
  return [...byText.values()];
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
