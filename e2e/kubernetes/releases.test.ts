// Our client against the API server of every release of Kubernetes that was built on this machine.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cacheServerKind } from '@tweendeck/cacheserver';
import { type Client, openInformer, type WatchEvent } from '@tweendeck/client';
import {
  type ConfigMap,
  configMapResource,
  customResourceDefinitionResource,
  deploymentResource,
  type Input,
  isApiError,
  namespaceResource,
  type StatusReason,
} from '@tweendeck/kube';
import { clockOf, isJsonObject, randomOf, silentLogger } from '@tweendeck/std';
import {
  buildCommand,
  isBuilt,
  knownReleases,
  pinnedRelease,
  versionOf,
} from '../../tools/kubernetes/release.ts';
import { until } from '../support/home.ts';
import { footprint } from './lab/footprint.ts';
import { type ControlPlane, controlPlane } from './lab/index.ts';

const signal = new AbortController().signal;
const namespace = 'client';

/** Refused by the API server for this reason. */
function refusal(reason: StatusReason): (error: unknown) => boolean {
  return (error) => isApiError(error, reason);
}

for (const release of knownReleases()) {
  const built = isBuilt(release, 'kube-apiserver');
  const command = `${buildCommand} -- --release=${release}`;
  // The pinned release is not optional: without it the lab says what is missing, and the test fails.
  const skip =
    built || release === pinnedRelease ? false : `its API server is not built here; ${command}`;
  test(`the client speaks to Kubernetes ${versionOf(release)}`, { skip }, async (context) => {
    let directory = '';
    {
      await using lab = await controlPlane({ release, controllerManager: false, scheduler: false });
      directory = lab.directory;
      await speaks(context, lab);
    }
    assert.deepEqual(footprint(directory), []);
  });
}

async function speaks(context: TestContext, lab: ControlPlane): Promise<void> {
  const { client, version } = lab;
  await context.test(`the server calls itself ${version}`, async () => {
    const answer = await client.request('GET', '/version', {}, signal);
    assert.ok(isJsonObject(answer));
    assert.equal(answer['gitVersion'], version);
    const metadata = { name: namespace };
    const made = { apiVersion: 'v1', kind: 'Namespace', metadata, spec: {} } as const;
    await client.create(namespaceResource, made, {}, signal);
  });
  await context.test('create, get, update, list, delete', () => objects(client));
  await context.test('merge, strategic and JSON patches', () => patches(client));
  await context.test('server-side apply: ownership, conflict, force', () => applies(client));
  await context.test('status and scale are written apart from the rest', () =>
    subresources(client),
  );
  await context.test('a watch tells what happens, in order', () => watches(client));
  await context.test('an informer follows and keeps only what is selected', () => informs(client));
  await context.test('a list of many pages is whole', () => pages(client));
  await context.test('our kind is served from its definition, and refuses what it must', () =>
    kinds(client),
  );
}

function configMap(
  name: string,
  data: Readonly<Record<string, string>> = {},
  test = name,
): Input<ConfigMap> {
  const metadata = { name, namespace, labels: { test } };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}

async function objects(client: Client): Promise<void> {
  const ref = { name: 'one', namespace };
  const created = await client.create(configMapResource, configMap('one', { a: '1' }), {}, signal);
  assert.equal(created.kind, 'ConfigMap');
  await assert.rejects(
    client.create(configMapResource, configMap('one'), {}, signal),
    refusal('AlreadyExists'),
  );
  const wrong = { ...configMap('wrong'), data: { 'a b': '' } };
  await assert.rejects(client.create(configMapResource, wrong, {}, signal), refusal('Invalid'));
  const updated = await client.update(
    configMapResource,
    { ...created, data: { a: '2' } },
    {},
    signal,
  );
  assert.deepEqual(updated.data, { a: '2' });
  await assert.rejects(
    client.update(configMapResource, { ...created, data: { a: '3' } }, {}, signal),
    refusal('Conflict'),
  );
  assert.deepEqual((await client.get(configMapResource, ref, signal))?.data, { a: '2' });
  const dryRun = { dryRun: true };
  assert.equal(await client.delete(configMapResource, ref, dryRun, signal), true);
  const preconditions = { uid: '00000000-0000-4000-8000-000000000000' };
  await assert.rejects(
    client.delete(configMapResource, ref, { preconditions }, signal),
    refusal('Conflict'),
  );
  assert.equal(await client.delete(configMapResource, ref, {}, signal), true);
  assert.equal(await client.delete(configMapResource, ref, {}, signal), false);
  assert.equal(await client.get(configMapResource, ref, signal), undefined);
}

async function patches(client: Client): Promise<void> {
  const ref = { name: 'patched', namespace };
  await client.create(configMapResource, configMap('patched', { a: '1', b: '1' }), {}, signal);
  const patched = async (patch: Parameters<Client['patch']>[2]): Promise<ConfigMap['data']> =>
    (await client.patch(configMapResource, ref, patch, {}, signal)).data;
  assert.deepEqual(await patched({ type: 'merge', body: { data: { a: null, c: '1' } } }), {
    b: '1',
    c: '1',
  });
  assert.deepEqual(await patched({ type: 'strategic', body: { data: { b: '2' } } }), {
    b: '2',
    c: '1',
  });
  const operations = [
    { op: 'test', path: '/data/b', value: '2' },
    { op: 'remove', path: '/data/b' },
  ];
  assert.deepEqual(await patched({ type: 'json', body: operations }), { c: '1' });
  await assert.rejects(patched({ type: 'json', body: operations }), refusal('Invalid'));
}

async function applies(client: Client): Promise<void> {
  const apply = (fieldManager: string, data: Readonly<Record<string, string>>, force = false) =>
    client.apply(
      configMapResource,
      { metadata: { name: 'applied', namespace }, data },
      { fieldManager, force },
      signal,
    );
  await apply('first', { a: '1', b: '1' });
  assert.deepEqual((await apply('second', { c: '1' })).data, { a: '1', b: '1', c: '1' });
  await assert.rejects(apply('second', { a: '2' }), refusal('Conflict'));
  assert.deepEqual((await apply('second', { a: '2' }, true)).data, { a: '2', b: '1' });
  assert.deepEqual((await apply('first', {})).data, { a: '2' });
}

async function subresources(client: Client): Promise<void> {
  const labels = { app: 'idle' };
  const ref = { name: 'idle', namespace };
  await client.create(
    deploymentResource,
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: ref,
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'idle', image: 'idle' }] },
        },
      },
    },
    {},
    signal,
  );
  const status = {
    type: 'merge',
    body: { status: { replicas: 3 }, spec: { replicas: 9 } },
  } as const;
  await client.patch(deploymentResource, ref, status, { subresource: 'status' }, signal);
  const scale = { type: 'merge', body: { spec: { replicas: 2 } } } as const;
  await client.patch(deploymentResource, ref, scale, { subresource: 'scale' }, signal);
  const found = await client.get(deploymentResource, ref, signal);
  assert.equal(found?.status?.replicas, 3);
  assert.equal(found?.spec?.replicas, 2);
}

async function watches(client: Client): Promise<void> {
  const labelSelector = 'test=watched';
  const selection = { namespace, labelSelector };
  const { resourceVersion } = await client.list(configMapResource, selection, signal);
  const seen: string[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    const events = client.watch(configMapResource, { ...selection, resourceVersion }, stop.signal);
    for await (const event of events) {
      seen.push(described(event));
      if (event.type === 'DELETED') return;
    }
  })();
  const ref = { name: 'watched', namespace };
  const created = await client.create(configMapResource, configMap('watched'), {}, signal);
  await client.create(configMapResource, configMap('beside'), {}, signal);
  await client.update(configMapResource, { ...created, data: { a: '1' } }, {}, signal);
  await client.delete(configMapResource, ref, {}, signal);
  const limit = setTimeout(() => stop.abort(new Error('the watch told too little')), 30_000);
  await watching.finally(() => clearTimeout(limit));
  assert.deepEqual(seen, ['ADDED {}', 'MODIFIED {"a":"1"}', 'DELETED {"a":"1"}']);
}

function described(event: WatchEvent<ConfigMap>): string {
  if (event.type === 'BOOKMARK') return event.type;
  return `${event.type} ${JSON.stringify(event.object.data ?? {})}`;
}

async function informs(client: Client): Promise<void> {
  const told: string[] = [];
  const tools = {
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    log: silentLogger,
  };
  await client.create(configMapResource, configMap('informed-1'), {}, signal);
  const options = { namespace, labelSelector: 'test in (informed-1, informed-2)' };
  await using informer = openInformer(client, configMapResource, options, tools, signal);
  await informer.synced;
  using _ = informer.subscribe({
    updated: (object, previous) => {
      told.push(`${previous ? 'changed' : 'new'} ${object.metadata.name}`);
    },
    deleted: (object) => {
      told.push(`deleted ${object.metadata.name}`);
    },
  });
  const second = await client.create(configMapResource, configMap('informed-2'), {}, signal);
  await client.update(configMapResource, { ...second, data: { a: '1' } }, {}, signal);
  await client.delete(configMapResource, { name: 'informed-1', namespace }, {}, signal);
  await until('the informer told all', async () => told.length === 4);
  assert.deepEqual(told, [
    'new informed-1',
    'new informed-2',
    'changed informed-2',
    'deleted informed-1',
  ]);
  assert.deepEqual(
    informer.list().map(({ data }) => data),
    [{ a: '1' }],
  );
}

/** More than the client asks for at once. */
const many = 550;

async function pages(client: Client): Promise<void> {
  const names = Array.from({ length: many }, (_, index) => `page-${index}`);
  const create = async (name: string): Promise<unknown> =>
    client.create(configMapResource, configMap(name, {}, 'pages'), {}, signal);
  for (let from = 0; from < many; from += 50) {
    await Promise.all(names.slice(from, from + 50).map(create));
  }
  const selection = { namespace, labelSelector: 'test=pages' };
  const { items } = await client.list(configMapResource, selection, signal);
  assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), names.sort());
  const metadataOnly = await client.list(
    configMapResource,
    { ...selection, fieldSelector: 'metadata.name=page-7', metadataOnly: true },
    signal,
  );
  assert.deepEqual(
    metadataOnly.items.map(({ metadata }) => metadata.name),
    ['page-7'],
  );
}

async function kinds(client: Client): Promise<void> {
  const definition = await client.create(
    customResourceDefinitionResource,
    cacheServerKind.crd(),
    {},
    signal,
  );
  await until('the kind is served', async () => {
    const ref = { name: definition.metadata.name };
    const found = await client.get(customResourceDefinitionResource, ref, signal);
    return found?.status?.conditions?.some(
      ({ type, status }) => type === 'Established' && status === 'True',
    );
  });
  const apply = (spec: Readonly<Record<string, unknown>>) =>
    client.apply(
      cacheServerKind,
      { metadata: { name: 'cache', namespace }, spec },
      { fieldManager: 'test' },
      signal,
    );
  const applied = await until('the kind takes objects', () => apply({ storage: 1_000_000 }));
  assert.equal(applied.kind, 'CacheServer');
  await assert.rejects(apply({ replicas: 65 }), refusal('Invalid'));
  const status = { type: 'merge', body: { status: { phase: 'Ready' } } } as const;
  const ref = { name: 'cache', namespace };
  await client.patch(cacheServerKind, ref, status, { subresource: 'status' }, signal);
  assert.equal((await client.get(cacheServerKind, ref, signal))?.status?.phase, 'Ready');
}
