// `tweendeck cacheserver entry`: nginx in front of the replicas of a cache server, kept in step with them.

import { existsSync } from 'node:fs';
import { serveEntry } from '@tweendeck/cacheserver';
import { createClient, httpsTransport } from '@tweendeck/client';
import { createLogger } from '@tweendeck/std';
import { parseHostPort } from '../cache-address.ts';
import { clusterAccess } from '../cluster/cluster-access.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';
import { readLines } from '../text-file.ts';

/** Where Debian has them; a program of another place is found by the path. */
const nginxPlaces = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'] as const;
const modulePlaces = ['/usr/lib/nginx/modules/ngx_stream_module.so'] as const;

export async function run({ world, options }: Invocation): Promise<number> {
  const name = options.text('service');
  const directory = options.text('directory');
  if (name === undefined) throw usage('say which Service the replicas have with --service');
  if (directory === undefined) throw usage('say where nginx keeps its files with --directory');
  const { clock, random } = world;
  const log = createLogger({
    clock,
    format: options.flag('json') ? 'json' : 'text',
    level: 'info',
    write: world.write,
  });
  world.onHangup(() => undefined); // nothing to change yet, and no reason to stop
  const { connection, namespace } = await clusterAccess(world, options.text('kubeconfig'), log);
  using transport = httpsTransport(connection);
  const userAgent = `tweendeck-entry/${world.version}`;
  await serveEntry(
    {
      client: createClient({ transport, clock, random, log, userAgent }),
      service: { namespace: options.text('namespace') ?? namespace, name },
      listen: options.texts('listen'),
      sharedListen: () => readLines(options.text('shared-listen-file')),
      health: parseHostPort(options.text('status-listen') ?? '127.0.0.1:8127', 8_127),
      program: options.text('nginx') ?? nginxPlaces.find(existsSync) ?? 'nginx',
      streamModule: modulePlaces.find(existsSync),
      directory,
      connectionsMax: options.integer('connections', { min: 16, max: 1_000_000 }) ?? 8_192,
      ...times(options),
      onHangup: world.onHangup,
      clock,
      random,
      log,
    },
    world.signal,
  );
  return 0;
}

function times(options: OptionValues): { readonly lingerMs: number; readonly drainMs: number } {
  const seconds = { min: 0, max: 86_400 };
  return {
    lingerMs: (options.integer('linger-seconds', seconds) ?? 0) * 1_000,
    drainMs: (options.integer('drain-seconds', seconds) ?? 10) * 1_000,
  };
}
