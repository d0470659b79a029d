// Rights and identities over a whole server: what is granted, refused, impersonated, and what tokens are good for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserInfo } from '@tweendeck/kube';
import { TestServer } from '../testing/test-server.ts';
import { newSigningKey, parseSigningKeys } from './signing-keys.ts';

const group = '/apis/rbac.authorization.k8s.io/v1';
const signal = new AbortController().signal;
const dev: UserInfo = { name: 'dev', groups: ['devs', 'system:authenticated'] };

async function allow(
  server: TestServer,
  rule: { readonly verbs: readonly string[]; readonly resources: readonly string[] },
): Promise<void> {
  const metadata = { name: 'given' };
  const roleRef = { kind: 'Role', name: 'given' };
  const subjects = [{ kind: 'Group', name: 'devs' }];
  const rules = [{ apiGroups: ['*'], ...rule }];
  await server.create(`${group}/namespaces/default/roles`, { metadata, rules });
  await server.create(`${group}/namespaces/default/rolebindings`, { metadata, roleRef, subjects });
}

const configMap = { metadata: { name: 'x' } };
const maps = '/api/v1/namespaces/default/configmaps';

test('a role takes effect when it is bound, and no longer than that', async () => {
  await using server = await TestServer.open();
  const refused = await server.ask('GET', maps, { user: dev });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.json.message,
    'configmaps is forbidden: User "dev" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
  await allow(server, { verbs: ['list'], resources: ['configmaps'] });
  assert.equal((await server.ask('GET', maps, { user: dev })).status, 200);
  await server.ask('DELETE', `${group}/namespaces/default/roles/given`);
  assert.match(
    (await server.ask('GET', maps, { user: dev })).json.message,
    /in the namespace "default": RBAC: role.rbac.authorization.k8s.io "given" not found$/,
  );
});

test('an apply that makes an object takes the right to create', async () => {
  await using server = await TestServer.open();
  await allow(server, { verbs: ['patch', 'get'], resources: ['configmaps'] });
  const ask = () =>
    server.ask('PATCH', `${maps}/x?fieldManager=m`, {
      user: dev,
      body: { apiVersion: 'v1', kind: 'ConfigMap', ...configMap },
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
  const refused = await ask();
  assert.deepEqual([refused.status, refused.json.reason], [403, 'Forbidden']);
  await server.create(maps, configMap);
  assert.equal((await ask()).status, 200);
});

test('nobody grants what he does not have, unless he may escalate or bind', async () => {
  await using server = await TestServer.open();
  await allow(server, { verbs: ['create', 'get'], resources: ['roles', 'rolebindings'] });
  const role = {
    metadata: { name: 'more' },
    rules: [{ verbs: ['*'], apiGroups: [''], resources: ['pods'] }],
  };
  const roles = `${group}/namespaces/default/roles`;
  const refused = await server.ask('POST', roles, { user: dev, body: role });
  assert.equal(
    refused.json.message,
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "dev" (groups=["devs" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["*"]}',
  );
  await server.create(roles, role);
  const binding = {
    metadata: { name: 'more' },
    roleRef: { kind: 'Role', name: 'more' },
    subjects: [{ kind: 'User', name: 'dev' }],
  };
  const bind = () =>
    server.ask('POST', `${group}/namespaces/default/rolebindings`, { user: dev, body: binding });
  assert.equal((await bind()).status, 403);
  const rules = [{ apiGroups: ['*'], verbs: ['create', 'bind'], resources: ['*'] }];
  await server.patch(`${roles}/given`, { rules });
  assert.equal((await bind()).status, 201);
});

test('impersonation takes the right to it, and gives the groups asked for', async () => {
  await using server = await TestServer.open();
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const ask = (user: UserInfo, headers: Readonly<Record<string, string>>) =>
    server.ask('POST', path, { user, headers, body: {} });
  const refused = await ask(dev, { 'impersonate-user': 'boss' });
  assert.equal(
    refused.json.message,
    'users "boss" is forbidden: User "dev" cannot impersonate resource "users" in API group "" at the cluster scope',
  );
  const masters = { name: 'root', groups: ['system:masters'] };
  const granted = await ask(masters, {
    'impersonate-user': 'boss',
    'impersonate-group': 'system:masters\na, b',
    'impersonate-uid': '7',
    'impersonate-extra-a%2fb': 'c',
  });
  assert.deepEqual(granted.json.status.userInfo, {
    username: 'boss',
    uid: '7',
    groups: ['system:masters', 'a, b', 'system:authenticated'],
    extra: { 'a/b': ['c'] },
  });
});

const account = '/api/v1/namespaces/default/serviceaccounts';

async function tokenOf(server: TestServer, spec: Record<string, unknown> = {}): Promise<string> {
  const { json } = await server.create(`${account}/robot/token`, { spec });
  return json.status.token;
}

async function whoIs(server: TestServer, token: string, audiences?: readonly string[]) {
  const spec = { token, audiences };
  const { json } = await server.create('/apis/authentication.k8s.io/v1/tokenreviews', { spec });
  return json.status;
}

test('a token speaks for its account until it runs out or the account is gone', async () => {
  await using server = await TestServer.open();
  await server.create(account, { metadata: { name: 'robot' } });
  const token = await tokenOf(server, { expirationSeconds: 600 });
  const status = await whoIs(server, token);
  assert.equal(status.user.username, 'system:serviceaccount:default:robot');
  assert.deepEqual(status.user.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ]);
  assert.match(
    (await whoIs(server, token, ['other'])).error,
    /is invalid for the target audiences/,
  );
  await server.clock.advance(700_000);
  assert.match((await whoIs(server, token)).error, /service account token has expired/);
  const second = await tokenOf(server);
  await server.ask('DELETE', `${account}/robot`);
  assert.match((await whoIs(server, second)).error, /not found/);
});

test('a bound token dies with its object', async () => {
  await using server = await TestServer.open();
  await server.create(account, { metadata: { name: 'robot' } });
  const secrets = '/api/v1/namespaces/default/secrets';
  await server.create(secrets, { metadata: { name: 's' } });
  const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: 's' };
  const token = await tokenOf(server, { boundObjectRef });
  assert.equal((await whoIs(server, token)).authenticated, true);
  await server.ask('DELETE', `${secrets}/s`);
  assert.match((await whoIs(server, token)).error, /service account token has been invalidated/);
  await server.create(secrets, { metadata: { name: 's' } });
  assert.match((await whoIs(server, token)).error, /Secret UID .* does not match|secret UID/i);
});

test('a forged token is nobody’s', async () => {
  await using server = await TestServer.open();
  await server.create(account, { metadata: { name: 'robot' } });
  const [header, payload = '', signature] = (await tokenOf(server)).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, exp: 9_999_999_999 })).toString(
    'base64url',
  );
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  for (const token of [
    `${header}.${forged}.${signature}`,
    `${none}.${payload}.`,
    `${header}.${payload}`,
    'abc',
  ]) {
    const status = await whoIs(server, token);
    assert.equal(status.authenticated, undefined, token);
    const answer = await server.server.serve(
      { method: 'GET', path: '/api', headers: { authorization: `Bearer ${token}` } },
      { type: 'nobody' },
      signal,
    );
    assert.equal(answer.status, 401);
  }
});

test('tokens of an older key are believed as long as the file has it', async () => {
  const [old, fresh] = [newSigningKey(), newSigningKey()];
  await using first = await TestServer.open({
    serviceAccounts: { keys: parseSigningKeys(old), authority: 'PEM' },
  });
  await first.create(account, { metadata: { name: 'robot' } });
  const token = await tokenOf(first);
  for (const { text, authenticated } of [
    { text: fresh + old, authenticated: true },
    { text: fresh, authenticated: undefined },
  ]) {
    const second = await TestServer.open(
      { serviceAccounts: { keys: parseSigningKeys(text), authority: 'PEM' } },
      { store: first.store, clock: first.clock },
    );
    assert.equal((await whoIs(second, token)).authenticated, authenticated);
    await second.server[Symbol.asyncDispose](); // the store is the first one's
  }
});
