import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Pod, Service } from '@tweendeck/kube';
import { ago, meta, pod, service } from '../testing/objects.ts';
import { endpointGroups } from './endpoints.ts';
import { allocatePorts } from './load-balancer.ts';
import { endpointsMax, planSlices } from './slices.ts';

const web = service('web', { selector: { app: 'web' }, ports: [{ port: 80 }] });

for (const { name, subject = web, candidate, want } of [
  {
    name: 'a ready pod is ready',
    candidate: pod('a', { ip: '127.1.0.1' }),
    want: { ready: true, serving: true, terminating: false },
  },
  {
    name: 'an unready pod is listed, not ready',
    candidate: pod('a', { ip: '127.1.0.1', readySeconds: undefined }),
    want: { ready: false, serving: false, terminating: false },
  },
  {
    name: 'a leaving pod still serves',
    candidate: pod('a', { ip: '127.1.0.1', deletionTimestamp: ago(1) }),
    want: { ready: false, serving: true, terminating: true },
  },
  { name: 'a pod without an address is left out', candidate: pod('a'), want: undefined },
  {
    name: 'a finished pod is left out',
    candidate: pod('a', { ip: '127.1.0.1', phase: 'Succeeded' }),
    want: undefined,
  },
  {
    name: 'unready addresses are published when asked',
    subject: service('web', { publishNotReadyAddresses: true, selector: { app: 'web' } }),
    candidate: pod('a', { ip: '127.1.0.1', readySeconds: undefined }),
    want: { ready: true, serving: false, terminating: false },
  },
]) {
  test(`endpoints: ${name}`, () => {
    assert.deepEqual(endpointGroups(subject, [candidate])[0]?.endpoints[0]?.conditions, want);
  });
}

test('an endpoint names its pod, its node, and its host name under a headless service', () => {
  const candidate = pod('db-0', {
    ip: '127.1.0.1',
    node: 'n1',
    spec: { hostname: 'db-0', subdomain: 'web', nodeName: 'n1' },
  });
  const [endpoint] = endpointGroups(web, [candidate])[0]?.endpoints ?? [];
  assert.deepEqual(endpoint?.targetRef, {
    kind: 'Pod',
    name: 'db-0',
    namespace: 'default',
    uid: 'uid-db-0',
  });
  assert.equal(endpoint?.nodeName, 'n1');
  assert.equal(endpoint?.hostname, 'db-0');
});

const portNamed = (containerPort: number): Partial<Pod['spec']> => ({
  containers: [{ name: 'main', ports: [{ name: 'http', containerPort }] }],
});

for (const { name, port, specs, want } of [
  { name: 'a number', port: { port: 80, targetPort: 8080 }, specs: [{}], want: [[8080]] },
  { name: 'none: the port itself', port: { port: 80 }, specs: [{}], want: [[80]] },
  {
    name: 'a name, found in the pod',
    port: { port: 80, targetPort: 'http' },
    specs: [portNamed(8081)],
    want: [[8081]],
  },
  {
    name: 'a name that pods resolve differently makes groups',
    port: { port: 80, targetPort: 'http' },
    specs: [portNamed(8081), portNamed(8082)],
    want: [[8081], [8082]],
  },
  {
    name: 'a name that no container has leaves the port out',
    port: { port: 80, targetPort: 'other' },
    specs: [portNamed(8081)],
    want: [[]],
  },
]) {
  test(`a target port that is ${name}`, () => {
    const subject = service('web', { selector: { app: 'web' }, ports: [port] });
    const pods = specs.map((spec, at) => pod(`p${at}`, { ip: `127.1.0.${at + 1}`, spec }));
    const groups = endpointGroups(subject, pods);
    assert.deepEqual(
      groups.map(({ ports }) => ports.map((each) => each.port)),
      want,
    );
  });
}

const pods = (count: number, from = 0): readonly Pod[] =>
  Array.from({ length: count }, (_, at) =>
    pod(`p${String(from + at).padStart(4, '0')}`, {
      ip: `127.1.${(from + at) >> 8}.${(from + at) & 255}`,
    }),
  );

/** The slices as they are after a plan was carried out. */
function carriedOut(
  existing: readonly EndpointSlice[],
  plan: ReturnType<typeof planSlices>,
): readonly EndpointSlice[] {
  const kept = existing.filter((slice) => !plan.remove.includes(slice));
  const updated = kept.map(
    (slice) => plan.update.find(({ metadata }) => metadata.uid === slice.metadata.uid) ?? slice,
  );
  const names = new Set(existing.map(({ metadata }) => metadata.name));
  const created = plan.create.map((slice, at) => {
    const name = `s${names.size + at}`;
    const { labels = {} } = slice.metadata;
    return { ...slice, metadata: meta(name, { labels }) };
  });
  return [...updated, ...created];
}

const planned = (subject: Service, members: readonly Pod[], existing: readonly EndpointSlice[]) =>
  planSlices(subject, endpointGroups(subject, members), existing);

const sizes = (slices: readonly { readonly endpoints?: readonly unknown[] }[]): readonly number[] =>
  slices.map(({ endpoints }) => endpoints?.length ?? 0);

test('a slice holds a hundred endpoints', () => {
  const plan = planned(web, pods(endpointsMax + 50), []);
  assert.deepEqual(sizes(plan.create), [100, 50]);
});

test('nothing is written when nothing changed, in whatever order pods come', () => {
  const members = pods(130);
  const slices = carriedOut([], planned(web, members, []));
  const plan = planned(web, members.toReversed(), slices);
  assert.deepEqual([plan.create.length, plan.update.length, plan.remove.length], [0, 0, 0]);
});

test('one pod more changes one slice', () => {
  const slices = carriedOut([], planned(web, pods(130), []));
  const plan = planned(web, pods(131), slices);
  assert.deepEqual([plan.create.length, sizes(plan.update), plan.remove.length], [0, [31], 0]);
});

test('a pod that is replaced is put where the old one was', () => {
  const slices = carriedOut([], planned(web, pods(150), []));
  const plan = planned(web, [...pods(50, 1), ...pods(100, 51)], slices);
  assert.deepEqual([plan.create.length, sizes(plan.update), plan.remove.length], [0, [100], 0]);
});

test('a slice that lost all its endpoints goes', () => {
  const slices = carriedOut([], planned(web, pods(150), []));
  const plan = planned(web, pods(100), slices);
  assert.deepEqual([plan.create.length, plan.update.length, plan.remove.length], [0, 0, 1]);
});

test('a service without pods keeps one empty slice', () => {
  const first = planned(web, [], []);
  assert.deepEqual(sizes(first.create), [0]);
  const slices = carriedOut([], first);
  const again = planned(web, [], slices);
  assert.deepEqual([again.create.length, again.update.length, again.remove.length], [0, 0, 0]);
});

test('a slice carries the labels of its service, and says when it is headless', () => {
  const headless = service('web', { clusterIP: 'None', selector: {} }, { labels: { team: 'a' } });
  assert.deepEqual(planned(headless, [], []).create[0]?.metadata.labels, {
    team: 'a',
    'service.kubernetes.io/headless': '',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
});

const balanced = (name: string, port: number, input: Parameters<typeof service>[2] = {}): Service =>
  service(name, { type: 'LoadBalancer', ports: [{ port }] }, input);

for (const { name, services, want } of [
  {
    name: 'gives different ports to all',
    services: [balanced('a', 80), balanced('b', 81)],
    want: { a: 'granted', b: 'granted' },
  },
  {
    name: 'gives a port to the older one',
    services: [balanced('a', 80, { ageSeconds: 1 }), balanced('b', 80, { ageSeconds: 9 })],
    want: { a: '80/TCP default/b', b: 'granted' },
  },
  {
    name: 'takes nothing from who holds it',
    services: [
      balanced('a', 80, { ageSeconds: 1, ingress: '127.0.0.1' }),
      balanced('b', 80, { ageSeconds: 9 }),
    ],
    want: { a: 'granted', b: '80/TCP default/a' },
  },
  {
    name: 'leaves other types and classes alone',
    services: [
      service('a', { type: 'ClusterIP', ports: [{ port: 80 }] }),
      service('b', { type: 'LoadBalancer', loadBalancerClass: 'x', ports: [{ port: 80 }] }),
      balanced('c', 80),
    ],
    want: { c: 'granted' },
  },
  {
    name: 'lets protocols share a port',
    services: [
      balanced('a', 53),
      service('b', { type: 'LoadBalancer', ports: [{ port: 53, protocol: 'UDP' as const }] }),
    ],
    want: { a: 'granted', b: 'granted' },
  },
]) {
  test(`the load balancer ${name}`, () => {
    const found = [...allocatePorts(services)].map(([uid, allocation]) => [
      uid.slice('uid-'.length),
      allocation.granted ? 'granted' : `${allocation.port} ${allocation.holder}`,
    ]);
    assert.deepEqual(Object.fromEntries(found), want);
  });
}
