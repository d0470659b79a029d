import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TestServer } from '../testing/test-server.ts';

const protobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

const definition = (schema: unknown) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'boats.sea.example.com' },
  spec: {
    group: 'sea.example.com',
    scope: 'Namespaced',
    names: { plural: 'boats', kind: 'Boat' },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true, subresources: { status: {} } },
        selectableFields: [{ jsonPath: '.spec.name' }],
        schema: { openAPIV3Schema: schema },
      },
    ],
  },
});

test('a document describes all that is served, and every reference in it leads somewhere', async () => {
  await using server = await TestServer.open();
  const { json, headers } = await server.get('/openapi/v2');
  assert.equal(headers['content-type'], 'application/json');
  const item = json.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
  assert.equal(item.patch.operationId, 'patchAppsV1NamespacedDeployment');
  assert.deepEqual(item.patch['x-kubernetes-group-version-kind'], {
    ...{ group: 'apps', version: 'v1', kind: 'Deployment' },
  });
  assert.ok(item.patch.parameters.some(({ name }: { name: string }) => name === 'dryRun'));
  const { delete: collection } = json.paths['/api/v1/namespaces/{namespace}/pods'];
  assert.equal(collection.operationId, 'deleteCoreV1CollectionNamespacedPod');
  const port = json.definitions['io.k8s.api.core.v1.ServicePort'].properties;
  assert.equal(
    port.targetPort.$ref,
    '#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  );
  assert.match(port.targetPort.description, /^Number or name of the port/);
  assert.equal(port.protocol.default, undefined);
  for (const [, kind = '', name = ''] of JSON.stringify(json).matchAll(
    /"#\/(definitions|parameters)\/([^"]+)"/g,
  )) {
    assert.ok(json[kind][name], name);
  }
});

test('custom kinds are described without what clients of old cannot take', async () => {
  await using server = await TestServer.open();
  const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const schema = {
    description: 'Boats',
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        required: ['name', 'mast'],
        properties: {
          name: { type: 'string', default: 'a', oneOf: [{ pattern: 'a' }, { pattern: 'b' }] },
          mast: { type: 'string', nullable: true },
          sails: { type: 'array', nullable: true, items: { type: 'string' } },
          width: {
            'x-kubernetes-int-or-string': true,
            anyOf: [{ type: 'integer' }, { type: 'string' }],
          },
          cargo: { ...free, properties: { kilos: { type: 'integer' } } },
          crew: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { a: free } },
        },
      },
    },
  };
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const before = await server.get('/openapi/v2');
  const made = await server.create(path, definition(schema));
  assert.equal(made.status, 201, made.text);
  const { json, headers } = await server.get('/openapi/v2');
  assert.notEqual(headers['etag'], before.headers['etag']);
  const boat = json.definitions['com.example.sea.v1.Boat'];
  assert.equal(boat.description, 'Boats');
  assert.deepEqual(boat['x-kubernetes-selectable-fields'], [{ fieldPath: 'spec.name' }]);
  assert.deepEqual(Object.keys(boat.properties).sort(), ['apiVersion', 'kind', 'metadata', 'spec']);
  const { crew, ...plain } = boat.properties.spec.properties;
  assert.deepEqual(plain, {
    cargo: { 'x-kubernetes-preserve-unknown-fields': true },
    mast: {},
    name: { type: 'string' },
    sails: {},
    width: { 'x-kubernetes-int-or-string': true },
  });
  assert.deepEqual(boat.properties.spec.required, ['name']);
  assert.deepEqual(crew.required, ['kind', 'apiVersion']);
  assert.ok(crew.properties.metadata.$ref);
  const list = json.definitions['com.example.sea.v1.BoatList'];
  assert.deepEqual(list.properties.items.items, { $ref: '#/definitions/com.example.sea.v1.Boat' });
  const paths = Object.keys(json.paths).filter((each) => each.includes('sea.example.com'));
  assert.deepEqual(paths, [
    '/apis/sea.example.com/v1/boats',
    '/apis/sea.example.com/v1/namespaces/{namespace}/boats',
    '/apis/sea.example.com/v1/namespaces/{namespace}/boats/{name}',
    '/apis/sea.example.com/v1/namespaces/{namespace}/boats/{name}/status',
  ]);
  assert.equal(
    json.paths['/apis/sea.example.com/v1/boats'].get.operationId,
    'listSeaExampleComV1BoatForAllNamespaces',
  );
});

test('of a custom kind that allows anything, nothing but its kind is said', async () => {
  await using server = await TestServer.open();
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const { spec, ...rest } = definition(schema);
  const [{ selectableFields: _, ...version }] = spec.versions as [(typeof spec.versions)[0]];
  await server.create(path, { ...rest, spec: { ...spec, versions: [version] } });
  const { json } = await server.get('/openapi/v2');
  assert.deepEqual(json.definitions['com.example.sea.v1.Boat'], {
    type: 'object',
    'x-kubernetes-group-version-kind': [{ group: 'sea.example.com', version: 'v1', kind: 'Boat' }],
  });
});

test('a document comes in protobuf and compressed, and is not sent to who has it', async () => {
  await using server = await TestServer.open();
  const { json, headers } = await server.get('/openapi/v2');
  const request = { method: 'GET', path: '/openapi/v2' } as const;
  const ask = async (more: Readonly<Record<string, string>>) => {
    const user = { name: 'admin', groups: ['system:masters'] };
    const signal = new AbortController().signal;
    const response = await server.server.handle({ ...request, headers: more }, user, signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    return { ...response, bytes: Buffer.concat(chunks) };
  };
  const packed = await ask({ accept: protobuf, 'accept-encoding': 'gzip' });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(packed.headers['content-type'], protobuf.replace('@v1', '.v1'));
  assert.equal(packed.headers['etag'], headers['etag']);
  const found = fieldsOf(gunzipSync(packed.bytes));
  assert.equal(found.get(1)?.[0]?.toString(), '2.0');
  const names = (fieldsOf(found.get(9)?.[0] ?? Buffer.of()).get(1) ?? []).map((pair) =>
    fieldsOf(pair).get(1)?.[0]?.toString(),
  );
  assert.deepEqual(names, Object.keys(json.definitions));
  assert.equal((await ask({ 'if-none-match': headers['etag'] ?? '' })).status, 304);
  assert.equal((await ask({ accept: 'text/html' })).status, 406);
});

/** The length-delimited fields of a message, by number. */
function fieldsOf(bytes: Buffer): ReadonlyMap<number, readonly Buffer[]> {
  const found = new Map<number, Buffer[]>();
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[offset++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (offset < bytes.length) {
    const tag = varint();
    assert.equal(tag & 7, 2, 'only messages and texts here');
    const length = varint();
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), bytes.subarray(offset, offset + length)]);
    offset += length;
  }
  return found;
}
