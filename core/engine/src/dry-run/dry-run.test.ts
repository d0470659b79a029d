// What a dry run tells of clusters on a real API server, and that it writes nothing there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Applied, createClient } from '@tweendeck/client';
import {
  controllerReference,
  customResourceDefinitionResource,
  podResource,
  statefulSetResource,
  t,
} from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { ensureSystemNamespaces } from '@tweendeck/workloads';
import { engineKind } from '../cluster-kind.ts';
import type { Engine } from '../engine.ts';
import { engineModule } from '../engine-module.ts';
import type { MemberView } from '../member.ts';
import { renderCluster } from '../render.ts';
import { type ToyOptions, toyEngine } from '../testing/toy-engine.ts';
import { changedFields } from './child-changes.ts';
import { plannedSteps } from './planned-steps.ts';

const options = t.object({ flavour: t.string().optional() }).default({});
const answer = (name: string): MemberView<null> => ({
  ...{ role: name === 'c-data-0-0' ? 'leader' : 'follower', synced: true, facts: null },
});

async function toys(engine: Engine<ToyOptions, null>) {
  const random = seededRandom(1);
  const clock = new SimClock({ random });
  const { signal } = new AbortController();
  const store = openMemoryStore();
  const server = await openApiServer({ clock, random, log: silentLogger, store }, signal);
  const transport = server.transport(systemUser('controllers'));
  const client = createClient({ transport, clock, random });
  const kind = engineKind<ToyOptions>(engine, options);
  await ensureSystemNamespaces(client, signal);
  const definition = kind.crd() as unknown as Applied; // it is applied whole
  const manager = { fieldManager: 'test' };
  await client.apply(customResourceDefinitionResource, definition, manager, signal);
  const { dryRun } = engineModule(kind, engine);
  const object = await client.apply(
    kind,
    { metadata: { name: 'c', namespace: 'default' }, spec: { groups: { data: { shards: 1 } } } },
    manager,
    signal,
  );
  return {
    ...{ client, kind, object, signal, server, manager },
    run: (changed = object) =>
      dryRun(changed, { client, clock, random, mayTell: () => true }, signal),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Toys = Awaited<ReturnType<typeof toys>>;

/** All members run, as they were rendered. */
async function startAll(
  engine: Engine<ToyOptions, null>,
  { client, object, signal, manager }: Toys,
): Promise<void> {
  const rendering = renderCluster(engine, { name: 'c', namespace: 'default', spec: object.spec });
  for (const { workload } of rendering.members) {
    const ownerReferences = [controllerReference(object)];
    const owned = { ...workload, metadata: { ...workload.metadata, ownerReferences } };
    const set = await client.apply(statefulSetResource, owned, manager, signal);
    const template = (workload['spec'] as { template: object }).template; // rendered so
    const name = `${workload.metadata.name}-0`;
    const { metadata: labelled } = template as { metadata: object };
    const metadata = {
      ...{ ...labelled, name, namespace: 'default' },
      ownerReferences: [controllerReference(set)],
    };
    await client.apply(podResource, { ...template, metadata } as Applied, manager, signal);
    const ready = { type: 'Ready', status: 'True' };
    const body = { status: { podIP: '10.0.0.1', conditions: [ready], phase: 'Running' } };
    const patch = { type: 'merge', body } as const;
    const ref = { name, namespace: 'default' };
    await client.patch(podResource, ref, patch, { subresource: 'status' }, signal);
  }
}

test('of a new cluster all objects would be made, and none is', async () => {
  await using home = await toys(toyEngine(answer));
  const { changes, steps, restarts, waits } = await home.run();
  assert.deepEqual(
    changes.map(({ change, kind, name }) => `${change} ${kind} ${name}`),
    [
      ...['c', 'c-members', 'c-rw', 'c-ro', 'c-watch'].map((name) => `create Service ${name}`),
      'create PodDisruptionBudget c-data-0',
      ...['c-data-0-0', 'c-data-0-1'].flatMap((name) => [
        `create ConfigMap ${name}`,
        `create StatefulSet ${name}`,
      ]),
      'create StatefulSet c-watch-0',
    ],
  );
  assert.deepEqual([steps, restarts, waits], [[], [], 'c-data-0-0 has no pod yet']);
  const { items } = await home.client.list(statefulSetResource, {}, home.signal);
  assert.deepEqual(items, []);
});

test('of one that is being deleted nothing is done', async () => {
  await using home = await toys(toyEngine(answer));
  const { metadata, ...rest } = home.object;
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const run = await home.run({ ...rest, metadata: { ...metadata, deletionTimestamp } });
  assert.deepEqual([run.phase, run.changes, run.waits], ['Terminating', [], 'it is being deleted']);
});

test('of a changed one it is told who restarts and what waits, and no step is taken', async () => {
  let taken = 0;
  const engine = toyEngine(answer, {
    handOver: ({ name }) => ({
      ...{ id: 'lead with another', why: `${name} restarts`, on: name, risk: 'disruptive' },
      timeLimitSeconds: 60,
      run: () => Promise.resolve(void taken++),
    }),
  });
  await using home = await toys(engine);
  const { client, object, signal, manager, kind } = home;
  await startAll(engine, home);
  const spec = { ...object.spec, config: { colour: 'red' } };
  const changed = await client.apply(
    kind,
    { metadata: { name: 'c', namespace: 'default' }, spec },
    { ...manager, dryRun: true },
    signal,
  );
  const before = (await client.list(podResource, {}, signal)).resourceVersion;
  const { steps, restarts, changes } = await home.run(changed);
  assert.deepEqual(
    steps.map(({ id, when, after }) => [id, when, after]),
    [
      ['restart c-watch-0', 'now', undefined],
      ['restart c-data-0-1', 'after', 'restart c-watch-0'],
      ['lead with another', 'after', 'restart c-data-0-1'],
    ],
  );
  assert.deepEqual(restarts, ['c-data-0-0', 'c-data-0-1', 'c-watch-0']);
  const sets = changes.filter(({ kind: type }) => type === 'StatefulSet');
  assert.deepEqual(
    sets.map(({ change, name, fields }) => [change, name, fields]),
    restarts.map((name) => ['change', name, ['spec.template']]),
  );
  assert.equal(taken, 0);
  assert.equal((await client.list(podResource, {}, signal)).resourceVersion, before);
});

test('what is to be stopped and would lose data goes on until that is approved', async () => {
  const engine = toyEngine(answer);
  await using home = await toys(engine);
  await startAll(engine, home);
  const { client, object, signal, manager, kind } = home;
  const told = async (annotations: Readonly<Record<string, string>>) => {
    const spec = { ...object.spec, suspend: true };
    const metadata = { name: 'c', namespace: 'default', annotations };
    const dry = { ...manager, dryRun: true } as const;
    const run = await home.run(await client.apply(kind, { metadata, spec }, dry, signal));
    const sets = run.changes.filter((one) => one.fields?.includes('spec.replicas'));
    const steps = run.steps.map(({ id, risk, when }) => `${when}: ${id} (${risk})`);
    return { steps, troubles: run.troubles.map(({ reason }) => reason), stops: sets.length };
  };
  assert.deepEqual(await told({}), {
    ...{ steps: ['approval: stop c (dataLoss)'], troubles: ['ApprovalNeeded'], stops: 0 },
  });
  assert.deepEqual(await told({ 'tweendeck.io/approve': 'stop c' }), {
    ...{ steps: ['now: stop c (dataLoss)'], troubles: [], stops: 3 },
  });
});

test('where members run and nobody answers nothing is foretold', async () => {
  const engine = toyEngine(() => {
    throw new Error('no way there');
  });
  await using home = await toys(engine);
  const labels = {
    'app.kubernetes.io/name': 'toy',
    'app.kubernetes.io/instance': 'c',
    'tweendeck.io/member': 'c-data-0-0',
  };
  const containers = [{ name: 'toy', image: 'example.com/toy:1' }];
  const metadata = { name: 'c-data-0-0-0', namespace: 'default', labels };
  await home.client.apply(
    podResource,
    { metadata, spec: { containers } },
    home.manager,
    home.signal,
  );
  const ready = { type: 'Ready', status: 'True' };
  const body = { status: { podIP: '10.0.0.9', conditions: [ready], phase: 'Running' } };
  const patch = { type: 'merge', body } as const;
  await home.client.patch(podResource, metadata, patch, { subresource: 'status' }, home.signal);
  await assert.rejects(home.run(), {
    code: 'ENGINE_MEMBERS_UNREACHABLE',
    message: /c-data-0-0 at 10\.0\.0\.9: no way there/,
  });
});

for (const { name, wanted, live, fields } of [
  {
    name: 'nothing beside what a server filled in',
    wanted: { a: 1 },
    live: { a: 1, b: 2 },
    fields: [],
  },
  {
    name: 'nothing of quantities in another form',
    wanted: { limits: { memory: '1024Mi', cpu: '0.5' } },
    live: { limits: { memory: '1Gi', cpu: '500m' } },
    fields: [],
  },
  {
    name: 'fields two deep',
    wanted: { replicas: 1, template: { spec: { a: [{ b: 1 }] } } },
    live: { replicas: 2, template: { spec: { a: [{ b: 2 }] } } },
    fields: ['spec.replicas', 'spec.template'],
  },
  {
    name: 'lists of another length',
    wanted: { ports: [1] },
    live: { ports: [1, 2] },
    fields: ['spec.ports'],
  },
]) {
  test(`changed of a child: ${name}`, () => {
    const metadata = { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
    const object = { apiVersion: 'v1', kind: 'X', metadata, spec: live };
    assert.deepEqual(changedFields({ metadata: { name: 'x' }, spec: wanted }, object), fields);
  });
}

test('a file that goes is a change', () => {
  const metadata = { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1', b: '2' } };
  const wanted = { metadata: { name: 'x' }, data: { a: '2' } };
  assert.deepEqual(changedFields(wanted, object), ['data.a', 'data.b']);
});

test('what may lose data waits for a person, and what was begun comes first', () => {
  const step = (id: string, risk: 'safe' | 'disruptive' | 'dataLoss') => ({
    ...{ id, risk, why: 'so', timeLimitSeconds: 1 },
    run: () => Promise.resolve(),
  });
  const loss = step('lose', 'dataLoss');
  const trouble = { reason: 'ApprovalNeeded', message: 'm' };
  const whenOf = (input: Parameters<typeof plannedSteps>[0]) =>
    plannedSteps(input).map(({ id, when }) => `${id}: ${when}`);
  assert.deepEqual(
    whenOf({
      actions: [step('say', 'safe')],
      ahead: [loss, step('say', 'safe')],
      troubles: [trouble],
    }),
    ['say: now', 'lose: approval'],
  );
  const [a, b] = [step('a', 'disruptive'), step('b', 'disruptive')];
  assert.deepEqual(whenOf({ actions: [b], ahead: [a, b], troubles: [] }), ['b: now', 'a: after']);
  assert.deepEqual(whenOf({ actions: [], ahead: [a, b], troubles: [] }), [
    'a: under way',
    'b: after',
  ]);
});
