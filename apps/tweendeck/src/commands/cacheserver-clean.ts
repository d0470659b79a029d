// `tweendeck cacheserver clean`: cleans all replicas of a CacheServer once, and reports to a webhook.

import { readFile } from 'node:fs/promises';
import { postOverHttp, replicasOf, runCleaner } from '@tweendeck/cacheserver';
import { createClient, httpsTransport } from '@tweendeck/client';
import { endpointSliceResource } from '@tweendeck/kube';
import { createLogger, PlatformError } from '@tweendeck/std';
import { clusterAccess } from '../cluster/cluster-access.ts';
import { type Invocation, usage } from '../command-line.ts';

export async function run({ world, options }: Invocation): Promise<number> {
  const name = options.text('name');
  const service = options.text('service');
  if (name === undefined || service === undefined)
    throw usage(
      'say which CacheServer with --name, and the Service of its replicas with --service',
    );
  const { clock, random } = world;
  const format = options.flag('json') ? 'json' : 'text';
  const log = createLogger({ clock, format, level: 'info', write: world.write });
  const { connection, namespace } = await clusterAccess(world, options.text('kubeconfig'), log);
  using transport = httpsTransport(connection);
  const userAgent = `tweendeck-cleaner/${world.version}`;
  const client = createClient({ transport, clock, random, log, userAgent });
  const labelSelector = `kubernetes.io/service-name=${service}`;
  const which = { namespace, labelSelector };
  const slices = await client.list(endpointSliceResource, which, world.signal);
  const ttlSeconds = options.integer('ttl-seconds', { min: 1, max: 2 ** 31 });
  const maxBytes = options.integer('max-bytes', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const { report, delivery } = await runCleaner(
    {
      cacheServer: { namespace, name },
      replicas: replicasOf(slices.items),
      token: (await firstLine(options.text('token-file'))) ?? '',
      rules: {
        ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
        ...(maxBytes === undefined ? {} : { maxBytes }),
        renewOnHit: options.choice('renew-on-hit', ['true', 'false'] as const) !== 'false',
      },
      dryRun: options.flag('dry-run'),
      webhook: options.text('webhook'),
      key: await firstLine(options.text('key-file')),
      post: postOverHttp,
      clock,
      random,
      log,
    },
    world.signal,
  );
  if (delivery && delivery.outcome !== 'delivered')
    throw new PlatformError(
      'CLI_REPORT_UNDELIVERED',
      `the report is ${delivery.outcome}: ${delivery.why}`,
      {
        hint: 'The caches were cleaned all the same. Look at spec.cleaner.webhook, and at who answers there.',
      },
    );
  const failed = report.replicas.find((one) => one.outcome === 'failed');
  if (report.outcome === 'cleaned') return 0;
  throw new PlatformError(
    'CLI_NOT_CLEANED',
    failed ? `pod ${failed.pod}: ${failed.error}` : 'no replica is ready',
    {
      hint: 'A Secret with the token has to be there: see "Cleaning on a schedule" in the manual.',
    },
  );
}

/** Undefined when there is no such file: a secret may come later. */
async function firstLine(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n', 1)[0]?.trim() || undefined;
}
