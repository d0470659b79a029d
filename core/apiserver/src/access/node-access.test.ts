// What agents of nodes may read and write, over a whole server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/test-server.ts';
import { nodeUser } from '../users.ts';

const one = nodeUser('one');
const api = '/api/v1';
const inDefault = `${api}/namespaces/default`;
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const relation = "no relationship found between node 'one' and this object";

/** Two nodes, and a pod on each that names a secret, a config map and a claim of its own. */
async function open(): Promise<TestServer> {
  const server = await TestServer.open();
  for (const name of ['one', 'two']) {
    await server.create(`${api}/nodes`, { metadata: { name } });
    for (const plural of ['secrets', 'configmaps', 'serviceaccounts']) {
      await server.create(`${inDefault}/${plural}`, { metadata: { name } });
    }
    await server.create(`${inDefault}/pods`, podOn(name));
  }
  return server;
}

function podOn(name: string) {
  const volumes = [
    { name: 'a', secret: { secretName: name } },
    { name: 'c', persistentVolumeClaim: { claimName: name } },
    {
      name: 't',
      projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] },
    },
  ];
  const envFrom = [{ configMapRef: { name } }];
  const containers = [{ name: 'main', image: 'x', envFrom }];
  const spec = { nodeName: name, serviceAccountName: name, containers, volumes };
  return { metadata: { name, labels: { app: name } }, spec };
}

type Row = readonly [
  method: 'DELETE' | 'GET' | 'PATCH' | 'POST',
  path: string,
  status: number,
  words?: string | undefined,
  body?: object,
];
const merge = { 'content-type': 'application/merge-patch+json' };

const rows: readonly Row[] = [
  ['GET', `${inDefault}/secrets/one`, 200],
  ['GET', `${inDefault}/secrets/two`, 403, relation],
  ['GET', `${inDefault}/secrets`, 403, 'No Object name found'],
  ['GET', `${api}/secrets`, 403, 'can only read namespaced object of this type'],
  ['GET', `${inDefault}/secrets?fieldSelector=metadata.name%3Done`, 200],
  ['DELETE', `${inDefault}/secrets/one`, 403, 'can only read resources of this type'],
  ['GET', `${inDefault}/configmaps/one`, 200],
  ['GET', `${inDefault}/configmaps/two`, 403, relation],
  ['GET', `${inDefault}/persistentvolumeclaims/two`, 403, relation],
  ['GET', `${inDefault}/persistentvolumeclaims/one`, 404],
  ['GET', `${inDefault}/pods/one`, 200],
  ['GET', `${inDefault}/pods/two`, 403, relation],
  ['GET', `${api}/pods?fieldSelector=spec.nodeName%3Done`, 200],
  ['GET', `${api}/pods`, 403, 'can only list/watch pods with spec.nodeName field selector'],
  ['GET', `${api}/pods?fieldSelector=spec.nodeName%3Dtwo`, 403],
  ['GET', `${api}/nodes/one`, 200],
  ['GET', `${api}/nodes/two`, 403, "node 'one' cannot read 'two', only its own Node object"],
  ['GET', `${api}/services`, 200],
  ['GET', '/apis/apps/v1/deployments', 403],
  ['PATCH', `${api}/nodes/one/status`, 200, undefined, { status: {} }],
  [
    'PATCH',
    `${api}/nodes/two/status`,
    403,
    'node "one" is not allowed to modify node "two"',
    { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
  ],
  [
    'PATCH',
    `${api}/nodes/one`,
    403,
    'node "one" is not allowed to modify taints',
    { spec: { taints: [] } },
  ],
  [
    'PATCH',
    `${api}/nodes/one`,
    403,
    'is not allowed to modify labels: node-restriction.kubernetes.io/team',
    { metadata: { labels: { 'node-restriction.kubernetes.io/team': 'a' } } },
  ],
  [
    'PATCH',
    `${api}/nodes/one`,
    200,
    undefined,
    { metadata: { labels: { 'topology.kubernetes.io/zone': 'a', mine: 'yes' } } },
  ],
  ['PATCH', `${inDefault}/pods/one/status`, 200, undefined, { status: { phase: 'Running' } }],
  [
    'PATCH',
    `${inDefault}/pods/two/status`,
    403,
    'node "one" can only update pod status for pods with spec.nodeName set to itself',
    { status: { phase: 'Failed' } },
  ],
  [
    'DELETE',
    `${inDefault}/pods/two`,
    403,
    'node "one" can only delete pods with spec.nodeName set to itself',
  ],
  [
    'POST',
    `${inDefault}/pods`,
    403,
    'pod does not have "kubernetes.io/config.mirror" annotation, node "one" can only create mirror pods',
    { ...podOn('one'), metadata: { name: 'mine' } },
  ],
  ['POST', leases, 201, undefined, { metadata: { name: 'one' }, spec: {} }],
  [
    'POST',
    leases,
    403,
    'can only access node lease with the same name as the requesting node',
    { metadata: { name: 'two' }, spec: {} },
  ],
  ['POST', `${inDefault}/serviceaccounts/two/token`, 403, relation, { spec: {} }],
  [
    'POST',
    `${inDefault}/serviceaccounts/one/token`,
    403,
    'node requested token not bound to a pod',
    { spec: {} },
  ],
];

test('a node reads what its pods name, and writes what is its own', async () => {
  await using server = await open();
  for (const [method, path, status, words, body] of rows) {
    const headers = method === 'PATCH' ? merge : {};
    const answer = await server.ask(method, path, {
      user: one,
      headers,
      ...(body ? { body } : {}),
    });
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.json)}`);
    if (words) assert.ok(String(answer.json.message).endsWith(words), answer.json.message);
  }
});

test('a node gets tokens of its pods, for those whom the pods name', async () => {
  await using server = await open();
  const { uid } = (await server.ask('GET', `${inDefault}/pods/one`)).json.metadata;
  const ask = (audiences: readonly string[]) => {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'one', uid };
    const body = { spec: { audiences, boundObjectRef } };
    return server.ask('POST', `${inDefault}/serviceaccounts/one/token`, { user: one, body });
  };
  assert.equal((await ask(['vault'])).status, 201);
  const refused = await ask(['elsewhere']);
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /audience "elsewhere" not found in pod spec volume/);
});

test('what a pod no longer names, and a node that lost a pod, is out of sight', async () => {
  await using server = await open();
  await server.ask('DELETE', `${inDefault}/pods/one?gracePeriodSeconds=0`);
  assert.equal((await server.ask('GET', `${inDefault}/secrets/one`, { user: one })).status, 403);
});

test('a new node takes no pods until it is ready', async () => {
  await using server = await open();
  const { spec } = (await server.ask('GET', `${api}/nodes/one`)).json;
  assert.deepEqual(spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
});
