// `tweendeck cacheserver serve`: the data plane alone, by options or by a document.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  type CacheConfig,
  checkCertificates,
  configOf,
  type ListenAddress,
  type RulesDocument,
  type RunningCache,
  readCacheConfig,
  readRulesDocument,
  serveConfigured,
} from '@tweendeck/cacheserver/data-plane';
import {
  type Clock,
  createLogger,
  type Logger,
  linkedAbort,
  messageOf,
  PlatformError,
} from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { parseHostPort } from '../cache-address.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';
import { readLines, readText } from '../text-file.ts';

/** What a document says in their place. */
const documented = [
  'data',
  'status-listen',
  'control-token-file',
  'storage',
  'memory',
  'durability',
  'rules-file',
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
  return readCacheConfig(await parsed(file, await readText(file)), whence(file));
}

async function parsed(file: string, source: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(source);
  } catch (error) {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${file} is no YAML: ${messageOf(error)}`);
  }
}

/** Where paths in a document count from, and what it is called. */
function whence(file: string): { readonly directory: string; readonly source: string } {
  return { directory: dirname(resolve(file)), source: file };
}

async function serveByOptions(world: Ambient, options: OptionValues): Promise<number> {
  const { clock, random } = world;
  world.onHangup(() => undefined); // nothing to change yet, and no reason to stop
  const log = loggerOf(world, options);
  let shared = await sharedAddresses(options);
  const rules = new RulesFile(options.text('rules-file'));
  await rules.read();
  const configWith = await configByOptions(options);
  let reloading: Promise<void> = Promise.resolve(); // one after another
  const readAgain = async (running: RunningCache): Promise<void> => {
    try {
      await rules.read();
      const before = shared;
      shared = await sharedAddresses(options);
      const both = unionOf(before, shared);
      const kept = await running.reload(configWith(both, rules.document));
      for (const what of kept) log.warn('kept as it was', { what });
      if (both.length === shared.length) return;
      // Whoever takes an address over may need a moment: it is left a little later than the others are taken.
      await clock.sleep(addressLingerMs, world.signal);
      await running.reload(configWith(shared, rules.document));
    } catch (error) {
      if (!world.signal.aborted) log.error('not read again', { error });
    }
  };
  const watching = { changed: (): Promise<void> => Promise.resolve() };
  const onReady = (running: RunningCache): void => {
    const again = (): Promise<void> => {
      reloading = reloading.then(() => readAgain(running));
      return reloading;
    };
    world.onHangup(() => void again());
    watching.changed = again;
  };
  const config = configWith(shared, rules.document);
  using stop = linkedAbort(world.signal);
  const watch = rules.watch(clock, () => watching.changed(), stop.signal);
  try {
    const descriptors = await descriptorsMax();
    await serveConfigured(
      { config, onReady, clock, random, log, descriptorsMax: descriptors },
      world.signal,
    );
  } finally {
    stop.abort(new Error('it serves no more'));
  }
  await Promise.all([reloading, watch]);
  return 0;
}

/** A mounted file changes without a word: it is looked at so often. */
const rulesLookMs = 2_000;

/** The document with the rules, as it was when it was last read; without a file there are none. */
class RulesFile {
  document: RulesDocument | undefined;
  readonly #path: string | undefined;
  #text = '';

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Throws CLI_FILE_UNREADABLE or CACHE_CONFIG_INVALID, and keeps what it had. */
  async read(): Promise<void> {
    if (this.#path === undefined) return;
    this.#text = await readText(this.#path);
    this.document = readRulesDocument(await parsed(this.#path, this.#text), whence(this.#path));
  }

  /** Calls `changed` whenever the file says something else. A file that is away for a while has not changed. */
  async watch(clock: Clock, changed: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const path = this.#path;
    while (path !== undefined && !signal.aborted) {
      await clock.sleep(rulesLookMs, signal).catch(() => undefined);
      const text = await readFile(path, 'utf8').catch(() => this.#text);
      if (!signal.aborted && text !== this.#text) await changed();
    }
  }
}

/** How long addresses that are to be left are still served. */
const addressLingerMs = 2_000;

/** The document that options amount to, by the addresses that are shared at the moment and the rules there are. */
async function configByOptions(
  options: OptionValues,
): Promise<(shared: readonly ListenAddress[], rules: RulesDocument | undefined) => CacheConfig> {
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
  return (shared, rules) => configOf({ ...fixed, rules, listen: addresses(options, shared) });
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
  const lines = await readLines(options.text('shared-listen-file'));
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
