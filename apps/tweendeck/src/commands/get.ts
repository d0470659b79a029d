// `tweendeck get`: objects as the server's tables, or as YAML, JSON or names.

import { type Client, openInformer } from '@tweendeck/client';
import { type AnyObject, groupResourceOf, isApiError, resourcePath } from '@tweendeck/kube';
import { abortable, BoundedQueue, onAbort, PlatformError, silentLogger } from '@tweendeck/std';
import { stringify } from 'yaml';
import type { Ambient } from '../ambient.ts';
import type { Invocation } from '../command-line.ts';
import { connect } from '../connection.ts';
import { type ServedKind, servedKinds, type Target, targetsOf } from '../kinds.ts';
import { parseTable, renderTable, type Table } from '../output/table.ts';

const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

interface View {
  readonly namespace: string | undefined;
  readonly selector: string | undefined;
  readonly wide: boolean;
  /** Whether several kinds are shown, so that names need their kind. */
  readonly several: boolean;
}

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const form = options.choice('output', ['wide', 'yaml', 'json', 'name'] as const);
  await using connection = await connect(world, options);
  const { client } = connection;
  const targets = targetsOf(await servedKinds(client, world.signal), operands);
  const view: View = {
    namespace: options.flag('all-namespaces') ? undefined : connection.namespace,
    selector: options.text('selector'),
    wide: form === 'wide',
    several: new Set(targets.map((target) => groupResourceOf(target.kind))).size > 1,
  };
  if (form === 'yaml' || form === 'json' || form === 'name') {
    const objects = await objectsOf(client, targets, view, world.signal);
    world.write(renderObjects(objects, form, targets));
    return 0;
  }
  const tables = await tablesOf(client, targets, view, world.signal);
  for (const table of tables) if (table.rows.length > 0) world.write(renderTable(table, view));
  if (options.flag('watch')) {
    await watch(client, targets, view, world);
  } else if (tables.every((table) => table.rows.length === 0)) {
    world.writeError(
      view.namespace ? `No objects found in namespace ${view.namespace}.` : 'No objects found.',
    );
  }
  return 0;
}

async function objectsOf(
  client: Client,
  targets: readonly Target[],
  view: View,
  signal: AbortSignal,
): Promise<readonly AnyObject[]> {
  const objects: AnyObject[] = [];
  for (const { kind, name } of targets) {
    const namespace = kind.namespaced ? view.namespace : undefined;
    if (name === undefined) {
      const list = await client.list(kind, { namespace, labelSelector: view.selector }, signal);
      objects.push(...list.items);
    } else {
      const found = await client.get(kind, { name, ...(namespace ? { namespace } : {}) }, signal);
      if (!found) throw notFound(groupResourceOf(kind), name);
      objects.push(found);
    }
  }
  return objects;
}

function renderObjects(
  objects: readonly AnyObject[],
  form: 'yaml' | 'json' | 'name',
  targets: readonly Target[],
): string {
  if (form === 'name') {
    return objects.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`).join('\n');
  }
  const shown = objects.map((object) => ({
    ...object,
    metadata: { ...object.metadata, managedFields: undefined }, // as kubectl: nobody reads them here
  }));
  const single = objects.length === 1 && targets.length === 1 && targets[0]?.name !== undefined;
  const value = single ? shown[0] : { apiVersion: 'v1', kind: 'List', metadata: {}, items: shown };
  // Kubernetes reads YAML 1.1: there `yes` without quotes is a boolean.
  return form === 'json'
    ? JSON.stringify(value, undefined, 2)
    : stringify(value, { version: '1.1' }).trimEnd();
}

async function tablesOf(
  client: Client,
  targets: readonly Target[],
  view: View,
  signal: AbortSignal,
): Promise<readonly Table[]> {
  const tables: Table[] = [];
  for (const { kind, name } of targets) {
    const path = resourcePath(kind, { namespace: view.namespace, name });
    const query = name === undefined ? { labelSelector: view.selector } : {};
    const table = parseTable(
      await client.request('GET', path, { accept: asTable, query }, signal),
      kind,
    );
    const last = tables.at(-1);
    if (last && groupResourceOf(last.kind) === groupResourceOf(kind)) {
      tables[tables.length - 1] = { ...last, rows: [...last.rows, ...table.rows] };
    } else tables.push(table);
  }
  return tables;
}

/** Shows a row for every change until the signal aborts. Rows come from a fresh table of the changed object. */
async function watch(
  client: Client,
  targets: readonly Target[],
  view: View,
  { clock, random, signal, write }: Ambient,
): Promise<void> {
  await using informers = new AsyncDisposableStack();
  const tools = { clock, random, log: silentLogger };
  const changes = new BoundedQueue<Change>({ lengthMax: 10_000, whenFull: 'drop-oldest' });
  using _ending = onAbort(signal, () => changes.close());
  for (const { kind, name } of targets) {
    const selection = {
      namespace: kind.namespaced ? view.namespace : undefined,
      labelSelector: view.selector,
      fieldSelector: name === undefined ? undefined : `metadata.name=${name}`,
    };
    const informer = informers.use(openInformer(client, kind, selection, tools, signal));
    await abortable(informer.synced, signal);
    let shown = true; // what is there was in the table
    informer.subscribe({
      updated: (object) => void (shown || changes.push({ kind, object, deleted: false })),
      deleted: (object) => void changes.push({ kind, object, deleted: true }),
    });
    shown = false;
  }
  for await (const { kind, object, deleted } of changes) {
    const { name, namespace } = object.metadata;
    if (deleted) write(`${groupResourceOf(kind)}/${name} deleted`);
    else {
      const [table] = await tablesOf(
        client,
        [{ kind, name }],
        { ...view, namespace },
        signal,
      ).catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return []; // gone meanwhile: its deletion is next
        throw error;
      });
      if (table) write(renderTable(table, { ...view, headless: true }));
    }
  }
}

interface Change {
  readonly kind: ServedKind;
  readonly object: AnyObject;
  readonly deleted: boolean;
}

function notFound(resource: string, name: string): PlatformError {
  return new PlatformError('CLI_NOT_FOUND', `there is no ${resource} "${name}"`, {
    hint: 'See what is there with "tweendeck get", and mind the namespace (-n).',
  });
}
