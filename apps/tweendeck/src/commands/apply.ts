// `tweendeck apply`: server-side apply of what files say.

import { groupResourceOf } from '@tweendeck/kube';
import { type Invocation, usage } from '../command-line.ts';
import { connect } from '../connection.ts';
import { kindOf, servedKinds } from '../kinds.ts';
import { readManifests } from '../manifests.ts';

/** Who owns what this command applied. */
const fieldManager = 'tweendeck-cli';

export async function run({ world, options }: Invocation): Promise<number> {
  const files = options.texts('file');
  if (files.length === 0)
    throw usage('name what to apply with --file', 'See "tweendeck apply --help".');
  const manifests = await readManifests(world, files);
  await using connection = await connect(world, options);
  const { client } = connection;
  const dryRun = options.flag('dry-run');
  for (const { apiVersion, kind, name, namespace, object } of manifests) {
    // Asked again for each object: one before may have been a CustomResourceDefinition.
    const resource = kindOf(await servedKinds(client, world.signal), apiVersion, kind);
    const scope = resource.namespaced ? { namespace: namespace ?? connection.namespace } : {};
    const before = await client.get(resource, { name, ...scope }, world.signal);
    const after = await client.apply(
      resource,
      { ...object, metadata: { ...object.metadata, ...scope } },
      { fieldManager, force: options.flag('force'), dryRun, fieldValidation: 'Strict' },
      world.signal,
    );
    const same = before?.metadata.resourceVersion === after.metadata.resourceVersion;
    const what = before ? (same ? 'unchanged' : 'configured') : 'created';
    world.write(`${groupResourceOf(resource)}/${name} ${what}${dryRun ? ' (dry run)' : ''}`);
  }
  return 0;
}
