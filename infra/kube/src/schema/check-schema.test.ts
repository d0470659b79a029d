import assert from 'node:assert/strict';
import test from 'node:test';

import { fieldErrorText } from '../field-error.ts';
import { checkSchema } from './compile.ts';
import type { JsonSchema } from './json-schema.ts';
import { t } from './type.ts';

const root = 'spec.validation.openAPIV3Schema';
const at = `${root}.properties[spec]`;

function withSpec(spec: JsonSchema): JsonSchema {
  return { type: 'object', properties: { spec } };
}

for (const { name, schema, errors } of [
  {
    name: 'everything the builder makes is fine',
    schema: withSpec(
      t.object({
        a: t.string({ pattern: '^a' }).default('a'),
        b: t.intOrString(),
        c: t.quantity(),
        d: t.any(),
        e: t.embeddedObject(),
        f: t.listByKey(t.object({ k: t.string() }), ['k']),
        g: t.set(t.string()),
        h: t.map(t.int64()),
        i: t.conditions(),
        j: t.object({}, { atomic: true }),
        k: t.time().nullable(),
      }).schema,
    ),
    errors: [],
  },
  {
    name: 'the root needs a type',
    schema: {},
    errors: [`${root}.type: Required value: must not be empty at the root`],
  },
  {
    name: 'the root is an object',
    schema: { type: 'array', items: { type: 'string' } },
    errors: [`${root}.type: Invalid value: "array": must be object at the root`],
  },
  {
    name: 'the root may not be null',
    schema: { type: 'object', nullable: true },
    errors: [`${root}.nullable: Forbidden: nullable cannot be true at the root`],
  },
  {
    name: 'a property needs a type',
    schema: withSpec({}),
    errors: [`${at}.type: Required value: must not be empty for specified object fields`],
  },
  {
    name: 'an item needs a type',
    schema: withSpec({ type: 'array', items: {} }),
    errors: [`${at}.items.type: Required value: must not be empty for specified array items`],
  },
  {
    name: 'an array needs items',
    schema: withSpec({ type: 'array' }),
    errors: [`${at}.items: Required value: must be specified`],
  },
  {
    name: 'a type has to be one',
    schema: withSpec({ type: 'thing' }),
    errors: [
      `${at}.type: Unsupported value: "thing": supported values: "array", "boolean", "integer", "number", "object", "string"`,
    ],
  },
  {
    name: 'metadata is not for schemas to restrict',
    schema: {
      type: 'object',
      properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
    },
    errors: [
      `${root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    ],
  },
  {
    name: 'logic brings no types',
    schema: withSpec({
      type: 'object',
      properties: { a: { type: 'string' } },
      anyOf: [{ properties: { a: { type: 'string', description: 'x' } } }],
    }),
    errors: [
      `${at}.anyOf[0].properties[a].type: Forbidden: must be empty to be structural`,
      `${at}.anyOf[0].properties[a].description: Forbidden: must be empty to be structural`,
    ],
  },
  {
    name: 'logic speaks of specified properties only',
    schema: { type: 'object', not: { properties: { toString: { minLength: 1 } } } },
    errors: [
      `${root}.properties[toString]: Required value: because it is defined in ${root}.not.properties[toString]`,
    ],
  },
  {
    name: 'a pattern has to be RE2',
    schema: withSpec({ type: 'string', pattern: 'a(?=b)' }),
    errors: [
      `${at}.pattern: Invalid value: "a(?=b)": must be a valid regular expression, but isn't: error parsing regexp: invalid or unsupported Perl syntax: \`(?=\``,
    ],
  },
  {
    name: 'properties and additionalProperties exclude each other',
    schema: withSpec({
      type: 'object',
      properties: { a: { type: 'string' } },
      additionalProperties: { type: 'string' },
    }),
    errors: [
      `${at}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
    ],
  },
  {
    name: 'no references',
    schema: withSpec({ type: 'object', $ref: '#/x' }),
    errors: [`${at}.$ref: Forbidden: $ref is not supported`],
  },
  {
    name: 'no unique items',
    schema: withSpec({ type: 'array', items: { type: 'string' }, uniqueItems: true }),
    errors: [
      `${at}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
    ],
  },
  {
    name: 'a list by key names its keys',
    schema: withSpec({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
    errors: [
      `${at}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    ],
  },
  {
    name: 'a key is required or has a default',
    schema: withSpec({
      type: 'array',
      items: { type: 'object', properties: { k: { type: 'string' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    }),
    errors: [
      `${at}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
  },
  {
    name: 'a key is a property',
    schema: withSpec({
      type: 'array',
      items: { type: 'object' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['toString'],
    }),
    errors: [
      `${at}.x-kubernetes-list-map-keys: Invalid value: ["toString"]: entries must all be names of item properties`,
    ],
  },
  {
    name: 'items of sets are atomic',
    schema: withSpec({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }),
    errors: [
      `${at}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
    ],
  },
  {
    name: 'an embedded object is an object',
    schema: withSpec({
      type: 'string',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    }),
    errors: [
      `${at}.type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is true`,
    ],
  },
  {
    name: 'a default is valid',
    schema: withSpec({ type: 'integer', minimum: 1, default: 0 }),
    errors: [`${at}.default: Invalid value: 0:  in body should be greater than or equal to 1`],
  },
  {
    name: 'a default holds nothing unknown',
    schema: withSpec({ type: 'object', properties: { a: { type: 'string' } }, default: { b: 1 } }),
    errors: [`${at}.default: Invalid value: {"b":1}: must not have unknown fields`],
  },
  {
    name: 'a rule compiles',
    schema: withSpec(t.object({ n: t.int32() }).rule('self.m > 1', { message: 'x' }).schema),
    errors: [
      `${at}.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.m \\u003e 1","Message":"x","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'm'\n | self.m > 1\n | ....^`,
    ],
  },
] as { name: string; schema: JsonSchema; errors: string[] }[]) {
  test(`schema of a CRD: ${name}`, () => {
    assert.deepEqual(checkSchema(schema).map(fieldErrorText), errors);
  });
}
