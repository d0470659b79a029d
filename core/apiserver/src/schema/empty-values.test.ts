import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/test-server.ts';

const base = '/api/v1/namespaces/default';
const template = {
  metadata: { labels: { a: 'b' }, annotations: {} },
  spec: { containers: [{ name: 'c', image: 'x', env: [], resources: {}, securityContext: {} }] },
};

test('empty lists and maps of optional fields are as if they had not been sent', async () => {
  await using server = await TestServer.open();
  const { json: map } = await server.create(`${base}/configmaps`, {
    ...{ metadata: { name: 'm' }, data: {}, binaryData: {} },
  });
  assert.ok(!('data' in map) && !('binaryData' in map));
  assert.equal(map.metadata.managedFields, undefined, 'nobody owns what is not there');
  const { json: deployment } = await server.create('/apis/apps/v1/namespaces/default/deployments', {
    metadata: { name: 'd' },
    spec: { selector: { matchLabels: { a: 'b' }, matchExpressions: [] }, template },
  });
  const { selector, template: kept } = deployment.spec;
  assert.deepEqual(selector, { matchLabels: { a: 'b' } });
  assert.deepEqual(kept.metadata, { labels: { a: 'b' } });
  assert.equal(kept.spec.containers[0].env, undefined);
});

test('empty objects stay', async () => {
  await using server = await TestServer.open();
  const { json: pod, text } = await server.create(`${base}/pods`, {
    metadata: { name: 'p' },
    spec: { containers: template.spec.containers, volumes: [{ name: 'v', emptyDir: {} }] },
  });
  assert.deepEqual(pod.spec.volumes[0], { name: 'v', emptyDir: {} }, text);
  assert.deepEqual(pod.spec.containers[0].securityContext, {});
});
