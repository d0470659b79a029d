import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/test-server.ts';

const collection = '/api/v1/namespaces/default/podtemplates';
const template = (image: string) => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name: 'a' },
  template: {
    metadata: { labels: { b: '2', a: '1' } },
    spec: { containers: [{ name: 'main', image }] },
  },
});

test('templates of pods are kept with the defaults of pods, and their changes counted', async () => {
  await using server = await TestServer.open();
  const { json } = await server.create(collection, template('x'));
  assert.equal(json.template.spec.restartPolicy, 'Always');
  assert.equal(json.metadata.generation, 1);
  const changed = await server.ask('PUT', `${collection}/a`, { body: template('y') });
  assert.equal(changed.json.metadata.generation, 2);
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { json: shown } = await server.get(collection, { accept: table });
  assert.deepEqual(shown.rows[0].cells, ['a', 'main', 'y', 'a=1,b=2']);
  const gone = await server.ask('DELETE', `${collection}/a`);
  assert.equal(gone.json.kind, 'PodTemplate');
});

test('templates that no pod could be made of are refused', async () => {
  await using server = await TestServer.open();
  const { status, json } = await server.create(collection, {
    ...template('x'),
    template: { spec: { containers: [] } },
  });
  assert.equal(status, 422);
  assert.match(json.message, /template\.spec\.containers: Required value/);
});
