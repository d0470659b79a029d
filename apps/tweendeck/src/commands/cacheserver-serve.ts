// `tweendeck cacheserver serve`: the data plane alone.

import { type ListenAddress, serveCache } from '@tweendeck/cacheserver/data-plane';
import { createLogger } from '@tweendeck/std';
import { parseHostPort } from '../cache-address.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';

export async function run({ world, options }: Invocation): Promise<number> {
  const directory = options.text('data');
  if (directory === undefined) throw usage('say where the cache is kept with --data');
  const json = options.flag('json');
  const log = createLogger({
    clock: world.clock,
    format: json ? 'json' : 'text',
    level: 'info',
    write: world.write,
  });
  const status = options.text('status-listen');
  await serveCache(
    {
      directory,
      listen: addresses(options),
      ...(status === undefined ? {} : { health: parseHostPort(status, 8_127) }),
      storageBytes: await sizeOption(options, 'storage', '10Gi'),
      memoryBytes: await sizeOption(options, 'memory', '32Mi'),
      durability: options.choice('durability', ['none', 'commit'] as const) ?? 'none',
      lingerMs: (options.integer('linger-seconds', { min: 0, max: 3_600 }) ?? 0) * 1_000,
      drainMs: (options.integer('drain-seconds', { min: 0, max: 3_600 }) ?? 10) * 1_000,
      clock: world.clock,
      random: world.random,
      log,
    },
    world.signal,
  );
  return 0;
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
