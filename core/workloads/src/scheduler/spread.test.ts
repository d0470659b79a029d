// Topology spread and what pods think of one another: tables, and rules that hold whatever is generated.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelSelector, Node, Pod, Service, TopologySpreadConstraint } from '@tweendeck/kube';
import { seededRandom } from '@tweendeck/std';
import fc from 'fast-check';
import { node, pod, service } from '../testing/objects.ts';
import { ClusterView } from './cluster.ts';
import { nodeMatches, untolerated } from './node-match.ts';
import { planScheduling, type SchedulingTools } from './plan.ts';
import { requestsOf } from './requests.ts';

const app = { app: 'web' };
const toolsWith = (services: readonly Service[] = []): SchedulingTools => ({
  namespaceLabels: (name) => ({ 'kubernetes.io/metadata.name': name, team: name }),
  storage: { claim: () => undefined, volumes: () => [], storageClass: () => undefined },
  selectors: {
    services: () => services,
    replicaSet: () => undefined,
    statefulSet: () => undefined,
  },
  integer: () => 0,
});

function view(nodes: readonly Node[], pods: readonly Pod[]): ClusterView {
  const cluster = new ClusterView(toolsWith().namespaceLabels);
  for (const each of nodes) cluster.setNode(each);
  for (const each of pods) cluster.setPod(each);
  return cluster;
}

const inZone = (name: string, zone: string, more: Parameters<typeof node>[1] = {}): Node =>
  node(name, { ...more, labels: { ...more.labels, zone, 'topology.kubernetes.io/zone': zone } });
/** `2 on a` : two pods of the app on node a. */
const crowd = (counts: Readonly<Record<string, number>>, labels = app): readonly Pod[] =>
  Object.entries(counts).flatMap(([place, count]) =>
    Array.from({ length: count }, (_, index) =>
      pod(`${place}-${index}-${Object.values(labels).join('-')}`, { node: place, labels }),
    ),
  );

type Given = Partial<TopologySpreadConstraint>;
const spreading = (
  constraints: readonly Given[],
  spec: Partial<Pod['spec']> = {},
  labels: Readonly<Record<string, string>> = app,
): Pod =>
  pod('new', {
    phase: 'Pending',
    labels,
    spec: {
      ...spec,
      topologySpreadConstraints: constraints.map((each) => ({
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: app },
        ...each,
      })),
    },
  });

const words = (candidate: Pod, cluster: ClusterView, services: readonly Service[] = []): string => {
  const plan = planScheduling(candidate, cluster, toolsWith(services));
  return plan.fits ? plan.nodeName : plan.message.replace(/ no new claims to deallocate, .*/, '');
};

const four = [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b'), inZone('b2', 'b')];
const refusal = "node(s) didn't match pod topology spread constraints";
const tainted = { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' as const }] } };

interface Row {
  readonly name: string;
  readonly candidate: Pod;
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly services?: readonly Service[];
  readonly want: string;
}
const rows: readonly Row[] = [
  {
    name: 'goes where there are fewer',
    candidate: spreading([{}]),
    nodes: four,
    pods: crowd({ a1: 1, a2: 1, b1: 1 }),
    want: 'b2',
  },
  {
    name: 'may be a little uneven',
    candidate: spreading([{ maxSkew: 2 }], { nodeSelector: { zone: 'a' } }),
    nodes: four,
    pods: crowd({ a1: 1 }),
    want: 'a2',
  },
  {
    name: 'waits when only the fuller zone has room',
    candidate: spreading([{}], {
      containers: [{ name: 'x', resources: { requests: { cpu: '2' } } }],
    }),
    nodes: [inZone('a1', 'a'), inZone('b1', 'b', { allocatable: { cpu: '1' } })],
    pods: crowd({ a1: 1 }),
    want: `0/2 nodes are available: 1 Insufficient cpu, 1 ${refusal}.`,
  },
  {
    name: 'does not go where the domain is not told',
    candidate: spreading([{}]),
    nodes: [node('n1')],
    pods: [],
    want: `0/1 nodes are available: 1 ${refusal} (missing required label).`,
  },
  {
    name: 'keeps two rules at once',
    candidate: spreading([{}, { topologyKey: 'kubernetes.io/hostname' }]),
    nodes: four,
    pods: crowd({ a1: 1, a2: 1, b1: 1 }),
    want: 'b2',
  },
  {
    name: 'counts zones that are too few as empty ones',
    candidate: spreading([{ minDomains: 3 }]),
    nodes: four,
    pods: crowd({ a1: 1, b1: 1 }),
    want: `0/4 nodes are available: 4 ${refusal}.`,
  },
  {
    name: 'passes over zones that its selector rules out',
    candidate: spreading([{}], { nodeSelector: { zone: 'a' } }),
    nodes: four,
    pods: crowd({ a1: 1, a2: 1 }),
    want: 'a1',
  },
  {
    name: 'counts them where it is told to',
    candidate: spreading([{ nodeAffinityPolicy: 'Ignore' }], { nodeSelector: { zone: 'a' } }),
    nodes: four,
    pods: crowd({ a1: 1, a2: 1 }),
    want: `0/4 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 2 ${refusal}.`,
  },
  {
    name: 'counts zones whose taints keep it out',
    candidate: spreading([{}]),
    nodes: [inZone('a1', 'a'), inZone('b1', 'b', tainted)],
    pods: crowd({ a1: 1 }),
    want: `0/2 nodes are available: 1 ${refusal}, 1 node(s) had untolerated taint(s).`,
  },
  {
    name: 'passes over them where it is told to',
    candidate: spreading([{ nodeTaintsPolicy: 'Honor' }]),
    nodes: [inZone('a1', 'a'), inZone('b1', 'b', tainted)],
    pods: crowd({ a1: 1 }),
    want: 'a1',
  },
  {
    name: 'counts only pods of its own revision',
    candidate: spreading([{ matchLabelKeys: ['hash'] }], {}, { ...app, hash: '2' }),
    nodes: [inZone('a1', 'a'), inZone('b1', 'b')],
    pods: [
      ...crowd({ a1: 2 }, { ...app, ...{ hash: '1' } }),
      ...crowd({ b1: 1 }, { ...app, ...{ hash: '2' } }),
    ],
    want: 'a1',
  },
  {
    name: 'does not count those that end',
    candidate: spreading([{}], { nodeSelector: { 'kubernetes.io/hostname': 'a1' } }),
    nodes: four,
    pods: crowd({ a1: 1, b1: 0 }).map((each) => ({
      ...each,
      metadata: { ...each.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    })),
    want: 'a1',
  },
  {
    name: 'is not counted itself where it does not match',
    candidate: spreading([{}], { nodeSelector: { zone: 'a' } }, { app: 'other' }),
    nodes: four,
    pods: crowd({ a1: 1 }),
    want: 'a2',
  },
  {
    name: 'prefers the emptier zone, and takes the fuller one in need',
    candidate: spreading([{ whenUnsatisfiable: 'ScheduleAnyway' }]),
    nodes: [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b')],
    pods: crowd({ a1: 2, b1: 1 }),
    want: 'b1',
  },
  {
    name: 'is kept apart from its peers of a service without asking for it',
    candidate: pod('new', { phase: 'Pending', labels: app }),
    nodes: [node('n1'), node('n2')],
    pods: crowd({ n1: 1 }),
    services: [service('web', { selector: app })],
    want: 'n2',
  },
];
for (const { name, candidate, nodes, pods, services, want } of rows) {
  test(`spread: a pod ${name}`, () =>
    assert.equal(words(candidate, view(nodes, pods), services), want));
}

const far = (term: { readonly labelSelector?: LabelSelector; readonly [field: string]: unknown }) =>
  pod('new', {
    phase: 'Pending',
    labels: app,
    spec: {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'zone', labelSelector: { matchLabels: app }, ...term },
          ],
        },
      },
    },
  });
for (const { name, term, namespace, want } of [
  { name: 'is about its own namespace', term: {}, namespace: 'other', want: 'a1' },
  { name: 'may name namespaces', term: { namespaces: ['other'] }, namespace: 'other', want: 'far' },
  {
    name: 'may select namespaces',
    term: { namespaceSelector: { matchLabels: { team: 'other' } } },
    namespace: 'other',
    want: 'far',
  },
  {
    name: 'does not reach those it does not select',
    term: { namespaceSelector: { matchLabels: { team: 'else' } } },
    namespace: 'other',
    want: 'a1',
  },
  { name: 'may be about all', term: { namespaceSelector: {} }, namespace: 'other', want: 'far' },
]) {
  test(`a term of affinity ${name}`, () => {
    const others = [pod('a', { node: 'a1', namespace, labels: app })];
    const answer = words(far(term), view([inZone('a1', 'a')], others));
    const text = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.";
    assert.equal(answer, want === 'far' ? text : want);
  });
}

test('a pod that names nodes is told of the others at once', () => {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: ['n2'] }];
  const required = { nodeSelectorTerms: [{ matchFields }] };
  const candidate = pod('new', {
    spec: {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
      containers: [{ name: 'x', resources: { requests: { cpu: '9' } } }],
    },
  });
  const cluster = view([node('n1'), node('n2'), node('n3')], []);
  assert.equal(
    words(candidate, cluster),
    "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  );
});

test('counts that are kept up are those that counting anew gives', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1_000 }), { maxLength: 60 }), (steps) => {
      const cluster = view(four, []);
      const living = new Map<string, Pod>();
      const asked = spreading([{}, { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 }]);
      words(asked, cluster);
      for (const step of steps) {
        const name = `p${step % 7}`;
        const place = four[step % 4]?.metadata.name ?? '';
        const labels = step % 3 === 0 ? { app: 'other' } : app;
        const known = living.get(name);
        if (known && step % 2 === 0) {
          cluster.removePod(known.metadata.uid);
          living.delete(name);
        } else {
          const made = pod(name, { node: place, labels });
          cluster.setPod(made);
          living.set(name, made);
        }
        assert.equal(words(asked, cluster), words(asked, view(four, [...living.values()])));
      }
    }),
    { numRuns: 60 },
  );
});

const podArbitrary = fc.record({
  cpu: fc.integer({ min: 0, max: 3_000 }),
  zone: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  label: fc.constantFrom('x', 'y', 'z'),
  farFrom: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
  topologyKey: fc.constantFrom('zone', 'kubernetes.io/hostname'),
  skew: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
  tolerates: fc.boolean(),
});

test('whatever is asked for: no node is overcommitted, and no rule that must hold is broken', () => {
  const nodes = [...four.slice(0, 3), inZone('b2', 'b', tainted)];
  fc.assert(
    fc.property(fc.array(podArbitrary, { maxLength: 25 }), fc.integer(), (wishes, seed) => {
      const cluster = view(nodes, []);
      const placed: Pod[] = [];
      const { integer } = seededRandom(seed);
      for (const [index, wish] of wishes.entries()) {
        const candidate = podOf(`p${index}`, wish);
        const plan = planScheduling(candidate, cluster, { ...toolsWith(), integer });
        if (!plan.fits) continue;
        const there = nodes.find(({ metadata }) => metadata.name === plan.nodeName);
        assert.ok(there);
        assert.ok(nodeMatches(candidate, there));
        assert.deepEqual(untolerated(candidate, there, ['NoSchedule', 'NoExecute']), []);
        keepsDistance(candidate, there, { placed, nodes });
        cluster.assume(candidate, plan.nodeName);
        placed.push({ ...candidate, spec: { ...candidate.spec, nodeName: plan.nodeName } });
        keepsEven(candidate, { placed, nodes });
      }
      for (const { metadata } of nodes) {
        const mine = placed.filter(({ spec }) => spec.nodeName === metadata.name);
        const cpu = mine.reduce((total, each) => total + (requestsOf(each)['cpu'] ?? 0), 0);
        assert.ok(cpu <= 4_000, `${metadata.name} has ${cpu}m`);
      }
    }),
    { numRuns: 150 },
  );
});

type Wish = typeof podArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

function podOf(name: string, wish: Wish): Pod {
  const { cpu, zone, label, farFrom, topologyKey, skew, tolerates } = wish;
  const term = { topologyKey, labelSelector: { matchLabels: { is: farFrom ?? '' } } };
  const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
  const labelSelector = { matchLabels: { is: label } };
  const rule = {
    maxSkew: skew ?? 1,
    topologyKey: 'zone',
    whenUnsatisfiable: 'DoNotSchedule',
  } as const;
  return pod(name, {
    labels: { is: label },
    spec: {
      containers: [{ name: 'x', resources: { requests: { cpu: `${cpu}m` } } }],
      ...(zone === undefined ? {} : { nodeSelector: { zone } }),
      ...(farFrom === undefined ? {} : { affinity: { podAntiAffinity } }),
      ...(skew === undefined ? {} : { topologySpreadConstraints: [{ ...rule, labelSelector }] }),
      ...(tolerates ? { tolerations: [{ key: 'gpu', operator: 'Exists' }] } : {}),
    },
  });
}

interface World {
  readonly placed: readonly Pod[];
  readonly nodes: readonly Node[];
}

/** Neither the new pod's terms nor those of the others are broken. */
function keepsDistance(candidate: Pod, there: Node, { placed, nodes }: World): void {
  for (const other of placed) {
    const theirs = nodes.find(({ metadata }) => metadata.name === other.spec.nodeName);
    for (const [one, two] of [
      [candidate, other],
      [other, candidate],
    ] as const) {
      const terms =
        one.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      for (const { topologyKey, labelSelector } of terms) {
        if (labelSelector?.matchLabels?.['is'] !== two.metadata.labels?.['is']) continue;
        assert.notEqual(
          there.metadata.labels?.[topologyKey],
          theirs?.metadata.labels?.[topologyKey],
          `${one.metadata.name} is too near to ${two.metadata.name}`,
        );
      }
    }
  }
}

/** Where the new pod is now there are not more of its like than elsewhere, beyond the skew. */
function keepsEven(candidate: Pod, { placed, nodes }: World): void {
  const [rule] = candidate.spec.topologySpreadConstraints ?? [];
  if (!rule) return;
  const zoneOf = (name: string | undefined): string =>
    nodes.find(({ metadata }) => metadata.name === name)?.metadata.labels?.['zone'] ?? '';
  const counts = new Map<string, number>();
  for (const each of nodes) {
    if (nodeMatches(candidate, each)) counts.set(zoneOf(each.metadata.name), 0);
  }
  for (const { metadata, spec } of placed) {
    const zone = zoneOf(spec.nodeName);
    const before = counts.get(zone);
    if (before === undefined || metadata.labels?.['is'] !== candidate.metadata.labels?.['is'])
      continue;
    counts.set(zone, before + 1);
  }
  const mine = zoneOf(placed.at(-1)?.spec.nodeName);
  const least = Math.min(...counts.values());
  assert.ok((counts.get(mine) ?? 0) - least <= rule.maxSkew);
}
