import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPriority } from './discovery.ts';
import { TestServer } from './testing/test-server.ts';

const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

test('discovery comes aggregated', async () => {
  await using server = await TestServer.open();
  const { json, headers } = await server.get('/apis', {
    accept: `${aggregated('v2')},application/json`,
  });
  assert.equal(headers['content-type'], aggregated('v2'));
  assert.deepEqual(
    [json.kind, json.apiVersion],
    ['APIGroupDiscoveryList', 'apidiscovery.k8s.io/v2'],
  );
  const apps = json.items.find(
    (each: { metadata: { name: string } }) => each.metadata.name === 'apps',
  );
  const deployments = apps.versions[0].resources.find(
    (each: { resource: string }) => each.resource === 'deployments',
  );
  assert.deepEqual(
    [deployments.shortNames, deployments.singularResource, deployments.scope],
    [['deploy'], 'deployment', 'Namespaced'],
  );
});

test('a form of discovery that is no more is not answered', async () => {
  await using server = await TestServer.open();
  const { status, json } = await server.get('/apis', { accept: aggregated('v2beta1') });
  assert.deepEqual([status, json.reason], [406, 'NotAcceptable']);
});

test('discovery comes in plain lists', async () => {
  await using server = await TestServer.open();
  assert.deepEqual((await server.get('/api')).json.versions, ['v1']);
  const { json: groups } = await server.get('/apis');
  assert.ok(groups.groups.some(({ name }: { name: string }) => name === 'apps'));
  assert.equal((await server.get('/apis/apps')).json.preferredVersion.groupVersion, 'apps/v1');
  const { json: list } = await server.get('/api/v1');
  assert.ok(list.resources.some(({ name }: { name: string }) => name === 'pods/log'));
  assert.equal((await server.get('/apis/none')).status, 404);
  assert.equal((await server.get('/apis/apps/v2')).status, 404);
});

test('OpenAPI has an index with hashes, and documents that kubectl can use', async () => {
  await using server = await TestServer.open();
  const { json: index } = await server.get('/openapi/v3');
  const url = index.paths['apis/apps/v1'].serverRelativeURL;
  assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  const { json } = await server.get(url);
  const item = json.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
  assert.deepEqual(item.patch['x-kubernetes-group-version-kind'], {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
  });
  assert.ok(item.patch.parameters.some(({ name }: { name: string }) => name === 'fieldValidation'));
  for (const name of JSON.stringify(json).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    assert.ok(json.components.schemas[name[1] ?? ''], name[1]);
  }
  assert.equal((await server.get('/openapi/v1')).status, 404);
});

test('anybody may ask for health and version, and for nothing else', async () => {
  await using server = await TestServer.open({ systemPolicy: true });
  const user = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
  const { json } = await server.ask('GET', '/version', { user });
  assert.deepEqual([json.major, json.minor], ['1', '34']);
  for (const path of ['/livez', '/readyz', '/healthz']) {
    assert.equal((await server.ask('GET', path, { user })).text, 'ok');
  }
  for (const path of ['/api', '/openapi/v3', '/api/v1/pods']) {
    assert.equal((await server.ask('GET', path, { user })).status, 403);
  }
});

test('versions are ordered as Kubernetes orders them', () => {
  const versions = ['v1alpha1', 'foo', 'v2', 'v1', 'v10', 'v1beta2', 'v1beta10', 'bar'];
  assert.deepEqual(versions.toSorted(byPriority), [
    ...['v10', 'v2', 'v1', 'v1beta10', 'v1beta2', 'v1alpha1', 'bar', 'foo'],
  ]);
});
