// What is rendered of a spec, and what of it makes members start anew.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Applied } from '@tweendeck/client';
import { memberLabel, revisionAnnotation } from './labels.ts';
import { renderCluster, renderMembers } from './render.ts';
import { toyCluster, toyEngine } from './testing/toy-engine.ts';

const engine = toyEngine(() => ({ role: 'peer', synced: true, facts: null }));
const resources = { limits: { cpu: '100m', memory: '64Mi' } };

// biome-ignore lint/suspicious/noExplicitAny: tests look into what is rendered.
const bodyOf = (applied: Applied | undefined): any => applied;

test('each member has a workload of its own, and each shard a budget', () => {
  const { members, services, budgets } = renderCluster(engine, toyCluster());
  assert.deepEqual(
    members.map(({ name }) => name),
    ['c-data-0-0', 'c-data-0-1', 'c-data-1-0', 'c-data-1-1', 'c-watch-0'],
  );
  assert.deepEqual(
    services.map(({ metadata }) => metadata.name),
    ['c', 'c-members', 'c-rw', 'c-ro', 'c-watch'],
  );
  // One member alone has none: nobody could drain its node.
  assert.deepEqual(
    budgets.map(({ metadata }) => metadata.name),
    ['c-data-0', 'c-data-1'],
  );
});

for (const { name, spec, shards } of [
  { name: 'none unless they are asked for', spec: {}, shards: [] },
  { name: 'one for each', spec: { services: { byShard: true } }, shards: ['0', '1'] },
  { name: 'none once they are not', spec: { services: { byShard: false } }, shards: [] },
  {
    name: 'as many as there are',
    spec: {
      services: { byShard: true },
      groups: { data: { shards: 1, members: 2, resources }, watch: { members: 2, resources } },
    },
    shards: ['0'],
  },
]) {
  test(`Services of shards: ${name}`, () => {
    const services = renderCluster(engine, toyCluster(spec)).services.map(bodyOf);
    const found = services.filter(({ metadata }) => /-shard-/.test(metadata.name));
    assert.deepEqual(
      found.map(({ metadata, spec: { selector } }) => [metadata.name, selector]),
      shards.map((shard) => [
        `c-shard-${shard}`,
        {
          ...{ 'app.kubernetes.io/name': 'toy', 'app.kubernetes.io/instance': 'c' },
          ...{ 'tweendeck.io/group': 'data', 'tweendeck.io/shard': shard },
        },
      ]),
    );
  });
}

test('an engine that offers none of shards has none', () => {
  const plain = toyEngine(() => ({ role: 'peer', synced: true, facts: null }), { services: {} });
  const { services } = renderCluster(plain, toyCluster({ services: { byShard: true } }));
  assert.deepEqual(
    services.map(({ metadata }) => metadata.name),
    ['c', 'c-members', 'c-watch'],
  );
});

test('Service and budget of a shard that leaves stay until the last of its members', () => {
  const before = toyCluster();
  const groups = { data: { shards: 1, members: 2, resources }, watch: { members: 0, resources } };
  const after = toyCluster({ groups, services: { byShard: true } });
  const wanted = renderMembers(engine, after);
  const names = new Set(wanted.map(({ name }) => name));
  const leavers = renderMembers(engine, before).filter(({ name }) => !names.has(name));
  const namesWith = (staying: typeof leavers) => {
    const { services, budgets, members } = renderCluster(engine, after, { wanted, staying });
    assert.equal(members, wanted);
    return [...services, ...budgets].map(({ metadata }) => metadata.name);
  };
  const always = ['c', 'c-members', 'c-rw', 'c-ro'];
  assert.deepEqual(namesWith(leavers), [
    ...[...always, 'c-shard-0', 'c-shard-1', 'c-watch'],
    ...['c-data-0', 'c-data-1'],
  ]);
  assert.deepEqual(namesWith(leavers.slice(1, 2)), [
    ...[...always, 'c-shard-0', 'c-shard-1', 'c-watch'],
    'c-data-0',
  ]);
  assert.deepEqual(namesWith([]), [...always, 'c-shard-0', 'c-watch', 'c-data-0']);
});

test('a workload selects its own pod alone, and waits to be told when it is replaced', () => {
  const [first] = renderCluster(engine, toyCluster()).members;
  const { spec } = bodyOf(first?.workload);
  assert.equal(spec.selector.matchLabels[memberLabel], 'c-data-0-0');
  assert.equal(spec.updateStrategy.type, 'OnDelete');
  assert.equal(spec.template.metadata.annotations[revisionAnnotation], first?.revision);
  const [container] = spec.template.spec.containers;
  assert.deepEqual(container.args, ['serve', '--name=c-data-0-0', '--listen=$(POD_IP)']);
  assert.deepEqual(container.resources.requests, container.resources.limits);
  assert.equal(container.image, 'example.com/toy:2');
  assert.deepEqual(spec.template.spec.volumes, [
    { name: 'data', emptyDir: {} },
    { name: 'files', configMap: { name: 'c-data-0-0' } },
  ]);
});

test('members of a shard keep away from each other above all', () => {
  const [first] = renderCluster(engine, toyCluster()).members;
  const { podAntiAffinity } = bodyOf(first?.workload).spec.template.spec.affinity;
  const terms = podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
  assert.deepEqual(
    terms.map((term: { weight: number; podAffinityTerm: { labelSelector: object } }) => [
      term.weight,
      term.podAffinityTerm.labelSelector,
    ]),
    [
      [
        100,
        {
          matchLabels: {
            ...{ 'app.kubernetes.io/name': 'toy', 'app.kubernetes.io/instance': 'c' },
            ...{ 'tweendeck.io/group': 'data', 'tweendeck.io/shard': '0' },
          },
        },
      ],
      [10, { matchLabels: { 'app.kubernetes.io/name': 'toy', 'app.kubernetes.io/instance': 'c' } }],
    ],
  );
});

test('a volume that is asked for outlives pods and workloads', () => {
  const storage = { size: '1Gi', className: 'fast' };
  const groups = { data: { shards: 1, members: 1, resources, storage } };
  const [member] = renderCluster(engine, toyCluster({ groups })).members;
  const { spec } = bodyOf(member?.workload);
  assert.equal(spec.persistentVolumeClaimRetentionPolicy.whenDeleted, 'Retain');
  const [claim] = spec.volumeClaimTemplates;
  assert.deepEqual(claim.spec.resources.requests, { storage: '1Gi' });
  assert.equal(claim.spec.storageClassName, 'fast');
  assert.ok(!JSON.stringify(spec.template).includes('emptyDir'));
});

for (const { name, spec, restarts } of [
  {
    name: 'a setting that it takes while it runs',
    spec: { config: { 'max-things': 3 } },
    restarts: false,
  },
  { name: 'a setting that it starts with', spec: { config: { colour: 'red' } }, restarts: true },
  { name: 'another version', spec: { version: '1' }, restarts: true },
  { name: 'an image', spec: { image: 'example.com/own' }, restarts: true },
  { name: 'the word to restart', spec: { restart: 'monday' }, restarts: true },
  {
    name: 'other limits',
    spec: { groups: { data: { members: 2, resources: { limits: { memory: '1Gi' } } } } },
    restarts: true,
  },
  {
    name: 'limits in another order',
    spec: {
      groups: {
        data: { members: 2, resources: { limits: { memory: '64Mi', cpu: '100m' } } },
      },
    },
    restarts: false,
  },
  {
    name: 'more shards',
    spec: { groups: { data: { shards: 4, members: 2, resources } } },
    restarts: false,
  },
  { name: 'the word to stop', spec: { suspend: true }, restarts: false },
]) {
  test(`${name} ${restarts ? 'makes' : 'does not make'} members start anew`, () => {
    const revision = (changed: object): string | undefined =>
      renderCluster(engine, toyCluster(changed)).members[0]?.revision;
    assert.equal(revision(spec) !== revision({}), restarts);
  });
}

test('a cluster that is stopped keeps its workloads, without pods', () => {
  const { members } = renderCluster(engine, toyCluster({ suspend: true }));
  assert.deepEqual(
    new Set(members.map(({ workload }) => bodyOf(workload).spec.replicas)),
    new Set([0]),
  );
});
