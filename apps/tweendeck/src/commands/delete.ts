// `tweendeck delete`: deletes, and waits until what was deleted is gone.

import { type Client, openInformer } from '@tweendeck/client';
import { groupResourceOf, type ObjectRef } from '@tweendeck/kube';
import { abortable, silentLogger } from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { type Invocation, usage } from '../command-line.ts';
import { connect } from '../connection.ts';
import { kindOf, type ServedKind, servedKinds, targetsOf } from '../kinds.ts';
import { readManifests } from '../manifests.ts';

interface Doomed {
  readonly kind: ServedKind;
  readonly ref: ObjectRef;
}

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const files = options.texts('file');
  if (files.length > 0 === operands.length > 0) {
    throw usage('name either objects or files to delete', 'See "tweendeck delete --help".');
  }
  const manifests = await readManifests(world, files);
  await using connection = await connect(world, options);
  const { client } = connection;
  const kinds = await servedKinds(client, world.signal);
  const named = operands.length === 0 ? [] : targetsOf(kinds, operands);
  const doomed: Doomed[] = [
    ...named.map(({ kind, name }) => {
      if (name === undefined) throw usage(`name which ${kind.plural} to delete`);
      return {
        kind,
        ref: { name, ...(kind.namespaced ? { namespace: connection.namespace } : {}) },
      };
    }),
    ...manifests.map(({ apiVersion, kind, name, namespace }) => {
      const resource = kindOf(kinds, apiVersion, kind);
      const scope = resource.namespaced ? { namespace: namespace ?? connection.namespace } : {};
      return { kind: resource, ref: { name, ...scope } };
    }),
  ];
  let missing = 0;
  for (const { kind, ref } of doomed) {
    const uid = (await client.get(kind, ref, world.signal))?.metadata.uid;
    const label = `${groupResourceOf(kind)}/${ref.name}`;
    if (
      uid === undefined ||
      !(await client.delete(kind, ref, { preconditions: { uid } }, world.signal))
    ) {
      world.writeError(`${label} not found`);
      missing++;
    } else {
      if (!options.flag('no-wait')) await untilGone({ client, kind, ref }, uid, world);
      world.write(`${label} deleted`);
    }
  }
  return missing === 0 ? 0 : 1;
}

/** Waits until the object with this uid is gone: deleted, or replaced by another of its name. */
async function untilGone(
  { client, kind, ref }: Doomed & { readonly client: Client },
  uid: string,
  { clock, random, signal }: Ambient,
): Promise<void> {
  const selection = { namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}` };
  const tools = { clock, random, log: silentLogger };
  await using informer = openInformer(client, kind, selection, tools, signal);
  const { promise, resolve } = Promise.withResolvers<void>();
  using _subscription = informer.subscribe({
    updated: (object) => {
      if (object.metadata.uid !== uid) resolve();
    },
    deleted: () => resolve(),
  });
  await abortable(informer.synced, signal);
  if (informer.get(ref)?.metadata.uid !== uid) return;
  await abortable(promise, signal);
}
