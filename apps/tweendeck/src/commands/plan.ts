// `tweendeck plan`: what the controllers would do about middleware clusters, with nothing done.

import { type Client, createClient, httpsTransport } from '@tweendeck/client';
import type { DryRun } from '@tweendeck/engine';
import type { KubeObject } from '@tweendeck/kube';
import { PlatformError, silentLogger } from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { clusterAccess } from '../cluster/cluster-access.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';
import { type Connection, connect } from '../connection.ts';
import { engineNamed } from '../engine-named.ts';
import { readManifests } from '../manifests.ts';
import { planText } from '../output/plan-text.ts';

/** As `tweendeck apply` names it: fields are taken over as they would be then. */
const fieldManager = 'tweendeck-cli';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const form = options.choice('output', ['json'] as const);
  const files = options.texts('file');
  if (files.length > 0 === operands.length > 0 || operands.length === 1)
    throw usage(
      'name a cluster as KIND NAME, or files with --file',
      'See "tweendeck plan --help".',
    );
  await using connection = await open(world, options);
  const objects =
    files.length > 0
      ? await declared(world, files, connection)
      : [await existing(operands, connection, world.signal)];
  const runs: DryRun[] = [];
  for (const object of objects) {
    const tools = {
      ...{ client: connection.client, clock: world.clock, random: world.random },
      mayTell: passwordRule(world, options),
    };
    runs.push(await engineNamed(object.kind).dryRun(object, tools, world.signal));
  }
  world.write(
    form === 'json' ? JSON.stringify(runs, undefined, 2) : runs.map(planText).join('\n\n'),
  );
  return options.flag('exit-code') ? exitCodeOf(runs) : 0;
}

function exitCodeOf(runs: readonly DryRun[]): number {
  if (runs.some(({ troubles }) => troubles.length > 0)) return 4;
  const isIdle = ({ changes, steps, waits }: DryRun): boolean =>
    changes.length === 0 && steps.length === 0 && waits === undefined;
  return runs.every(isIdle) ? 0 : 3;
}

/** In a pod without a kubeconfig, as whom the pod is. */
async function open(world: Ambient, options: OptionValues): Promise<Connection> {
  const { environment, clock, random, version } = world;
  const isNamed = ['kubeconfig', 'data-dir'].some((name) => options.text(name) !== undefined);
  if (isNamed || environment['KUBECONFIG'] || !inPod(world)) return connect(world, options);
  const access = await clusterAccess(world, undefined, silentLogger);
  const transport = httpsTransport(access.connection);
  return {
    client: createClient({ transport, clock, random, userAgent: `tweendeck/${version}` }),
    namespace: options.text('namespace') ?? access.namespace,
    [Symbol.asyncDispose]: async () => transport[Symbol.dispose](),
  };
}

function inPod({ environment }: Ambient): boolean {
  return Boolean(environment['KUBERNETES_SERVICE_HOST']);
}

/** An address of a cluster's pods may be a stranger's in the network of this machine. */
function passwordRule(world: Ambient, options: OptionValues): (address: string) => boolean {
  const isInside = options.flag('pod-network') || inPod(world);
  return (address) => isInside || address.startsWith('127.') || address === '::1';
}

async function existing(
  [word = '', name = '']: readonly string[],
  { client, namespace }: Connection,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { kind } = engineNamed(word);
  const found = await client.get(kind, { name, namespace }, signal);
  if (found) return found;
  throw new PlatformError('CLI_NOT_FOUND', `there is no ${kind.kind} "${name}"`, {
    hint: 'See what is there with "tweendeck get", and mind the namespace (-n).',
  });
}

/** As the server would have them: with its defaults, and refused as an apply would be. */
async function declared(
  world: Ambient,
  files: readonly string[],
  { client, namespace }: Pick<Connection, 'namespace'> & { readonly client: Client },
): Promise<readonly KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const manifest of await readManifests(world, files)) {
    const { kind } = engineNamed(manifest.kind);
    const metadata = {
      ...manifest.object.metadata,
      namespace: manifest.namespace ?? namespace,
    };
    const object = { ...manifest.object, metadata };
    const options = { fieldManager, force: true, dryRun: true, fieldValidation: 'Strict' } as const;
    objects.push(await client.apply(kind, object, options, world.signal));
  }
  return objects;
}
