import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sortedJson } from '../sorted-json.ts';
import { TestServer } from '../testing/test-server.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const boats = '/apis/example.com/v1/namespaces/default/boats';

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['sails'],
      properties: {
        sails: { type: 'integer', minimum: 0 },
        color: { type: 'string', default: 'white' },
        replicas: { type: 'integer', default: 1 },
      },
      'x-kubernetes-validations': [{ rule: 'self.sails < 10', message: 'too many sails' }],
    },
    status: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        conditions: {
          type: 'array',
          items: {
            type: 'object',
            properties: { type: { type: 'string' }, status: { type: 'string' } },
          },
        },
      },
    },
  },
};

const version = (name: string, more: object = {}) => ({
  ...{ name, served: true, storage: name === 'v1', schema: { openAPIV3Schema: schema } },
  subresources: {
    status: {},
    scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
  },
  additionalPrinterColumns: [
    { name: 'Sails', type: 'integer', jsonPath: '.spec.sails' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: [{ jsonPath: '.spec.color' }],
  ...more,
});

const definition = (spec: object = {}) => ({
  metadata: { name: 'boats.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'boats', kind: 'Boat', shortNames: ['bo'] },
    versions: [version('v1')],
    ...spec,
  },
});
const boat = (name: string, spec: object = { sails: 1 }) => ({
  ...{ apiVersion: 'example.com/v1', kind: 'Boat', metadata: { name }, spec },
});

async function withBoats(spec: object = {}): Promise<TestServer> {
  const server = await TestServer.open();
  const { status, json } = await server.create(definitions, definition(spec));
  assert.equal(status, 201, json.message);
  return server;
}

test('a kind is served as soon as its definition was answered', async () => {
  await using server = await withBoats();
  const { json } = await server.get(`${definitions}/boats.example.com`);
  assert.deepEqual(
    json.status.conditions.map(
      ({ type, status }: { type: string; status: string }) => `${type}=${status}`,
    ),
    ['NamesAccepted=True', 'Established=True'],
  );
  assert.deepEqual(json.status.storedVersions, ['v1']);
  assert.equal(json.status.acceptedNames.listKind, 'BoatList');
  assert.equal((await server.create(boats, boat('a'))).status, 201);
  const { json: list } = await server.get('/apis/example.com/v1');
  assert.deepEqual(
    list.resources.map(({ name }: { name: string }) => name),
    ['boats', 'boats/status', 'boats/scale'],
  );
  const { json: document } = await server.get('/openapi/v3/apis/example.com/v1');
  assert.ok(document.components.schemas['com.example.v1.Boat'].properties.spec);
  assert.ok(document.components.schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta']);
  const item = document.paths['/apis/example.com/v1/namespaces/{namespace}/boats/{name}'];
  assert.deepEqual(Object.keys(item.patch.requestBody.content), [
    'application/apply-patch+yaml',
    'application/json-patch+json',
    'application/merge-patch+json', // kubectl would send a strategic patch if it stood here
  ]);
});

test('objects of a custom kind are pruned, defaulted and counted', async () => {
  await using server = await withBoats();
  const { json, headers } = await server.create(boats, boat('a', { sails: 2, anchor: true }));
  assert.deepEqual(json.spec, { sails: 2, color: 'white', replicas: 1 });
  assert.equal(headers['warning'], '299 - "unknown field \\"spec.anchor\\""');
  const status = await server.patch(`${boats}/a/status`, {
    status: { replicas: 1 },
    spec: { sails: 9 },
  });
  assert.deepEqual([status.json.spec.sails, status.json.metadata.generation], [2, 1]);
  const scaled = await server.patch(`${boats}/a/scale`, { spec: { replicas: 4 } });
  assert.deepEqual([scaled.json.spec.replicas, scaled.json.status.replicas], [4, 1]);
  const below = await server.patch(`${boats}/a/scale`, { spec: { replicas: -1 } });
  assert.equal(below.json.details.kind, 'Boat', 'the object is refused, not its scale');
  assert.match(below.json.message, /\.spec\.replicas: Invalid value: -1: should be a non-negative/);
  assert.equal((await server.get(`${boats}/a`)).json.metadata.generation, 2);
});

test('custom objects are answered with their keys in order, alone, in lists and to watchers', async () => {
  await using server = await withBoats();
  const watch = await server.watch(`${boats}?watch=1`);
  const made = await server.create(boats, boat('a', { sails: 2 }));
  const { metadata } = made.json;
  const isSorted = (value: unknown): boolean => JSON.stringify(value) === sortedJson(value);
  assert.deepEqual(Object.keys(made.json), ['apiVersion', 'kind', 'metadata', 'spec']);
  assert.equal(Object.keys(metadata)[0], 'creationTimestamp');
  const list = await server.get(boats);
  assert.deepEqual(Object.keys(list.json), ['apiVersion', 'items', 'kind', 'metadata']);
  assert.deepEqual(list.json.items, [made.json]);
  await server.ask('DELETE', `${boats}/a`);
  const [added, deleted] = [await watch.next(), await watch.next()];
  assert.deepEqual(added.object, made.json);
  assert.equal(deleted.object.metadata.resourceVersion, `${Number(metadata.resourceVersion) + 1}`);
  for (const shown of [made.json, list.json, added.object, deleted.object]) {
    assert.ok(isSorted(shown), JSON.stringify(shown));
  }
});

test("who scales what is nobody's is not noted, as what has its default after an apply", async () => {
  await using server = await withBoats();
  const owners = async (): Promise<readonly string[]> =>
    (await server.get(`${boats}/a`)).json.metadata.managedFields.map(
      (entry: { manager: string }) => entry.manager,
    );
  await server.apply(`${boats}/a?fieldManager=one`, boat('a'));
  const scale = `${boats}/a/scale?fieldManager=two`;
  assert.equal((await server.patch(scale, { spec: { replicas: 4 } })).json.spec.replicas, 4);
  assert.deepEqual(await owners(), ['one']);
  await server.patch(`${boats}/a?fieldManager=three`, { spec: { replicas: 5 } });
  await server.patch(scale, { spec: { replicas: 6 } });
  assert.deepEqual((await owners()).toSorted(), ['one', 'two']);
});

test('a custom object that is not kept has no version', async () => {
  await using server = await withBoats();
  const { json } = await server.create(`${boats}?dryRun=All`, boat('a'));
  assert.ok(!('resourceVersion' in json.metadata));
});

for (const { name, spec, message } of [
  {
    name: 'a missing field',
    spec: {},
    message:
      /^Boat.example.com "x" is invalid: \[spec.sails: Required value, <nil>: .*some validation rules were not checked/,
  },
  {
    name: 'a value of the wrong type',
    spec: { sails: 'many' },
    message:
      /spec.sails: Invalid value: "string": spec.sails in body must be of type integer: "string"/,
  },
  { name: 'a broken rule', spec: { sails: 10 }, message: /spec: Invalid value: .*too many sails$/ },
]) {
  test(`an object of a custom kind is refused for ${name}`, async () => {
    await using server = await withBoats();
    const { status, json } = await server.create(boats, boat('x', spec));
    assert.equal(status, 422);
    assert.match(json.message, message);
  });
}

test('columns and selectable fields are as declared', async () => {
  await using server = await withBoats();
  await server.create(boats, boat('a', { sails: 3, color: 'red' }));
  await server.create(boats, boat('b'));
  await server.patch(`${boats}/a/status`, {
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  await server.clock.advance(125_000);
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const { json } = await server.get(`${boats}?fieldSelector=spec.color%3Dred`, { accept });
  assert.deepEqual(
    json.rows.map(({ cells }: { cells: unknown[] }) => cells),
    [['a', 3, 'True', '2m5s']],
  );
});

test('several versions show the same objects', async () => {
  await using server = await withBoats({ versions: [version('v1'), version('v2')] });
  const second = '/apis/example.com/v2/namespaces/default/boats';
  await server.create(second, { ...boat('a'), apiVersion: 'example.com/v2' });
  const { json: one } = await server.get(`${boats}/a`);
  const { json: other } = await server.get(`${second}/a`);
  assert.deepEqual([one.apiVersion, other.apiVersion], ['example.com/v1', 'example.com/v2']);
  assert.equal(one.metadata.resourceVersion, other.metadata.resourceVersion);
  const { status, json } = await server.create(second, boat('b'));
  assert.equal(status, 400);
  assert.equal(
    json.message,
    'the API version in the data (example.com/v1) does not match the expected API version (example.com/v2)',
  );
});

test('what is written in one version is kept as the stored one has it, and read with its defaults', async () => {
  const of = (properties: object): object => ({
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties } },
      },
    },
  });
  const text = { type: 'string' };
  await using server = await withBoats({
    versions: [
      version('v1', of({ a: text, b: { type: 'string', default: 'first' } })),
      version('v2', of({ a: text, b: { type: 'string', default: 'second' }, c: text })),
      version('v3', of({ a: text, c: { type: 'string', default: 'third' } })),
    ],
  });
  const at = (name: string): string => `/apis/example.com/${name}/namespaces/default/boats`;
  const body = { kind: 'Boat', apiVersion: 'example.com/v3', metadata: { name: 'a' } };
  const made = await server.create(at('v3'), { ...body, spec: { a: 'x', c: 'y' } });
  assert.deepEqual(made.json.spec, { a: 'x' }, made.text);
  for (const name of ['v1', 'v2'])
    assert.deepEqual((await server.get(`${at(name)}/a`)).json.spec, { a: 'x', b: 'first' }, name);
});

test('what is applied and then pruned is counted each time, and nobody is told', async () => {
  const openAPIV3Schema = {
    type: 'object',
    properties: { spec: { type: 'object', additionalProperties: true } },
  };
  await using server = await withBoats({
    versions: [version('v1', { schema: { openAPIV3Schema } })],
  });
  for (const [free, generation] of [
    [{}, 1],
    [{}, 1],
    [{ a: 1 }, 2],
    [{ a: 1 }, 3],
    [{}, 3],
  ] as const) {
    const { status, json, headers } = await server.apply(
      `${boats}/a?fieldManager=me&fieldValidation=Strict`,
      boat('a', { free }),
    );
    assert.ok(status < 300, json.message);
    assert.deepEqual([json.spec, json.metadata.generation], [{ free: {} }, generation]);
    assert.equal(headers['warning'], undefined);
  }
});

test('a default that comes later is there when older objects are read', async () => {
  await using server = await withBoats();
  const { json: made } = await server.create(boats, boat('a'));
  const { resourceVersion } = made.metadata;
  const watch = await server.watch(`${boats}?watch=true&resourceVersion=${resourceVersion}`);
  const later = structuredClone(schema);
  Object.assign(later.properties.spec.properties, { motor: { type: 'boolean', default: false } });
  await server.patch(`${definitions}/boats.example.com`, {
    spec: { versions: [version('v1', { schema: { openAPIV3Schema: later } })] },
  });
  assert.equal((await server.get(`${boats}/a`)).json.spec.motor, false);
  assert.equal(await watch.next(), undefined, 'watches of the old form end');
});

test('a definition that is deleted takes its objects first, and waits for their finalizers', async () => {
  await using server = await withBoats();
  await server.create(boats, boat('a'));
  await server.create(boats, { ...boat('b'), metadata: { name: 'b', finalizers: ['x/y'] } });
  await server.ask('DELETE', `${definitions}/boats.example.com`);
  await server.clock.advance(1);
  const { json } = await server.get(boats);
  assert.deepEqual(json.items.length, 1);
  assert.equal((await server.create(boats, boat('c'))).status, 405);
  await server.patch(`${boats}/b`, { metadata: { finalizers: null } });
  await server.clock.advance(1);
  assert.equal((await server.get(`${definitions}/boats.example.com`)).status, 404);
  assert.equal((await server.get(boats)).status, 404);
});

const refusals: readonly (readonly [string, object, string])[] = [
  [
    'a name that is not plural and group',
    { names: { plural: 'ships', kind: 'Boat' } },
    'metadata.name: Invalid value: "boats.example.com": must be spec.names.plural+"."+spec.group',
  ],
  [
    'no version',
    { versions: [] },
    'spec.versions: Invalid value: []: must have exactly one version marked as storage version',
  ],
  [
    'two versions of one name, of which none is stored',
    { versions: [version('v1', { storage: false }), version('v1', { storage: false })] },
    'must contain unique version names',
  ],
  [
    'no version that is stored',
    { versions: [version('v1', { storage: false })] },
    'status.storedVersions: Invalid value: null: must have at least one stored version',
  ],
  [
    'two storage versions',
    { versions: [version('v1'), version('v2', { storage: true })] },
    'must have exactly one version marked as storage version',
  ],
  [
    'a schema that is not structural',
    {
      versions: [
        version('v1', {
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: {} } } },
        }),
      ],
    },
    'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
  ],
  [
    'no schema',
    { versions: [version('v1', { schema: undefined })] },
    'spec.versions[0].schema.openAPIV3Schema: Required value',
  ],
  [
    'a conversion webhook',
    { conversion: { strategy: 'Webhook' } },
    'spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"',
  ],
  [
    'a scale path outside the specification',
    {
      versions: [
        version('v1', {
          subresources: { scale: { specReplicasPath: '.a', statusReplicasPath: '.status.b' } },
        }),
      ],
    },
    'should be a json path under .spec',
  ],
];

for (const [name, spec, message] of refusals) {
  test(`a definition is refused for ${name}`, async () => {
    await using server = await TestServer.open();
    const { status, json } = await server.create(definitions, definition(spec));
    assert.equal(status, 422, json.message);
    assert.ok(json.message.includes(message), json.message);
  });
}

test('a name that another kind of the group has is not accepted', async () => {
  await using server = await withBoats();
  const { json: made } = await server.create(definitions, {
    ...definition({ names: { plural: 'bottles', kind: 'Boat' } }),
    metadata: { name: 'bottles.example.com' },
  });
  assert.deepEqual(made.status, {
    conditions: null,
    acceptedNames: { plural: '', kind: '' },
    storedVersions: ['v1'],
  });
  const { json } = await server.get(`${definitions}/bottles.example.com`);
  const { conditions, acceptedNames } = json.status;
  const [accepted] = conditions;
  assert.deepEqual(
    [accepted.status, accepted.reason, accepted.message],
    ['False', 'ListKindConflict', '"BoatList" is already in use'],
  );
  assert.equal(acceptedNames.plural, 'bottles', 'what nobody else has is accepted');
  const owners = json.metadata.managedFields.map(
    ({ manager, subresource }: { manager: string; subresource?: string }) => [manager, subresource],
  );
  assert.deepEqual(owners, [
    ['kube-apiserver', 'status'],
    ['unknown', undefined],
  ]);
});

test('custom kinds take no strategic patches', async () => {
  await using server = await withBoats();
  await server.create(boats, boat('a'));
  const { status } = await server.patch(`${boats}/a`, {}, 'strategic-merge-patch+json');
  assert.equal(status, 415);
});

test('an object as deep as the server takes can be written in every way', async () => {
  const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const openAPIV3Schema = { type: 'object', properties: { spec: free } };
  await using server = await withBoats({
    versions: [version('v1', { schema: { openAPIV3Schema }, subresources: {} })],
  });
  const depth = 900;
  const spec = JSON.parse(`${'{"a":'.repeat(depth)}[1]${'}'.repeat(depth)}`);
  const body = { apiVersion: 'example.com/v1', kind: 'Boat', metadata: { name: 'a' }, spec };
  assert.equal((await server.create(boats, body)).status, 201);
  const applied = await server.apply(`${boats}/a?fieldManager=m&force=true`, JSON.stringify(body));
  assert.equal(applied.status, 200, applied.json.message);
  const { status, json } = await server.patch(`${boats}/a`, { spec: { b: spec } });
  assert.equal(status, 200, json.message);
  assert.deepEqual(json.spec.b, spec);
});

test('a definition that lost its names to another gets them when that one goes', async () => {
  await using server = await withBoats();
  const names = { plural: 'ships', kind: 'Boat', shortNames: ['bo'] };
  await server.create(definitions, {
    ...definition({ names }),
    metadata: { name: 'ships.example.com' },
  });
  const url = `${definitions}/ships.example.com`;
  const accepted = async (): Promise<string> => {
    const { json } = await server.get(url);
    return json.status.conditions.find(({ type }: { type: string }) => type === 'NamesAccepted')
      .status;
  };
  assert.equal(await accepted(), 'False');
  const { json } = await server.get(url);
  const { resourceVersion } = json.metadata;
  const watch = await server.watch(
    `${definitions}?watch=1&fieldSelector=metadata.name=ships.example.com&resourceVersion=${resourceVersion}`,
  );
  await server.ask('DELETE', `${definitions}/boats.example.com`);
  await watch.next();
  await watch.close();
  assert.equal(await accepted(), 'True');
  assert.equal((await server.get('/apis/example.com/v1/namespaces/default/ships')).status, 200);
});

test('a definition that objects hold says so', async () => {
  await using server = await withBoats();
  const metadata = { name: 'a', finalizers: ['example.com/x'] };
  await server.create(boats, { ...boat('a'), metadata });
  const url = `${definitions}/boats.example.com`;
  const { json } = await server.ask('DELETE', url);
  const { resourceVersion } = json.metadata;
  const watch = await server.watch(`${definitions}?watch=1&resourceVersion=${resourceVersion}`);
  const told = await watch.next();
  const { type, status, reason } = told.object.status.conditions.at(-1);
  assert.deepEqual([type, status, reason], ['Terminating', 'True', 'InstanceDeletionInProgress']);
  await server.patch(`${boats}/a`, { metadata: { finalizers: null } });
  assert.equal((await watch.next()).type, 'DELETED');
  await watch.close();
});
