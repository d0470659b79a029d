import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, TestServer } from './testing/test-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const map = (name: string, more: object = {}) => ({
  metadata: { name },
  data: { a: '1' },
  ...more,
});
const template = {
  metadata: { labels: { a: 'b' } },
  spec: { containers: [{ name: 'c', image: 'x' }] },
};
const deployment = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { selector: { matchLabels: { a: 'b' } }, template, ...spec },
});

interface Refusal {
  readonly name: string;
  readonly ask: (server: TestServer) => Promise<Answer>;
  readonly code: number;
  readonly reason: string;
  readonly message: string | RegExp;
  readonly details?: object;
}

const refusals: readonly Refusal[] = [
  {
    name: 'an object that is not there',
    ask: (server) => server.get(`${pods}/x`),
    code: 404,
    reason: 'NotFound',
    message: 'pods "x" not found',
    details: { name: 'x', kind: 'pods' },
  },
  {
    name: 'a second object of the same name',
    ask: async (server) => {
      await server.create(deployments, deployment('x'));
      return server.create(deployments, deployment('x'));
    },
    code: 409,
    reason: 'AlreadyExists',
    message: 'deployments.apps "x" already exists',
    details: { name: 'x', group: 'apps', kind: 'deployments' },
  },
  {
    name: 'an update of another version',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.ask('PUT', `${maps}/a`, {
        body: { metadata: { name: 'a', resourceVersion: '1' } },
      });
    },
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  },
  {
    name: 'a name on the URL that is not in the body',
    ask: (server) => server.ask('PUT', `${maps}/a`, { body: map('b') }),
    code: 400,
    reason: 'BadRequest',
    message: 'the name of the object (b) does not match the name on the URL (a)',
  },
  {
    name: 'another namespace in the body',
    ask: (server) => server.create(maps, { metadata: { name: 'a', namespace: 'b' } }),
    code: 400,
    reason: 'BadRequest',
    message:
      'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    name: 'a namespace that is not there',
    ask: (server) => server.create('/api/v1/namespaces/none/configmaps', map('a')),
    code: 404,
    reason: 'NotFound',
    message: 'namespaces "none" not found',
  },
  {
    name: 'a namespace that is ending',
    ask: async (server) => {
      await server.create('/api/v1/namespaces', { metadata: { name: 'old' } });
      await server.ask('DELETE', '/api/v1/namespaces/old');
      return server.create('/api/v1/namespaces/old/configmaps', map('a'));
    },
    code: 403,
    reason: 'Forbidden',
    message:
      'configmaps "a" is forbidden: unable to create new content in namespace old because it is being terminated',
    details: {
      name: 'a',
      kind: 'configmaps',
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace old is being terminated',
          field: 'metadata.namespace',
        },
      ],
    },
  },
  {
    name: 'the removal of the default namespace',
    ask: (server) => server.ask('DELETE', '/api/v1/namespaces/default'),
    code: 403,
    reason: 'Forbidden',
    message: 'namespaces "default" is forbidden: this namespace may not be deleted',
  },
  {
    name: 'a body that is no JSON',
    ask: (server) => server.ask('POST', maps, { body: '{"metadata":' }),
    code: 400,
    reason: 'BadRequest',
    message: /json parse error/,
  },
  {
    name: 'a value of the wrong type',
    ask: (server) => server.create(deployments, deployment('x', { replicas: 'two' })),
    code: 400,
    reason: 'BadRequest',
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    name: 'an unknown field in strict validation',
    ask: (server) =>
      server.create(`${deployments}?fieldValidation=Strict`, deployment('x', { foo: 1 })),
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: unknown field "spec.foo"$/,
  },
  {
    name: 'a repeated field in strict validation',
    ask: (server) =>
      server.ask('POST', `${maps}?fieldValidation=Strict`, {
        body: '{"metadata":{"name":"a"},"data":{"b":"1","b":"2"}}',
      }),
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: duplicate field "data.b"$/,
  },
  {
    name: 'unknown fields in a patch, when the client is strict',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.patch(`${maps}/a?fieldValidation=Strict`, { b: 1 });
    },
    code: 422,
    reason: 'Invalid',
    message:
      /^ "" is invalid: patch: Invalid value: "{.*\\"b\\":1.*}": strict decoding error: unknown field "b"$/,
  },
  {
    name: 'repeated keys in a patch, when the client is strict',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.patch(`${maps}/a?fieldValidation=Strict`, '{"data":{"b":"1","b":"2"}}');
    },
    code: 422,
    reason: 'Invalid',
    message: /: strict decoding error: duplicate field "data.b"$/,
  },
  {
    name: 'repeated keys in what is applied, when the client is strict',
    ask: (server) =>
      server.apply(
        `${maps}/a?fieldManager=m&fieldValidation=Strict`,
        'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: b\n  a: c\n',
      ),
    code: 400,
    reason: 'BadRequest',
    message:
      /^error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n {2}line 5: key "a" already set in map$/,
  },
  {
    name: 'a patch that makes a value of a wrong type',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.patch(`${maps}/a`, { data: { a: 1 } });
    },
    code: 422,
    reason: 'Invalid',
    message: /: json: cannot unmarshal number into Go struct field ConfigMap.data of type string$/,
  },
  {
    name: 'a patch of the name',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.patch(`${maps}/a`, { metadata: { name: 'b' } });
    },
    code: 400,
    reason: 'BadRequest',
    message: 'the name of the object (b) does not match the name on the URL (a)',
  },
  {
    name: 'a scale of another object',
    ask: async (server) => {
      await server.create(deployments, deployment('x'));
      return server.patch(`${deployments}/x/scale`, { metadata: { name: 'y' } });
    },
    code: 400,
    reason: 'BadRequest',
    message: 'the name of the object (y) does not match the name on the URL (x)',
  },
  {
    name: 'an update without a name',
    ask: (server) => server.ask('PUT', `${maps}/a`, { body: { data: {} } }),
    code: 400,
    reason: 'BadRequest',
    message: 'the name of the object (a based on URL) was undeterminable: name must be provided',
  },
  {
    name: 'JSON that nests without end',
    ask: (server) =>
      server.ask('POST', maps, { body: `{"a":${'['.repeat(9_000)}${']'.repeat(9_000)}}` }),
    code: 400,
    reason: 'BadRequest',
    message: /json parse error: exceeded max depth \(/,
  },
  {
    name: 'YAML that nests without end',
    ask: (server) =>
      server.ask('POST', maps, {
        body: `a: ${'['.repeat(9_000)}${']'.repeat(9_000)}`,
        headers: { 'content-type': 'application/yaml' },
      }),
    code: 400,
    reason: 'BadRequest',
    message: /\(must be of type ConfigMap\): yaml: exceeded max depth \(613a205b(5b)+ \.\.\.\)$/,
  },
  ...(
    [
      ['{"kind":"ConfigMap"', 'unexpected end of JSON input ({"kind":"ConfigMap")'],
      ['', 'unexpected end of JSON input (<empty>)'],
      ['nonsense', "invalid character 'o' in literal null (expecting 'u') (6e6f6e73656e7365)"],
    ] as const
  ).map(
    ([body, why]): Refusal => ({
      name: `a body that is ${JSON.stringify(body)}`,
      ask: (server) => server.ask('POST', maps, { body }),
      code: 400,
      reason: 'BadRequest',
      message: `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: ${why}`,
    }),
  ),
  {
    name: 'a body of a kind that nobody knows',
    ask: (server) => server.create(maps, { apiVersion: 'v2', kind: 'ConfigMap' }),
    code: 400,
    reason: 'BadRequest',
    message: /^ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is/,
  },
  {
    name: 'a body of another kind',
    ask: (server) =>
      server.create(maps, { apiVersion: 'v1', kind: 'Secret', data: { a: 'value' } }),
    code: 400,
    reason: 'BadRequest',
    message:
      'Secret in version "v1" cannot be handled as a ConfigMap: illegal base64 data at input byte 4',
  },
  {
    name: 'YAML that is none',
    ask: (server) =>
      server.ask('POST', maps, {
        body: 'a: [unclosed',
        headers: { 'content-type': 'application/yaml' },
      }),
    code: 400,
    reason: 'BadRequest',
    message: /yaml: line 1: did not find expected ',' or '\]' \(613a20/,
  },
  {
    name: 'a merge patch that is no object',
    ask: async (server) => {
      await server.create(maps, { metadata: { name: 'a' } });
      return server.patch(`${maps}/a`, '"nonsense"');
    },
    code: 400,
    reason: 'BadRequest',
    message:
      'error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}',
  },
  {
    name: 'a label selector that is none',
    ask: (server) => server.get(`${maps}?labelSelector=!`),
    code: 400,
    reason: 'BadRequest',
    message: "unable to parse requirement: found '', expected: identifier",
  },
  {
    name: 'a method that is none of the API',
    ask: (server) => server.ask('OPTIONS', maps, {}),
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  },
  {
    name: 'an invalid object in a namespace that is not there for the namespace',
    ask: (server) => server.create('/api/v1/namespaces/none/configmaps', map('A_')),
    code: 404,
    reason: 'NotFound',
    message: 'namespaces "none" not found',
  },
  {
    name: 'a body of another media type',
    ask: (server) =>
      server.ask('POST', maps, { body: 'x', headers: { 'content-type': 'text/plain' } }),
    code: 415,
    reason: 'UnsupportedMediaType',
    message: /^the body of the request was in an unknown format/,
  },
  {
    name: 'a body above the limit',
    ask: (server) => server.create(maps, map('a', { data: { a: 'x'.repeat(3 * 1024 * 1024) } })),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: /^Request entity too large/,
  },
  {
    name: 'an answer in protobuf alone',
    ask: (server) => server.get(maps, { accept: 'application/vnd.kubernetes.protobuf' }),
    code: 406,
    reason: 'NotAcceptable',
    message:
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  },
  {
    name: 'an answer in a form that is not offered',
    ask: (server) => server.get(maps, { accept: 'application/xml' }),
    code: 406,
    reason: 'NotAcceptable',
    message:
      /^406: Not Acceptable\n\nAvailable representations: application\/json, .*;stream=watch$/,
  },
  {
    name: 'a patch of no type',
    ask: (server) =>
      server.ask('PATCH', `${maps}/a`, { headers: { 'content-type': 'application/json' } }),
    code: 415,
    reason: 'UnsupportedMediaType',
    message: '415: Unsupported Media Type',
  },
  {
    name: 'a verb a resource does not have',
    ask: (server) => server.ask('DELETE', '/api/v1/namespaces'),
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  },
  {
    name: 'a resource version that is no number',
    ask: (server) => server.get(`${maps}?resourceVersion=abc`),
    code: 400,
    reason: 'BadRequest',
    message: /resourceVersion: Invalid value: "abc"/,
  },
  {
    name: 'a change of what may not change',
    ask: async (server) => {
      await server.create(deployments, deployment('x'));
      return server.patch(`${deployments}/x`, {
        spec: {
          selector: { matchLabels: { a: 'c' } },
          template: { metadata: { labels: { a: 'c' } } },
        },
      });
    },
    code: 422,
    reason: 'Invalid',
    message: /spec.selector: Invalid value: .*: field is immutable$/,
  },
  {
    name: 'an update without a version where it is demanded',
    ask: async (server) => {
      const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
      await server.create(path, { metadata: { name: 'l' } });
      return server.ask('PUT', `${path}/l`, { body: { metadata: { name: 'l' } } });
    },
    code: 422,
    reason: 'Invalid',
    message:
      'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  },
  {
    name: 'a delete of another object of the same name',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.ask('DELETE', `${maps}/a`, { body: { preconditions: { uid: 'other' } } });
    },
    code: 409,
    reason: 'Conflict',
    message: /the UID in the precondition \(other\) does not match the UID in record/,
  },
  {
    name: 'options of a delete in an unknown format',
    ask: async (server) => {
      await server.create(maps, map('a'));
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return server.ask('DELETE', `${maps}/a`, { body: '{"dryRun":["All"]}', headers });
    },
    code: 415,
    reason: 'UnsupportedMediaType',
    message: /^the body of the request was in an unknown format/,
  },
  {
    name: 'options of a delete that are of a wrong type',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.ask('DELETE', `${maps}/a`, { body: { dryRun: 'All' } });
    },
    code: 400,
    reason: 'BadRequest',
    message: /DeleteOptions: dryRun cannot be "All"$/,
  },
  {
    name: 'preconditions of a delete that are of a wrong type',
    ask: async (server) => {
      await server.create(maps, map('a'));
      return server.ask('DELETE', `${maps}/a`, { body: { preconditions: { uid: 5 } } });
    },
    code: 400,
    reason: 'BadRequest',
    message: /DeleteOptions: preconditions cannot be {"uid":5}$/,
  },
  {
    name: 'a read of the future',
    ask: (server) => server.clock.until(server.get(`${maps}?resourceVersion=999999`)),
    code: 504,
    reason: 'Timeout',
    message: /^Too large resource version: 999999, current: \d+$/,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  },
  {
    name: 'a stranger',
    ask: (server) => server.ask('GET', pods, { user: { name: 'eve', groups: [] } }),
    code: 403,
    reason: 'Forbidden',
    message:
      'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "default"',
  },
];

for (const { name, ask, code, reason, message, details } of refusals) {
  test(`the server refuses ${name}`, async () => {
    await using server = await TestServer.open();
    const { status, json } = await ask(server);
    assert.equal(json.kind, 'Status');
    assert.deepEqual([status, json.code, json.reason], [code, code, reason], json.message);
    if (typeof message === 'string') assert.equal(json.message, message);
    else assert.match(json.message, message);
    if (details) assert.deepEqual(json.details, details);
  });
}

test('a new object gets its identity from the server', async () => {
  await using server = await TestServer.open();
  const { status, json } = await server.create(maps, {
    metadata: { generateName: 'a-', uid: 'mine', creationTimestamp: '2000-01-01T00:00:00Z' },
  });
  assert.equal(status, 201);
  assert.match(json.metadata.name, /^a-[a-z0-9]{5}$/);
  assert.match(json.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.equal(json.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(json.metadata.namespace, 'default');
  assert.match(json.metadata.resourceVersion, /^[1-9]\d*$/);
});

test('a write that changes nothing keeps the resource version', async () => {
  await using server = await TestServer.open();
  const { json: first } = await server.create(maps, map('a'));
  await server.clock.advance(5_000);
  const { json: second } = await server.patch(`${maps}/a`, { data: { a: '1' } });
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const { json: third } = await server.patch(`${maps}/a`, { data: { a: '2' } });
  assert.notEqual(third.metadata.resourceVersion, first.metadata.resourceVersion);
});

test('the generation counts changes of the specification only', async () => {
  await using server = await TestServer.open();
  const generations: number[] = [];
  const note = ({ json }: Answer): void => void generations.push(json.metadata.generation);
  note(await server.create(deployments, deployment('x')));
  note(await server.patch(`${deployments}/x`, { metadata: { labels: { a: 'b' } } }));
  note(await server.patch(`${deployments}/x/status`, { status: { replicas: 3 } }));
  note(await server.patch(`${deployments}/x`, { spec: { replicas: 2 } }));
  assert.deepEqual(generations, [1, 1, 1, 2]);
});

test('main and status endpoints write their own part only', async () => {
  await using server = await TestServer.open();
  await server.create(deployments, { ...deployment('x'), status: { replicas: 9 } });
  const { json: main } = await server.patch(`${deployments}/x`, {
    spec: { replicas: 2 },
    status: { replicas: 7 },
  });
  assert.deepEqual([main.spec.replicas, main.status.replicas], [2, undefined]);
  const { json: status } = await server.patch(`${deployments}/x/status`, {
    spec: { replicas: 5 },
    status: { replicas: 1 },
  });
  assert.deepEqual([status.spec.replicas, status.status.replicas], [2, 1]);
});

test('a dry run answers as the write would, and writes nothing', async () => {
  await using server = await TestServer.open();
  const { status, json } = await server.create(`${maps}?dryRun=All`, map('a'));
  assert.deepEqual([status, json.metadata.name], [201, 'a']);
  assert.equal((await server.get(`${maps}/a`)).status, 404);
  await server.create(maps, map('a'));
  assert.equal((await server.ask('DELETE', `${maps}/a?dryRun=All`)).status, 200);
  assert.equal((await server.get(`${maps}/a`)).status, 200);
});

test('unknown fields are dropped with a warning, unless nobody wants to know', async () => {
  await using server = await TestServer.open();
  const warned = await server.create(deployments, deployment('x', { foo: 1 }));
  assert.equal(warned.headers['warning'], '299 - "unknown field \\"spec.foo\\""');
  assert.equal(warned.json.spec.foo, undefined);
  const silent = await server.create(
    `${deployments}?fieldValidation=Ignore`,
    deployment('y', { foo: 1 }),
  );
  assert.equal(silent.headers['warning'], undefined);
});

test('YAML is read and written', async () => {
  await using server = await TestServer.open();
  const created = await server.ask('POST', maps, {
    body: 'metadata: {name: a}\ndata:\n  answer: "yes"\n',
    headers: { 'content-type': 'application/yaml' },
  });
  assert.equal(created.json.data.answer, 'yes');
  const { text, headers } = await server.get(`${maps}/a`, { accept: 'application/yaml' });
  assert.equal(headers['content-type'], 'application/yaml');
  assert.match(text, /^apiVersion: v1\ndata:\n {2}answer: "yes"\nkind: ConfigMap\n/);
});

test('writers that race all get through when they did not ask for a version', async () => {
  await using server = await TestServer.open();
  await server.create(maps, map('a', { data: {} }));
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      server.patch(`${maps}/a`, { data: { [`k${index}`]: 'x' } }),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const { json } = await server.get(`${maps}/a`);
  assert.equal(Object.keys(json.data).length, 20);
});

test('what a dry run would create has no version, for it was never stored', async () => {
  await using server = await TestServer.open();
  const { json } = await server.create(`${maps}?dryRun=All`, map('a'));
  assert.equal(json.metadata.resourceVersion, undefined);
});

test('names that every object of JavaScript has are names like others', async () => {
  await using server = await TestServer.open();
  const data = { constructor: '1', toString: '2' };
  const created = await server.create(maps, { metadata: { name: 'a' }, data });
  assert.deepEqual(created.json.data, data);
  const secrets = '/api/v1/namespaces/default/secrets';
  const secret = await server.create(secrets, { metadata: { name: 'a' }, type: 'constructor' });
  assert.equal(secret.status, 201);
});

test('a path that nothing serves is answered with a line of text, as upstream does', async () => {
  await using server = await TestServer.open();
  for (const path of ['/apis/none/v1/pets', '/apis/none', '/none']) {
    const { status, text } = await server.get(path);
    assert.deepEqual([status, text], [404, '404 page not found\n'], path);
  }
  const { status, json } = await server.get('/apis/apps/v1/daemonpets');
  const message = 'the server could not find the requested resource';
  assert.deepEqual([status, json.reason, json.message], [404, 'NotFound', message]);
});

test('an update looks at labels and owners three times, as upstream, and says so once', async () => {
  await using server = await TestServer.open();
  await server.create(maps, map('x'));
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '' };
  const { status, json } = await server.patch(`${maps}/x`, {
    metadata: { labels: { a: '!' }, ownerReferences: [owner] },
  });
  assert.equal(status, 422);
  const fields: readonly string[] = json.details.causes.map(
    ({ field }: { field: string }) => field,
  );
  const once = ['metadata.labels', 'metadata.ownerReferences.uid'];
  assert.deepEqual(fields, [...once, ...once, ...once]);
  assert.equal(json.message.split('must not be empty').length, 2, json.message);
});
