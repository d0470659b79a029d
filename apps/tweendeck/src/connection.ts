// Which API server a command speaks to, and how.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Client, createClient, httpsTransport, parseKubeconfig } from '@tweendeck/client';
import { PlatformError, systemErrorCode } from '@tweendeck/std';
import type { Ambient } from './ambient.ts';
import type { OptionValues } from './command-line.ts';
import { homeDirectory } from './home/home-directory.ts';

export interface Connection extends AsyncDisposable {
  readonly client: Client;
  /** The namespace that was asked for, else the context's, else `default`. */
  readonly namespace: string;
}

/** The kubeconfig a command means: --kubeconfig, the home of --data-dir, $KUBECONFIG, the default home. */
export function kubeconfigPath(world: Ambient, options: OptionValues): string {
  const given = options.text('kubeconfig');
  if (given !== undefined) return given;
  const directory = options.text('data-dir');
  const fromEnvironment = world.environment['KUBECONFIG'];
  if (directory === undefined && fromEnvironment) return fromEnvironment;
  return homeDirectory(directory, world.environment, world.homeDirectory).kubeconfig;
}

/** Opens the connection. Throws CLI_NO_HOME when there is no kubeconfig where it was looked for. */
export async function connect(world: Ambient, options: OptionValues): Promise<Connection> {
  const path = kubeconfigPath(world, options);
  const config = parseKubeconfig(await readKubeconfig(path), {
    // Files that a kubeconfig names are relative to it.
    readFile: (name) => readFileSync(resolve(path, '..', name), 'utf8'),
  });
  const transport = httpsTransport(config);
  return {
    client: createClient({
      transport,
      clock: world.clock,
      random: world.random,
      userAgent: `tweendeck/${world.version}`,
    }),
    namespace: options.text('namespace') ?? config.namespace,
    [Symbol.asyncDispose]: async () => transport[Symbol.dispose](),
  };
}

/** The text of a kubeconfig file. Throws CLI_NO_HOME. */
export async function readKubeconfig(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const absent = systemErrorCode(cause) === 'ENOENT';
    throw new PlatformError('CLI_NO_HOME', `there is no kubeconfig at ${path}`, {
      ...(absent ? {} : { cause }),
      hint: 'Start the embedded home with "tweendeck up", or name a cluster with --kubeconfig.',
    });
  }
}
