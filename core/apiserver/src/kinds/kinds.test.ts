import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/test-server.ts';

const core = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const container = { name: 'c', image: 'redis:7' };
const pod = (spec: object, name = 'p') => ({
  metadata: { name },
  spec: { containers: [container], ...spec },
});
const withContainer = (more: object) => pod({ containers: [{ ...container, ...more }] });
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
const workload = (spec: object) => ({
  metadata: { name: 'w' },
  spec: { selector: { matchLabels: { a: 'b' } }, template, ...spec },
});
const service = (spec: object, name = 's') => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});

interface Default {
  readonly name: string;
  readonly path: string;
  readonly body: object;
  /** Path in the answer to what must be there. */
  readonly want: Readonly<Record<string, unknown>>;
}

const defaults: readonly Default[] = [
  {
    name: 'a pod’s specification',
    path: `${core}/pods`,
    body: pod({}),
    want: {
      'spec.restartPolicy': 'Always',
      'spec.dnsPolicy': 'ClusterFirst',
      'spec.terminationGracePeriodSeconds': 30,
      'spec.securityContext': {},
      'spec.schedulerName': 'default-scheduler',
      'spec.enableServiceLinks': true,
      'spec.serviceAccountName': 'default',
      'status.phase': 'Pending',
      'status.qosClass': 'BestEffort',
      'metadata.generation': 1,
    },
  },
  {
    name: 'a container',
    path: `${core}/pods`,
    body: withContainer({
      ports: [{ containerPort: 80 }],
      livenessProbe: { httpGet: { port: 80 } },
    }),
    want: {
      'spec.containers.0.imagePullPolicy': 'IfNotPresent',
      'spec.containers.0.terminationMessagePath': '/dev/termination-log',
      'spec.containers.0.terminationMessagePolicy': 'File',
      'spec.containers.0.ports.0.protocol': 'TCP',
      'spec.containers.0.livenessProbe': {
        httpGet: { port: 80, path: '/', scheme: 'HTTP' },
        timeoutSeconds: 1,
        periodSeconds: 10,
        successThreshold: 1,
        failureThreshold: 3,
      },
    },
  },
  {
    name: 'the pull policy of an image without a tag',
    path: `${core}/pods`,
    body: withContainer({ image: 'host:5000/redis' }),
    want: { 'spec.containers.0.imagePullPolicy': 'Always' },
  },
  {
    name: 'requests from limits, in canonical amounts',
    path: `${core}/pods`,
    body: withContainer({ resources: { limits: { cpu: '1000m', memory: '1024Mi' } } }),
    want: {
      'spec.containers.0.resources.requests': { cpu: '1', memory: '1Gi' },
      'status.qosClass': 'Guaranteed',
    },
  },
  {
    name: 'the class of a pod that may use more than it asks for',
    path: `${core}/pods`,
    body: withContainer({ resources: { requests: { cpu: '1' } } }),
    want: { 'status.qosClass': 'Burstable' },
  },
  {
    name: 'volumes',
    path: `${core}/pods`,
    body: pod({ volumes: [{ name: 'a' }, { name: 'b', configMap: { name: 'x' } }] }),
    want: { 'spec.volumes.0.emptyDir': {}, 'spec.volumes.1.configMap.defaultMode': 420 },
  },
  {
    name: 'a deployment',
    path: `${apps}/deployments`,
    body: workload({}),
    want: {
      'spec.replicas': 1,
      'spec.strategy': {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
      },
      'spec.revisionHistoryLimit': 10,
      'spec.progressDeadlineSeconds': 600,
      'spec.template.spec.restartPolicy': 'Always',
    },
  },
  {
    name: 'a stateful set',
    path: `${apps}/statefulsets`,
    body: workload({ serviceName: 'x' }),
    want: {
      'spec.podManagementPolicy': 'OrderedReady',
      'spec.updateStrategy': { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      'spec.persistentVolumeClaimRetentionPolicy': { whenDeleted: 'Retain', whenScaled: 'Retain' },
    },
  },
  {
    name: 'a service',
    path: `${core}/services`,
    body: service({}),
    want: {
      'spec.type': 'ClusterIP',
      'spec.sessionAffinity': 'None',
      'spec.internalTrafficPolicy': 'Cluster',
      'spec.ipFamilies': ['IPv4'],
      'spec.ports.0': { port: 80, protocol: 'TCP', targetPort: 80 },
    },
  },
  {
    name: 'a secret, and takes its texts',
    path: `${core}/secrets`,
    body: { metadata: { name: 'x' }, stringData: { a: 'b' } },
    want: { type: 'Opaque', 'data.a': 'Yg==', stringData: undefined },
  },
  {
    name: 'a namespace',
    path: '/api/v1/namespaces',
    body: { metadata: { name: 'x' } },
    want: {
      'metadata.labels': { 'kubernetes.io/metadata.name': 'x' },
      'spec.finalizers': ['kubernetes'],
      'status.phase': 'Active',
    },
  },
];

for (const { name, path, body, want } of defaults) {
  test(`the server fills in ${name}`, async () => {
    await using server = await TestServer.open();
    const { status, json } = await server.create(path, body);
    assert.equal(status, 201, json.message);
    for (const [field, value] of Object.entries(want))
      assert.deepEqual(at(json, field), value, field);
  });
}

function at(value: unknown, field: string): unknown {
  return field
    .split('.')
    .reduce<unknown>((inner, key) => (inner === undefined ? inner : Object(inner)[key]), value);
}

const invalid: readonly (readonly [name: string, path: string, body: object, message: string])[] = [
  [
    'a bad name',
    'pods',
    pod({}, 'P_'),
    'metadata.name: Invalid value: "P_": a lowercase RFC 1123 subdomain must consist of',
  ],
  [
    'a bad label',
    'pods',
    { ...pod({}), metadata: { name: 'p', labels: { a: 'b c' } } },
    'metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of',
  ],
  ['a pod without containers', 'pods', pod({ containers: [] }), 'spec.containers: Required value'],
  [
    'a container without an image',
    'pods',
    withContainer({ image: '' }),
    'spec.containers[0].image: Required value',
  ],
  [
    'two containers of one name',
    'pods',
    pod({ containers: [container, container] }),
    'spec.containers[1].name: Duplicate value: "c"',
  ],
  [
    'a port out of range',
    'pods',
    withContainer({ ports: [{ containerPort: 70000 }] }),
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  [
    'requests above limits',
    'pods',
    withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  [
    'an amount that is none',
    'pods',
    withContainer({ resources: { limits: { cpu: 'x' } } }),
    'spec.containers[0].resources.limits[cpu]: Invalid value: "x": quantities must match the regular expression',
  ],
  [
    'a mount without its volume',
    'pods',
    withContainer({ volumeMounts: [{ name: 'v', mountPath: '/a' }] }),
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ],
  [
    'a volume with two sources',
    'pods',
    pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] }),
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
  ],
  [
    'a probe without a handler',
    'pods',
    withContainer({ livenessProbe: {} }),
    'spec.containers[0].livenessProbe: Required value: must specify a handler type',
  ],
  [
    'a variable with two sources',
    'pods',
    withContainer({
      env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'y' } } }],
    }),
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
  ],
  [
    'an unknown restart policy',
    'pods',
    pod({ restartPolicy: 'Maybe' }),
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
  ],
  [
    'a template that does not match',
    'deployments',
    workload({ selector: { matchLabels: { a: 'c' } } }),
    'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
  ],
  [
    'negative replicas',
    'deployments',
    workload({ replicas: -1 }),
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'a rollout that cannot move',
    'deployments',
    workload({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
  ],
  ['a service without ports', 'services', service({ ports: [] }), 'spec.ports: Required value'],
  [
    'two ports of one number',
    'services',
    service({
      ports: [
        { name: 'a', port: 1 },
        { name: 'b', port: 1 },
      ],
    }),
    'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,"TargetPort":0,"NodePort":0}',
  ],
  [
    'two unnamed ports',
    'services',
    service({ ports: [{ port: 1 }, { port: 2 }] }),
    'spec.ports[0].name: Required value',
  ],
  [
    'a node port without its type',
    'services',
    service({ ports: [{ port: 1, nodePort: 30000 }] }),
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ],
  [
    'an address out of range',
    'services',
    service({ clusterIP: '10.0.0.1' }),
    'spec.clusterIPs: Invalid value: ["10.0.0.1"]: failed to allocate IP 10.0.0.1: the provided network does not match the current range',
  ],
  [
    'a config map key with a slash',
    'configmaps',
    { metadata: { name: 'c' }, data: { 'a/b': '' } },
    'data[a/b]: Invalid value: "a/b": a valid config key must consist of',
  ],
];

for (const [name, plural, body, message] of invalid) {
  test(`the server finds ${name} invalid`, async () => {
    await using server = await TestServer.open();
    const root = plural === 'deployments' ? apps : core;
    const { status, json } = await server.create(`${root}/${plural}`, body);
    assert.deepEqual([status, json.reason], [422, 'Invalid'], json.message);
    assert.ok(json.message.includes(message), json.message);
    assert.ok(json.details.causes.length > 0);
  });
}

test('services get addresses and node ports of their own, and keep them', async () => {
  await using server = await TestServer.open({ serviceRange: '127.96.0.0/29' });
  const addresses = new Set<string>();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const { json } = await server.create(`${core}/services`, service({ type: 'NodePort' }, name));
    addresses.add(json.spec.clusterIP);
    assert.ok(json.spec.ports[0].nodePort >= 30_000 && json.spec.ports[0].nodePort <= 32_767);
  }
  assert.equal(addresses.size, 6);
  const { status, json } = await server.create(`${core}/services`, service({}, 'g'));
  assert.equal(status, 500);
  assert.match(json.message, /range 127.96.0.0\/29 is full/);
  const { json: before } = await server.get(`${core}/services/a`);
  const put = await server.ask('PUT', `${core}/services/a`, {
    body: service({ type: 'NodePort' }, 'a'),
  });
  assert.deepEqual(put.json.spec, before.spec);
  const plain = await server.patch(`${core}/services/a`, { spec: { type: 'ClusterIP' } });
  assert.equal(plain.json.spec.ports[0].nodePort, undefined);
});

test('a pod is bound once, and its node shows in a field selector', async () => {
  await using server = await TestServer.open();
  await server.create(`${core}/pods`, pod({}));
  const binding = { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } };
  assert.equal((await server.create(`${core}/pods/p/binding`, binding)).status, 201);
  const again = await server.create(`${core}/pods/p/binding`, binding);
  assert.equal(
    again.json.message,
    'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"',
  );
  const { json } = await server.get('/api/v1/pods?fieldSelector=spec.nodeName%3Dn');
  assert.equal(json.items[0].status.conditions[0].type, 'PodScheduled');
});

test('of a pod that is there only the image may change', async () => {
  await using server = await TestServer.open();
  await server.create(`${core}/pods`, pod({}));
  const image = await server.patch(
    `${core}/pods/p`,
    { spec: { containers: [{ name: 'c', image: 'y' }] } },
    'strategic-merge-patch+json',
  );
  assert.deepEqual([image.status, image.json.spec.containers[0].image], [200, 'y']);
  const other = await server.patch(`${core}/pods/p`, { spec: { hostname: 'h' } });
  assert.equal(other.status, 422);
  assert.match(
    other.json.message,
    /^Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than/,
  );
  // As upstream's inner structure has it.
  const lines = [' "ImagePullSecrets": null,', '- "Hostname": "",', '+ "Hostname": "h",'];
  assert.ok(other.json.message.includes(`\n ${lines.join('\n')}\n`), other.json.message);
});

test('another pod of very many lines is refused without telling each', async () => {
  await using server = await TestServer.open();
  const many = Array.from({ length: 5_000 }, (_, at) => ({ name: `n${at}`, value: 'x' }));
  const variables = (value: string): object => ({
    containers: [
      { name: 'c', image: 'x', env: many.map((each, at) => (at % 2 ? each : { ...each, value })) },
    ],
  });
  assert.equal((await server.create(`${core}/pods`, pod(variables('x')))).status, 201);
  const other = await server.ask('PUT', `${core}/pods/p`, { body: pod(variables('y')) });
  assert.equal(other.status, 422);
  assert.match(
    other.json.message,
    /pod updates may not change fields .* was previously negative\)/,
  );
  assert.ok(other.text.length < 4_096, `${other.text.length} bytes`);
});

test('a pod keeps its tolerations, in any order and number', async () => {
  await using server = await TestServer.open();
  const tolerations = Array.from({ length: 20_000 }, (_, at) => ({ key: `k${at}`, effect: '' }));
  const { json } = await server.create(`${core}/pods`, pod({ tolerations }));
  const put = (given: readonly unknown[]): ReturnType<TestServer['ask']> =>
    server.ask('PUT', `${core}/pods/p`, {
      body: {
        ...{ ...json, metadata: { name: 'p' } },
        spec: { ...json.spec, tolerations: given },
      },
    });
  const all: readonly unknown[] = json.spec.tolerations;
  assert.ok(all.length >= tolerations.length);
  assert.equal((await put(all.toReversed())).status, 200);
  assert.match((await put(all.slice(1))).json.message, /existing toleration can not be modified/);
});

test('an event is core’s and events.k8s.io’s at once, for an hour', async () => {
  await using server = await TestServer.open();
  const regarding = { kind: 'Pod', name: 'p', namespace: 'default' };
  await server.create('/apis/events.k8s.io/v1/namespaces/default/events', {
    ...{ metadata: { name: 'e' }, note: 'hello', regarding, reason: 'R', type: 'Normal' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    ...{ reportingController: 'c', reportingInstance: 'i', action: 'A' },
  });
  const { json } = await server.get(`${core}/events?fieldSelector=involvedObject.name%3Dp`);
  assert.deepEqual([json.apiVersion, json.items[0].message], ['v1', 'hello']);
  assert.equal(json.items[0].kind, undefined); // of built-in kinds the list alone says it
  await server.clock.advance(2 * 60 * 60_000);
  assert.equal((await server.get(`${core}/events/e`)).status, 404);
});

test('the log of a pod comes from its source, of the container that was meant', async () => {
  const asked: unknown[] = [];
  await using server = await TestServer.open({
    podLogs: async (found, options) => {
      asked.push([found.metadata.name, options.container, options.tailLines]);
      return (async function* () {
        yield Buffer.from('line\n');
      })();
    },
  });
  await server.create(`${core}/pods`, pod({ nodeName: 'n' }));
  const { text } = await server.get(`${core}/pods/p/log?tailLines=5`);
  assert.equal(text, 'line\n');
  assert.deepEqual(asked, [['p', 'c', 5]]);
  const { json } = await server.get(`${core}/pods/p/log?container=d`);
  assert.equal(json.message, 'container d is not valid for pod p');
});
