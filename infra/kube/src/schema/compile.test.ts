import assert from 'node:assert/strict';
import test from 'node:test';

import fc from 'fast-check';

import { fieldErrorText } from '../field-error.ts';
import { compileSchema } from './compile.ts';
import type { JsonSchema } from './json-schema.ts';
import { t } from './type.ts';

function objectSchema(spec: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec,
    },
  };
}

function objectOf(spec: unknown): { readonly spec: unknown } & Record<string, unknown> {
  return { apiVersion: 'g/v1', kind: 'A', metadata: { name: 'x', odd: 1 }, spec };
}

const pair = t.object({ name: t.string(), value: t.int32().optional() });

for (const { name, spec, have, want, unknown } of [
  {
    name: 'unknown fields go, at every depth and in lists',
    spec: t.object({ a: pair, list: t.list(pair) }).schema,
    have: { a: { name: 'x', no: 1 }, list: [{ name: 'y', no: { b: 1 } }], no: [] },
    want: { a: { name: 'x' }, list: [{ name: 'y' }] },
    unknown: ['spec.a.no', 'spec.list[0].no', 'spec.no'],
  },
  {
    name: 'a map keeps every key',
    spec: t.map(pair).schema,
    have: { k: { name: 'x', no: 1 } },
    want: { k: { name: 'x' } },
    unknown: ['spec.k.no'],
  },
  {
    name: 'preserve-unknown-fields keeps what is unknown and prunes what is known',
    spec: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { known: pair.schema },
    },
    have: { known: { name: 'x', no: 1 }, free: { b: 1 } },
    want: { known: { name: 'x' }, free: { b: 1 } },
    unknown: ['spec.known.no'],
  },
  {
    name: 'an embedded object keeps its envelope',
    spec: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { data: { type: 'string' } },
    },
    have: { apiVersion: 'v1', kind: 'B', metadata: { labels: {} }, data: 'x', no: 1 },
    want: { apiVersion: 'v1', kind: 'B', metadata: { labels: {} }, data: 'x' },
    unknown: ['spec.no'],
  },
  {
    name: 'additionalProperties: true knows nothing of what its values hold',
    spec: { type: 'object', additionalProperties: true },
    have: { a: 1, b: { c: 1 } },
    want: { a: 1, b: {} },
    unknown: ['spec.b.c'],
  },
  {
    name: "names of Object's own methods are unknown like others",
    spec: t.object({ a: t.string() }).schema,
    have: { a: 'x', constructor: 1, toString: 2 },
    want: { a: 'x' },
    unknown: ['spec.constructor', 'spec.toString'],
  },
] as { name: string; spec: JsonSchema; have: unknown; want: unknown; unknown: string[] }[]) {
  test(`pruning: ${name}`, () => {
    const schema = compileSchema(objectSchema(spec));
    const object = structuredClone(objectOf(have));
    assert.deepEqual(schema.unknownFields(object), unknown);
    assert.deepEqual(object, objectOf(have), 'listing changes nothing');
    assert.deepEqual(schema.prune(object), unknown);
    assert.deepEqual(object, objectOf(want));
    assert.deepEqual(schema.prune(object), [], 'a second time finds nothing');
  });
}

for (const { name, spec, have, want } of [
  {
    name: 'what is missing gets its default, within defaults too',
    spec: t.object({
      a: t.int32().default(1),
      b: t.raw<Record<string, number>>(t.object({ c: t.int32().default(2) }).schema).default({}),
    }).schema,
    have: {},
    want: { a: 1, b: { c: 2 } },
  },
  {
    name: 'what is there stays',
    spec: t.object({ a: t.int32().default(1) }).schema,
    have: { a: 0 },
    want: { a: 0 },
  },
  {
    name: 'null that may not be becomes the default, or goes',
    spec: t.object({ a: t.int32().default(1), b: t.int32().optional() }).schema,
    have: { a: null, b: null },
    want: { a: 1 },
  },
  {
    name: 'null that may be stays',
    spec: t.object({ a: t.int32().nullable().default(1) }).schema,
    have: { a: null },
    want: { a: null },
  },
  {
    name: 'defaults reach into lists and maps',
    spec: t.object({
      list: t.list(t.object({ a: t.int32().default(1) })),
      map: t.map(t.object({ a: t.int32().default(2) })),
    }).schema,
    have: { list: [{}, { a: 5 }], map: { k: {} } },
    want: { list: [{ a: 1 }, { a: 5 }], map: { k: { a: 2 } } },
  },
] as { name: string; spec: JsonSchema; have: unknown; want: unknown }[]) {
  test(`defaulting: ${name}`, () => {
    const schema = compileSchema(objectSchema(spec));
    const object = structuredClone(objectOf(have));
    schema.applyDefaults(object);
    assert.deepEqual(object, objectOf(want));
    schema.applyDefaults(object);
    assert.deepEqual(object, objectOf(want), 'a second time changes nothing');
  });
}

test('a default is not shared between objects', () => {
  const spec = t.object({
    list: t.raw<string[]>({ type: 'array', items: { type: 'string' } }).default([]),
  });
  const schema = compileSchema(objectSchema(spec.schema));
  const [one, two] = [{ spec: {} as { list?: string[] } }, { spec: {} as { list?: string[] } }]; // as: filled in below
  schema.applyDefaults(one);
  one.spec.list?.push('x');
  schema.applyDefaults(two);
  assert.deepEqual(two, { spec: { list: [] } });
});

for (const { name, spec, have, errors } of [
  {
    name: 'a string for an integer',
    spec: { type: 'integer' },
    have: 'x',
    errors: ['spec: Invalid value: "string": spec in body must be of type integer: "string"'],
  },
  {
    name: 'a fraction for an integer',
    spec: { type: 'integer' },
    have: 1.5,
    errors: ['spec: Invalid value: "number": spec in body must be of type integer: "number"'],
  },
  {
    name: 'null where it may not be',
    spec: { type: 'object' },
    have: null,
    errors: ['spec: Invalid value: "null": spec in body must be of type object: "null"'],
  },
  { name: 'null where it may', spec: { type: 'object', nullable: true }, have: null, errors: [] },
  { name: 'an integer for a number', spec: { type: 'number' }, have: 1, errors: [] },
  {
    name: 'a boolean for int-or-string',
    spec: t.intOrString().schema,
    have: true,
    errors: [
      'spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean"',
      '<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf)',
      'spec: Invalid value: "boolean": spec in body must be of type integer: "boolean"',
    ],
  },
  {
    name: 'both kinds of int-or-string',
    spec: t.list(t.intOrString()).schema,
    have: [1, '50%'],
    errors: [],
  },
  {
    name: 'a bad quantity',
    spec: t.quantity().schema,
    have: '1x',
    errors: [
      `spec: Invalid value: "1x": spec in body should match '${t.quantity().schema.pattern}'`,
    ],
  },
  {
    name: 'less than the minimum',
    spec: { type: 'integer', minimum: 0 },
    have: -1,
    errors: ['spec: Invalid value: -1: spec in body should be greater than or equal to 0'],
  },
  {
    name: 'the exclusive minimum itself',
    spec: { type: 'integer', minimum: 0, exclusiveMinimum: true },
    have: 0,
    errors: ['spec: Invalid value: 0: spec in body should be greater than 0'],
  },
  {
    name: 'more than the maximum',
    spec: { type: 'number', maximum: 1.5 },
    have: 2.5,
    errors: ['spec: Invalid value: 2.5: spec in body should be less than or equal to 1.5'],
  },
  {
    name: 'no multiple',
    spec: { type: 'integer', multipleOf: 2 },
    have: 3,
    errors: ['spec: Invalid value: 3: spec in body should be a multiple of 2'],
  },
  {
    name: 'too short',
    spec: { type: 'string', minLength: 2 },
    have: 'é',
    errors: ['spec: Invalid value: "é": spec in body should be at least 2 chars long'],
  },
  {
    name: 'too long',
    spec: { type: 'string', maxLength: 2 },
    have: 'abc',
    errors: ['spec: Too long: may not be more than 2 bytes'],
  },
  {
    name: 'long in units, not in characters',
    spec: { type: 'string', maxLength: 2 },
    have: '😀😀',
    errors: [],
  },
  {
    name: 'no match',
    spec: { type: 'string', pattern: '^[a-z]+$' },
    have: 'A',
    errors: [`spec: Invalid value: "A": spec in body should match '^[a-z]+$'`],
  },
  {
    name: 'a word not listed',
    spec: { type: 'string', enum: ['A', 'B'] },
    have: 'x',
    errors: ['spec: Unsupported value: "x": supported values: "A", "B"'],
  },
  {
    name: 'no date-time',
    spec: { type: 'string', format: 'date-time' },
    have: '2026-02-30T00:00:00Z',
    errors: [
      'spec: Invalid value: "2026-02-30T00:00:00Z": spec in body must be of type date-time: "2026-02-30T00:00:00Z"',
    ],
  },
  {
    name: 'a format nobody knows',
    spec: { type: 'string', format: 'constructor' },
    have: 'x',
    errors: [],
  },
  {
    name: 'too few items',
    spec: { type: 'array', items: { type: 'string' }, minItems: 1 },
    have: [],
    errors: ['spec: Invalid value: 0: spec in body should have at least 1 items'],
  },
  {
    name: 'too many items',
    spec: { type: 'array', items: { type: 'string' }, maxItems: 1 },
    have: ['a', 'b'],
    errors: ['spec: Too many: 2: must have at most 1 item'],
  },
  {
    name: 'a bad item',
    spec: { type: 'array', items: { type: 'string' } },
    have: ['a', 1],
    errors: [
      'spec[1]: Invalid value: "integer": spec[1] in body must be of type string: "integer"',
    ],
  },
  {
    name: 'a missing property',
    spec: pair.schema,
    have: {},
    errors: ['spec.name: Required value'],
  },
  {
    name: 'too few properties',
    spec: { type: 'object', minProperties: 1 },
    have: {},
    errors: ['spec: Invalid value: 0: spec in body should have at least 1 properties'],
  },
  {
    name: 'a bad value of a map',
    spec: t.map(t.string()).schema,
    have: { k: 1 },
    errors: ['spec.k: Invalid value: "integer": spec.k in body must be of type string: "integer"'],
  },
  {
    name: 'twice in a set',
    spec: t.set(t.string()).schema,
    have: ['a', 'b', 'a', 'a'],
    errors: ['spec[2]: Duplicate value: "a"'],
  },
  {
    name: 'twice the same key',
    spec: t.listByKey(pair, ['name']).schema,
    have: [{ name: 'a' }, { name: 'a', value: 1 }],
    errors: ['spec[1]: Duplicate value: {"name":"a"}'],
  },
  {
    name: 'none of oneOf',
    spec: {
      type: 'object',
      properties: { a: {}, b: {} },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    have: {},
    errors: [
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid',
      'spec.a: Required value',
    ],
  },
  {
    name: 'both of oneOf',
    spec: {
      type: 'object',
      properties: { a: {}, b: {} },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    have: { a: 1, b: 1 },
    errors: [
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  },
  {
    name: 'part of allOf',
    spec: { type: 'string', allOf: [{ minLength: 1 }, { pattern: '^a' }] },
    have: 'b',
    errors: [
      `spec: Invalid value: "b": spec in body should match '^a'`,
      '<nil>: Invalid value: "": "spec" must validate all the schemas (allOf)',
    ],
  },
  {
    name: 'what is excluded',
    spec: { type: 'string', not: { enum: ['a'] } },
    have: 'a',
    errors: ['<nil>: Invalid value: "": "spec" must not validate the schema (not)'],
  },
  {
    name: 'an embedded object that says not what it is',
    spec: t.embeddedObject().schema,
    have: { kind: 1 },
    errors: ['spec.apiVersion: Required value', 'spec.kind: Invalid value: 1: must be a string'],
  },
] as { name: string; spec: JsonSchema; have: unknown; errors: string[] }[]) {
  test(`validating: ${name}`, () => {
    const found = compileSchema(objectSchema(spec)).validate(objectOf(have));
    assert.deepEqual(found.map(fieldErrorText), errors);
  });
}

test('an unchanged value keeps its errors to itself', () => {
  const spec = t.object({
    a: t.int32({ minimum: 1 }),
    b: t.int32({ minimum: 1 }),
    list: t.listByKey(t.object({ name: t.string(), value: t.int32({ minimum: 1 }) }), ['name']),
  });
  const schema = compileSchema(objectSchema(spec.schema));
  const old = objectOf({ a: 0, b: 0, list: [{ name: 'x', value: 0 }] });
  assert.deepEqual(schema.validate(old, old), []);
  const changed = objectOf({
    a: 0,
    b: -1,
    list: [
      { name: 'y', value: 1 },
      { name: 'x', value: 0 },
    ],
  });
  assert.deepEqual(schema.validate(changed, old).map(fieldErrorText), [
    'spec.b: Invalid value: -1: spec.b in body should be greater than or equal to 1',
  ]);
});

test('a bigint is an integer', () => {
  const schema = compileSchema(objectSchema({ type: 'integer', minimum: 0 }));
  assert.deepEqual(schema.validate(objectOf(2n ** 60n)), []);
  assert.deepEqual(schema.validate(objectOf(-(2n ** 60n))).map(fieldErrorText), [
    'spec: Invalid value: -1152921504606846976: spec in body should be greater than or equal to 0',
  ]);
});

const components: Readonly<Record<string, JsonSchema>> = {
  'io.k8s.api.apps.v1.Deployment': {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.ObjectMeta' }], default: {} },
      spec: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' }] },
    },
  },
  'io.k8s.ObjectMeta': {
    type: 'object',
    properties: { labels: { type: 'object', additionalProperties: { type: 'string' } } },
  },
  'io.k8s.api.apps.v1.DeploymentSpec': {
    type: 'object',
    properties: {
      replicas: { type: 'integer', format: 'int32' },
      paused: { type: 'boolean' },
      size: { oneOf: [{ type: 'string' }, { type: 'number' }] },
      raw: { $ref: '#/components/schemas/io.k8s.RawExtension' },
      containers: { type: 'array', items: { $ref: '#/components/schemas/io.k8s.Container' } },
      self: { $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' },
    },
  },
  'io.k8s.RawExtension': { type: 'object' },
  'io.k8s.Container': { type: 'object', properties: { name: { type: 'string' } } },
};

const deployments = compileSchema(components['io.k8s.api.apps.v1.Deployment'] ?? {}, {
  resolve: (reference) => components[reference.slice('#/components/schemas/'.length)],
});

test('unknown fields of built-in kinds are found through references', () => {
  const object = {
    kind: 'Deployment',
    spec: {
      self: { self: { replicas: 1, no: 1 } },
      raw: { any: { thing: 1 } },
      containers: [{ name: 'a', nam: 'b' }],
    },
  };
  assert.deepEqual(deployments.unknownFields(object), [
    'spec.containers[0].nam',
    'spec.self.self.no',
  ]);
});

for (const { spec, message } of [
  {
    spec: { replicas: '3' },
    message:
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    spec: { replicas: 1.5 },
    message:
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    spec: { replicas: 3e9 },
    message:
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    spec: { paused: 1 },
    message:
      'json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool',
  },
  {
    spec: { containers: {} },
    message:
      'json: cannot unmarshal object into Go struct field DeploymentSpec.spec.containers of type []v1.Container',
  },
  {
    spec: { containers: [{ name: true }] },
    message:
      'json: cannot unmarshal bool into Go struct field Container.spec.containers.name of type string',
  },
  { spec: { size: '1Gi', self: null, replicas: -(2 ** 31) }, message: undefined },
  { spec: { size: 1 }, message: undefined },
]) {
  test(`decoding ${JSON.stringify(spec)}`, () => {
    assert.equal(deployments.decodeError({ kind: 'Deployment', spec })?.message, message);
  });
}

test('pruning and defaulting twice is doing so once, whatever the value', () => {
  const spec = t.object({
    a: t.int32().default(1),
    b: t.object({ c: t.string().nullable().default('x'), d: t.list(pair) }).optional(),
    m: t.map(t.object({ e: t.boolean().default(true) })).optional(),
    free: t.anyObject().optional(),
  });
  const schema = compileSchema(objectSchema(spec.schema));
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'm', 'free', 'name', 'value', 'zz');
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, 1, 'x', true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(value, (have) => {
      const object = objectOf(structuredClone(have));
      schema.prune(object);
      schema.applyDefaults(object);
      const once = structuredClone(object);
      assert.deepEqual(schema.prune(object), []);
      schema.applyDefaults(object);
      assert.deepEqual(object, once);
    }),
  );
});

test('who updates the status is told of the status, by names within it', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      spec: { type: 'object', required: ['a'] },
      status: { type: 'object', properties: { b: { type: 'integer' } } },
    },
  };
  const errors = compileSchema(schema).validate({ spec: {}, status: { b: 'x' } }, {}, 'status');
  assert.deepEqual(errors.map(fieldErrorText), [
    'status.b: Invalid value: "string": b in body must be of type integer: "string"',
  ]);
});
