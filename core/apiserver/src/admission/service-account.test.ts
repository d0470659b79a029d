import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSigningKey, parseSigningKeys } from '../access/signing-keys.ts';
import { TestServer } from '../testing/test-server.ts';

const namespace = '/api/v1/namespaces/default';
const directory = '/var/run/secrets/kubernetes.io/serviceaccount';
const container = { name: 'c', image: 'i' };

async function open(): Promise<TestServer> {
  const keys = parseSigningKeys(newSigningKey());
  const server = await TestServer.open({ serviceAccounts: { keys, authority: 'PEM' } });
  await server.create(`${namespace}/serviceaccounts`, { metadata: { name: 'plain' } });
  await server.create(`${namespace}/serviceaccounts`, {
    metadata: { name: 'closed' },
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: 'registry' }],
  });
  return server;
}

for (const { name, spec, mounts, volumes, pull } of [
  {
    name: 'a token where nothing says otherwise',
    spec: { serviceAccountName: 'plain' },
    mounts: [directory],
    volumes: 1,
    pull: [],
  },
  {
    name: 'no token when its account gives none, but the secrets of its account',
    spec: { serviceAccountName: 'closed' },
    mounts: [],
    volumes: 0,
    pull: ['registry'],
  },
  {
    name: 'a token when it asks for one itself',
    spec: { serviceAccountName: 'closed', automountServiceAccountToken: true },
    mounts: [directory],
    volumes: 1,
    pull: ['registry'],
  },
  {
    name: 'no token when it wants none',
    spec: { serviceAccountName: 'plain', automountServiceAccountToken: false },
    mounts: [],
    volumes: 0,
    pull: [],
  },
  {
    name: 'what it has itself at that place',
    spec: {
      serviceAccountName: 'plain',
      volumes: [{ name: 'own', emptyDir: {} }],
      containers: [{ ...container, volumeMounts: [{ name: 'own', mountPath: directory }] }],
    },
    mounts: [directory],
    volumes: 1,
    pull: [],
  },
]) {
  test(`a pod gets ${name}`, async () => {
    await using server = await open();
    const pod = { metadata: { name: 'p' }, spec: { containers: [container], ...spec } };
    const { json } = await server.create(`${namespace}/pods`, pod);
    const [first] = json.spec.containers;
    const paths = (first.volumeMounts ?? []).map((each: { mountPath: string }) => each.mountPath);
    const secrets = (json.spec.imagePullSecrets ?? []).map((each: { name: string }) => each.name);
    assert.deepEqual(paths, mounts);
    assert.equal((json.spec.volumes ?? []).length, volumes);
    assert.deepEqual(secrets, pull);
    assert.equal(json.spec.serviceAccount, spec.serviceAccountName);
  });
}

test('the token of a pod is nobody’s field', async () => {
  await using server = await open();
  const spec = { serviceAccountName: 'plain', containers: [container] };
  const { json } = await server.create(`${namespace}/pods`, { metadata: { name: 'p' }, spec });
  assert.match(json.spec.volumes[0].name, /^kube-api-access-[a-z0-9]{5}$/);
  assert.doesNotMatch(JSON.stringify(json.metadata.managedFields), /f:volumes|f:volumeMounts/);
});

test('a pod of an account that is not there is refused', async () => {
  await using server = await open();
  const spec = { serviceAccountName: 'gone', containers: [container] };
  const { json } = await server.create(`${namespace}/pods`, { metadata: { name: 'p' }, spec });
  assert.equal(
    json.message,
    'pods "p" is forbidden: error looking up service account default/gone: serviceaccount "gone" not found',
  );
});

test('a pod waits a moment for the account of a new namespace', async () => {
  await using server = await open();
  const pod = { metadata: { name: 'p' }, spec: { containers: [container] } };
  const asking = server.create(`${namespace}/pods`, pod);
  await server.create(`${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
  await server.clock.advance(200);
  assert.equal((await asking).json.spec.serviceAccountName, 'default');
});
