import assert from 'node:assert/strict';
import test from 'node:test';

import { fieldErrorText } from '../field-error.ts';
import type { ValidationRule } from '../generated/kinds.ts';
import { checkSchema, compileSchema } from '../schema/compile.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { t } from '../schema/type.ts';

const shape = t.object({
  n: t.int32().optional(),
  ratio: t.number().optional(),
  s: t.string().optional(),
  list: t.list(t.int32(), { maxItems: 10_000 }).optional(),
  words: t.set(t.string()).optional(),
  map: t.map(t.string()).optional(),
  port: t.intOrString().optional(),
  gone: t.string().nullable().optional(),
  when: t.time().optional(),
  'a-b': t.string().optional(),
  nested: t.object({ x: t.int32().optional() }).optional(),
  disks: t
    .listByKey(
      t
        .object({ name: t.string(), size: t.int64() })
        .rule('self.size >= oldSelf.size', { message: 'disks do not shrink' }),
      ['name'],
    )
    .optional(),
});

function schemaWith(rule: ValidationRule): JsonSchema {
  const { rule: text, ...options } = rule;
  return { type: 'object', properties: { spec: shape.rule(text, options).schema } };
}

function errorsOf(rule: ValidationRule, spec: unknown, old?: unknown): readonly string[] {
  const schema = schemaWith(rule);
  assert.deepEqual(checkSchema(schema).map(fieldErrorText), []);
  return judged(schema, spec, old);
}

function judged(schema: JsonSchema, spec: unknown, old?: unknown): readonly string[] {
  return compileSchema(schema)
    .validate({ spec }, old === undefined ? undefined : { spec: old })
    .map(fieldErrorText);
}

const failed = (rule: string): string => `spec: Invalid value: "object": failed rule: ${rule}`;

for (const [rule, holds, fails] of [
  ['self.n > 3', { n: 4 }, { n: 3 }],
  ['self.n / 2 == 1', { n: 3 }, { n: 4 }],
  ['self.ratio < 1.5', { ratio: 1 }, { ratio: 2.5 }],
  ['!has(self.n) || self.n > 3', {}, { n: 1 }],
  ['size(self.s) == 1', { s: '😀' }, { s: 'ab' }],
  ['self.s.matches("^(?i)[a-z]+$")', { s: 'aB' }, { s: 'a1' }],
  [
    'self.s.lowerAscii() == "ab" && self.s.replace("A", "x").trim() == "xb"',
    { s: 'Ab' },
    { s: 'x' },
  ],
  ['self.s.split("-").size() == 2 && self.s.substring(1, 2) == "b"', { s: 'ab-c' }, { s: 'ab' }],
  ['self.s.find("[0-9]+") == "12"', { s: 'a12b3' }, { s: 'a1' }],
  ['self.s.findAll("[0-9]+").size() == 2', { s: 'a12b3' }, { s: 'a1' }],
  [
    '"%.1f".format([self.ratio]) == "1,000,000,000,000,000,000,000.0"',
    { ratio: 1e21 },
    { ratio: 1 },
  ],
  ['type(self.nested) == map && self.nested.x == 1', { nested: { x: 1 } }, { nested: { x: 2 } }],
  [
    'string(duration(self.s)) == "1.4969999999999999s"', // Go adds seconds and parts of one as doubles
    { s: '1.497s' },
    { s: '1.5s' },
  ],
  ['string(duration(self.s)) == "-0.000000001s"', { s: '-1ns' }, { s: '1ns' }],
  ['self.list.all(x, x > 1)', { list: [2, 3] }, { list: [1] }],
  ['self.list.exists(x, x == 2)', { list: [2] }, { list: [] }],
  ['self.list.exists_one(x, x == 2)', { list: [2] }, { list: [2, 2] }],
  ['self.list.map(x, x * 2).sum() == 6', { list: [1, 2] }, { list: [1] }],
  ['self.list.filter(x, x > 1).size() == 1', { list: [1, 2] }, { list: [1] }],
  [
    'self.list.isSorted() && self.list.min() == 1 && self.list.max() == 3',
    { list: [1, 3] },
    { list: [3, 1] },
  ],
  [
    'self.list.indexOf(5) == 1 && self.list.lastIndexOf(5) == 2',
    { list: [1, 5, 5] },
    { list: [5] },
  ],
  ['self.words == ["b", "a"]', { words: ['a', 'b'] }, { words: ['a'] }],
  ['sets.contains(self.words, ["a"])', { words: ['b', 'a'] }, { words: [] }],
  ['self.map.all(k, self.map[k] == k)', { map: { a: 'a' } }, { map: { a: 'b' } }],
  ['"a" in self.map', { map: { a: '' } }, { map: {} }],
  ['type(self.port) == int ? self.port < 10 : self.port == "http"', { port: 'http' }, { port: 10 }],
  ['!has(self.gone)', { gone: null }, { gone: 'x' }],
  [
    'self.when < timestamp("2030-01-01T00:00:00Z")',
    { when: '2026-01-01T00:00:00Z' },
    { when: '2031-01-01T00:00:00Z' },
  ],
  ['self.a__dash__b == "x"', { 'a-b': 'x' }, { 'a-b': 'y' }],
  ['self.?nested.?x.orValue(1) == 1', {}, { nested: { x: 2 } }],
  ['quantity(self.s).isGreaterThan(quantity("1Gi"))', { s: '1.1Gi' }, { s: '1G' }],
  ['isQuantity(self.s) && quantity(self.s).asInteger() == 2000', { s: '2k' }, { s: 'x' }],
  ['quantity(self.s).isInteger()', { s: '1k' }, { s: '1000m' }],
  ['quantity(self.s).add(quantity("1")).compareTo(quantity("2")) == 0', { s: '1' }, { s: '2' }],
  ['isURL(self.s) && url(self.s).getHost() == "a:80"', { s: 'http://a:80/b' }, { s: 'http://b/' }],
  ['isIP(self.s) && ip(self.s).family() == 6', { s: '::1' }, { s: '1.2.3.4' }],
  ['cidr("10.0.0.0/8").containsIP(self.s)', { s: '10.255.0.1' }, { s: '11.0.0.1' }],
] as [string, unknown, unknown][]) {
  test(`rule ${rule}`, () => {
    assert.deepEqual(errorsOf({ rule }, holds), []);
    assert.deepEqual(errorsOf({ rule }, fails), [failed(rule)]);
  });
}

for (const [rule, spec, problem] of [
  ['self.n > 3', {}, 'no such key: n evaluating rule: self.n > 3'],
  ['self.list[2] == 1', { list: [1] }, 'index out of bounds: 2 evaluating rule: self.list[2] == 1'],
  [
    'dyn(self.n).all(x, true)',
    { n: 1 },
    "got 'types.Int', expected iterable type evaluating rule: dyn(self.n).all(x, true)",
  ],
  ['self.n / 0 == 1', { n: 1 }, 'division by zero evaluating rule: self.n / 0 == 1'],
  [
    'self.port > 1',
    { port: 'x' },
    "'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.port > 1",
  ],
] as [string, unknown, string][]) {
  test(`rule ${rule} fails to evaluate`, () => {
    assert.deepEqual(errorsOf({ rule }, spec), [`spec: Invalid value: "object": ${problem}`]);
  });
}

for (const [rule, problem] of [
  ['self.nope > 3', "1:5: undefined field 'nope'\n | self.nope > 3\n | ....^"],
  [
    'self.n >',
    "1:9: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self.n >\n | ........^",
  ],
  [
    'self.s.matches("(")',
    '1:16: invalid matches argument\n | self.s.matches("(")\n | ...............^',
  ],
  [
    'duration(5) > duration("1s")',
    '1:10: invalid duration argument\n | duration(5) > duration("1s")\n | .........^',
  ],
  [
    'self.n > "a"',
    "1:8: found no matching overload for '_>_' applied to '(int, string)'\n | self.n > \"a\"\n | .......^",
  ],
  ['other > 1', "1:1: undeclared reference to 'other' (in container '')\n | other > 1\n | ^"],
  [
    'cel.bind(1)',
    "1:1: undeclared reference to 'cel' (in container '')\n | cel.bind(1)\n | ^\nERROR: <input>:1:9: undeclared reference to 'bind' (in container '')\n | cel.bind(1)\n | ........^",
  ],
] as [string, string][]) {
  test(`rule ${rule} does not compile`, () => {
    const [error, ...more] = checkSchema(schemaWith({ rule }));
    assert.deepEqual(more, []);
    assert.equal(
      error?.field,
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule',
    );
    assert.equal(error?.detail, `compilation failed: ERROR: <input>:${problem}`);
  });
}

for (const { name, rule, detail } of [
  {
    name: 'gives a bool',
    rule: { rule: 'self.n' },
    detail: 'cel expression must evaluate to a bool',
  },
  { name: 'is not empty', rule: { rule: ' ' }, detail: 'rule is not specified' },
  {
    name: 'has a message on one line',
    rule: { rule: 'true', message: 'a\nb' },
    detail: 'must not contain line breaks',
  },
  {
    name: 'has a message that gives a string',
    rule: { rule: 'true', messageExpression: '1' },
    detail: 'messageExpression must evaluate to a string',
  },
  {
    name: 'blames a field there is',
    rule: { rule: 'true', fieldPath: '.toString' },
    detail: 'must be a valid path',
  },
  {
    name: 'asks for an optional old value only when it uses one',
    rule: { rule: 'true', optionalOldSelf: true },
    detail: 'may not be set if oldSelf is not used in rule',
  },
]) {
  test(`a rule ${name}`, () => {
    assert.deepEqual(
      checkSchema(schemaWith(rule)).map((error) => error.detail),
      [detail],
    );
  });
}

test('a transition rule cannot stand where old values are not to be found', () => {
  const item = t.object({ n: t.int32() }).rule('self.n >= oldSelf.n');
  const schema = { type: 'object', properties: { spec: t.object({ list: t.list(item) }).schema } };
  assert.deepEqual(
    checkSchema(schema).map((error) => error.detail),
    [
      'oldSelf cannot be used on the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema.properties[spec].properties[list]',
    ],
  );
});

test('transition rules run on update, where the old value is found', () => {
  const rule = { rule: 'self.nested == oldSelf.nested', message: 'nested is immutable' };
  const immutable = ['spec: Invalid value: "object": nested is immutable'];
  assert.deepEqual(errorsOf(rule, { nested: { x: 1 } }), [], 'nothing to compare on create');
  assert.deepEqual(errorsOf(rule, { nested: { x: 1 } }, { nested: { x: 2 } }), immutable);
  assert.deepEqual(errorsOf(rule, { nested: { x: 1 }, n: 1 }, { nested: { x: 1 } }), []);
  const disks = (...pairs: [string, number][]): unknown => ({
    disks: pairs.map(([name, size]) => ({ name, size })),
  });
  assert.deepEqual(
    errorsOf({ rule: 'true' }, disks(['new', 1], ['a', 5], ['b', 3]), disks(['b', 4], ['a', 5])),
    ['spec.disks[2]: Invalid value: "object": disks do not shrink'],
  );
});

test('an optional old value is there on create too, empty', () => {
  const rule = {
    rule: '!oldSelf.hasValue() || self.n == oldSelf.value().n',
    optionalOldSelf: true,
  };
  assert.deepEqual(errorsOf(rule, { n: 1 }), []);
  assert.deepEqual(errorsOf(rule, { n: 1 }, { n: 2 }), [failed(rule.rule)]);
});

test('an unchanged value is not judged again', () => {
  assert.deepEqual(errorsOf({ rule: 'self.n > 3' }, { n: 1 }, { n: 1 }), []);
  assert.deepEqual(errorsOf({ rule: 'self.n > 3' }, { n: 2 }, { n: 1 }), [failed('self.n > 3')]);
});

for (const { name, rule, error } of [
  {
    name: 'the message',
    rule: { rule: 'self.n > 3', message: ' too small ' },
    error: 'spec: Invalid value: "object": too small',
  },
  {
    name: 'the message expression',
    rule: { rule: 'self.n > 3', message: 'x', messageExpression: '"s is " + self.s' },
    error: 'spec: Invalid value: "object": s is abc',
  },
  {
    name: 'the message when its expression fails',
    rule: { rule: 'self.n > 3', message: 'x', messageExpression: 'self.gone' },
    error: 'spec: Invalid value: "object": x',
  },
  {
    name: 'the field',
    rule: { rule: 'self.n > 3', message: 'x', fieldPath: '.nested.x' },
    error: 'spec.nested.x: Invalid value: "object": x',
  },
  {
    name: 'a key of a map',
    rule: { rule: 'self.n > 3', message: 'x', fieldPath: ".map['a.b']" },
    error: 'spec.map[a.b]: Invalid value: "object": x',
  },
  {
    name: 'the reason forbidden',
    rule: { rule: 'self.n > 3', message: 'x', reason: 'FieldValueForbidden' },
    error: 'spec: Forbidden: x',
  },
  {
    name: 'the reason required',
    rule: { rule: 'self.n > 3', message: 'x', reason: 'FieldValueRequired' },
    error: 'spec: Required value: x',
  },
  {
    name: 'the reason duplicate',
    rule: { rule: 'self.n > 3', message: 'x', reason: 'FieldValueDuplicate' },
    error: 'spec: Duplicate value: "object"',
  },
] as { name: string; rule: ValidationRule; error: string }[]) {
  test(`a failed rule tells ${name}`, () =>
    assert.deepEqual(errorsOf(rule, { n: 1, s: 'abc' }), [error]));
}

test('a rule that joins what is no text says what', () => {
  const rule = "[dyn('a'), dyn([self.n])].join() == 'a'"; // its size is not known, so no definition may have it
  assert.deepEqual(judged(schemaWith({ rule }), { n: 1 }), [
    `spec: Invalid value: "object": join: invalid input: [1] evaluating rule: ${rule}`,
  ]);
});

test('rules wait until the object is valid otherwise', () => {
  assert.deepEqual(errorsOf({ rule: 'self.n > 3' }, { n: 'x' }), [
    'spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"',
    '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  ]);
});

const noText = 'invalid data, expected string, got int64';

for (const { rule, old, error } of [
  { rule: 'self.s == oldSelf.s', old: { s: 1 }, error: noText },
  { rule: 'oldSelf.s == self.s', old: { s: 1 }, error: noText },
  { rule: 'has(oldSelf.s)', old: { s: 1 }, error: noText },
  { rule: 'oldSelf.?s.orValue("a") == self.s', old: { s: 1 }, error: noText },
  { rule: 'oldSelf.words.all(x, x == "a")', old: { words: ['a', 1] }, error: noText },
  { rule: '"a" in oldSelf.map', old: { map: { a: 1 } }, error: noText },
  { rule: 'oldSelf.map == self.map', old: { map: { a: 1 } }, error: noText },
  {
    rule: 'oldSelf.nested.x == 1',
    old: { nested: [] },
    error: 'invalid data, expected a map for the provided schema with type=object',
  },
] as { rule: string; old: object; error: string }[]) {
  test(`a part of an old object that does not fit: ${rule}`, () => {
    assert.deepEqual(judged(schemaWith({ rule }), { s: 'a', map: { a: 'a' } }, old), [
      `spec: Invalid value: "object": ${error} evaluating rule: ${rule}`,
    ]);
  });
}

for (const [text, at] of [
  ['YWJj', undefined],
  ['YQ==', undefined],
  ['YW\nI=', undefined],
  ['é', 0],
  ['a+bc', 1],
  ['abc', 0],
  ['YWJjYQ', 4],
  ['=', 0],
  ['YQ=', 3],
  ['YQ=a', 2],
  ['YQ==a', 4],
] as const) {
  test(`rules read bytes as Go does: ${JSON.stringify(text)}`, () => {
    const spec: JsonSchema = {
      type: 'object',
      properties: { bytes: { type: 'string', format: 'byte' } },
      'x-kubernetes-validations': [{ rule: 'size(oldSelf.bytes) >= size(self.bytes)' }],
    };
    const [error] = judged(
      { type: 'object', properties: { spec } },
      { bytes: 'YWJj' },
      { bytes: text },
    );
    const problem = error?.match(/illegal base64 data at input byte (\d+)/)?.[1];
    assert.equal(problem, at === undefined ? undefined : String(at), error);
  });
}

test('rules below what may be an integer or a text have no type', () => {
  const items: JsonSchema = { type: 'number', 'x-kubernetes-validations': [{ rule: '1' }] };
  const spec: JsonSchema = { 'x-kubernetes-int-or-string': true, items, default: [0] };
  assert.deepEqual(checkSchema({ type: 'object', properties: { spec } }).map(fieldErrorText), [
    'spec.validation.openAPIV3Schema.properties[spec].default[0]: Invalid value: "number": rule compiler initialization error: failed to convert to declType for CEL validation rules',
  ]);
});

for (const [rule, operator] of [
  ['self.map["a"] > 1', '_>_'],
  ['self.map["a"] + 1 == 2', '_+_'],
] as const) {
  test(`a rule with a null tells which operator takes none: ${rule}`, () => {
    const spec: JsonSchema = {
      type: 'object',
      properties: {
        map: { type: 'object', additionalProperties: { type: 'integer', nullable: true } },
      },
      'x-kubernetes-validations': [{ rule }],
    };
    assert.deepEqual(judged({ type: 'object', properties: { spec } }, { map: { a: null } }), [
      `spec: Invalid value: "object": 'no such overload: ${operator}': call arguments did not match a supported operator, function or macro signature for rule: ${rule}`,
    ]);
  });
}

test('rules of items that cannot be are not looked at', () => {
  const items: JsonSchema = {
    type: 'object',
    properties: { c: { type: 'string' } },
    additionalProperties: { type: 'string' },
    'x-kubernetes-validations': [{ rule: 'nothing > self' }],
  };
  const spec: JsonSchema = { type: 'array', items };
  assert.deepEqual(checkSchema({ type: 'object', properties: { spec } }).map(fieldErrorText), [
    'spec.validation.openAPIV3Schema.properties[spec].items.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
  ]);
});

test('a default with a part that rules cannot read is refused', () => {
  const spec: JsonSchema = {
    type: 'object',
    additionalProperties: { 'x-kubernetes-int-or-string': true },
    default: { a: [] },
    'x-kubernetes-validations': [{ rule: 'self == self' }],
  };
  assert.deepEqual(checkSchema({ type: 'object', properties: { spec } }).map(fieldErrorText), [
    'spec.validation.openAPIV3Schema.properties[spec].default: Invalid value: "object": invalid data, expected XIntOrString value to be either a string or integer evaluating rule: self == self',
  ]);
});

const stopped = (rule: string): string =>
  `spec: Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`;

for (const rule of [
  'self.list.all(x, self.list.all(y, self.list.all(z, x + y + z >= 0)))',
  'self.list.exists(x, self.list.exists(y, self.list.exists(z, x + y + z < 0))) || true',
  'self.list.map(x, self.list.map(y, self.list)).size() > 0 && self.list.all(x, self.list.all(y, self.list == self.list.map(z, z)))',
]) {
  test(`work is bounded: ${rule.slice(0, 60)}`, () => {
    const list = Array.from({ length: 1_000 }, (_, index) => index);
    const schema = schemaWith({ rule });
    assert.match(
      checkSchema(schema)[0]?.detail ?? '',
      /^estimated rule cost exceeds budget by factor of /,
    );
    assert.deepEqual(judged(schema, { list }), [stopped(rule)]);
    assert.deepEqual(judged(schema, { list: [1, 2] }), [], 'the next object starts anew');
  });
}

test('what functions read is charged, not only how often they are called', () => {
  const rule = 'self.list.all(x, self.s.matches("^a*$"))';
  const list = Array.from({ length: 2_000 }, () => 1);
  const schema = schemaWith({ rule });
  assert.deepEqual(judged(schema, { s: 'a', list }), []);
  assert.deepEqual(judged(schema, { s: 'a'.repeat(100_000), list }), [stopped(rule)]);
});

test('a whole object shows its name to rules', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: { spec: { type: 'object' } },
    'x-kubernetes-validations': [{ rule: 'self.metadata.name.startsWith("a")' }],
  };
  assert.deepEqual(checkSchema(schema), []);
  const { validate } = compileSchema(schema);
  assert.deepEqual(validate({ metadata: { name: 'ab' }, spec: {} }), []);
  assert.equal(validate({ metadata: { name: 'b' }, spec: {} })[0]?.field, '');
});

test('members that nobody declared are part of what must not change', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { a: { type: 'string' } },
        'x-kubernetes-validations': [{ rule: 'self == oldSelf' }],
      },
    },
  };
  assert.deepEqual(judged(schema, { a: 'x', b: [1] }, { a: 'x', b: [1] }), []);
  for (const old of [{ a: 'x' }, { a: 'x', b: [2] }])
    assert.deepEqual(judged(schema, { a: 'x', b: [1] }, old), [failed('self == oldSelf')]);
});

test('rules do not see defaults of another type', () => {
  const port: JsonSchema = {
    'x-kubernetes-int-or-string': true,
    default: {},
    'x-kubernetes-validations': [{ rule: 'self == oldSelf' }],
  };
  const errors = checkSchema({ type: 'object', properties: { spec: port } });
  assert.deepEqual(
    errors.map(({ detail }) => detail),
    [
      'invalid data, expected XIntOrString value to be either a string or integer evaluating rule: self == oldSelf',
    ],
  );
});
