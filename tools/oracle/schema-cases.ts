// Generated schemas of custom resources, right and wrong, and objects for them.

import type { JsonSchema } from '@tweendeck/kube';
import { expressionOf } from './cel-cases.ts';
import type { Source } from './source.ts';

/** Schemas are written down by their members: some are to be wrong. */
export type AnySchema = Record<string, unknown>;

const names = ['a', 'b', 'c', 'x-y', 'metadata', 'kind'];
const texts = ['', 'a', 'ab', 'abc', 'zzzz', '5', '2020-01-01T00:00:00Z', '10.0.0.1', 'é', '1h'];

/** Any JSON. */
export function anyValue(source: Source, depth: number): unknown {
  const kind = source.below(20);
  if (depth <= 0 || kind < 11)
    return source.pick([null, true, false, 0, 1, -1, 5, 1.5, 3e9, ...texts]);
  if (kind < 15) return source.many(3, () => anyValue(source, depth - 1));
  return Object.fromEntries(
    names.filter(() => source.maybe(0.4)).map((name) => [name, anyValue(source, depth - 1)]),
  );
}

/** A value that mostly fits a schema. */
export function fittingValue(source: Source, schema: AnySchema, depth = 5): unknown {
  if (source.maybe(0.06) || depth <= 0) return anyValue(source, 1);
  if (schema['nullable'] === true && source.maybe(0.2)) return null;
  if (schema['x-kubernetes-int-or-string']) return source.pick([1, '50%', 0, 'x']);
  if (Array.isArray(schema['enum']) && source.maybe(0.8)) return source.pick(schema['enum']);
  const { properties, items, additionalProperties } = schema as JsonSchema; // read for values only
  switch (schema['type']) {
    case 'string':
      return source.pick(texts);
    case 'integer':
      return source.pick([0, 1, 2, 3, -1, 5]);
    case 'number':
      return source.pick([0, 1, 1.5, -2.5]);
    case 'boolean':
      return source.maybe(0.5);
    case 'array':
      return source.many(3, () => fittingValue(source, { ...items }, depth - 1));
    case 'object': {
      const own = Object.entries(properties ?? {}).filter(() => source.maybe(0.7));
      const entries: [string, unknown][] = own.map(([name, each]) => [
        name,
        fittingValue(source, { ...each }, depth - 1),
      ]);
      if (typeof additionalProperties === 'object')
        for (const name of source.some(['a', 'b', 'k'], 0.5))
          entries.push([name, fittingValue(source, { ...additionalProperties }, depth - 1)]);
      if (source.maybe(0.08)) entries.push(['extra', anyValue(source, 1)]);
      return Object.fromEntries(entries);
    }
    default:
      return anyValue(source, 2);
  }
}

type Maker = (source: Source, depth: number) => AnySchema;

const leaves: Readonly<Record<string, Maker>> = { string, integer: number, number, boolean };
const makers: Readonly<Record<string, Maker>> = {
  ...leaves,
  object,
  objects: object,
  array,
  arrays: array,
  map,
  any: () => ({ 'x-kubernetes-preserve-unknown-fields': true }),
  intOrString: (source) => ({
    'x-kubernetes-int-or-string': true,
    ...(source.maybe(0.5) ? { anyOf: [{ type: 'integer' }, { type: 'string' }] } : {}),
  }),
};

/** A schema that is structural, or nearly. */
function schemaOf(source: Source, depth: number): AnySchema {
  const from = depth <= 0 ? leaves : makers;
  const kind = source.pick(Object.keys(from));
  const schema = from[kind]?.(source, depth) ?? {};
  if (source.maybe(0.12) && kind !== 'any') schema['nullable'] = true;
  if (source.maybe(0.2)) defaulted(source, schema, depth);
  // Rules see bytes that are none as errors of upstream's conversion.
  if (schema['format'] !== 'byte' && source.maybe(0.12))
    schema['x-kubernetes-validations'] = [ruleOf(source, schema)];
  return schema;
}

function defaulted(source: Source, schema: AnySchema, depth: number): void {
  const simple = ['string', 'integer', 'boolean', 'number'].includes(String(schema['type']));
  if (simple || source.maybe(0.3)) schema['default'] = fittingValue(source, schema, depth);
}

function boolean(): AnySchema {
  return { type: 'boolean' };
}

function string(source: Source): AnySchema {
  const rare = source.fields(
    {
      minLength: () => 1,
      maxLength: () => source.pick([2, 5]),
      pattern: () => source.pick(['^a+$', '^[a-z]*$', '\\d']),
      enum: () => ['a', 'ab'],
      format: () =>
        source.pick([
          'date-time',
          'ipv4',
          'uuid',
          'foo',
          'byte',
          'duration',
          'date',
          'cidr',
          'uri',
        ]),
      not: () => ({ enum: ['a'] }),
      anyOf: () => [{ pattern: '^a' }, { minLength: 3 }],
    },
    0.12,
  );
  return { type: 'string', ...rare };
}

function number(source: Source): AnySchema {
  const rare = source.fields(
    {
      minimum: () => source.pick([0, 0.5, -1]),
      maximum: () => source.pick([1, 2.5]),
      exclusiveMinimum: () => true,
      exclusiveMaximum: () => true,
      format: () => source.pick(['int32', 'int64', 'double', 'float']),
      multipleOf: () => source.pick([2, 0.5]),
      enum: () => [0, 1],
      oneOf: () => [{ minimum: 1 }, { maximum: 3 }],
    },
    0.15,
  );
  return { type: source.pick(['integer', 'number']), ...rare };
}

function object(source: Source, depth: number): AnySchema {
  const known = names.slice(0, 4).filter(() => source.maybe(0.6));
  const [some = 'a', other = some] = source.some(known, 0.8);
  const rare = source.fields(
    {
      required: () => [some],
      'x-kubernetes-preserve-unknown-fields': () => true,
      minProperties: () => 1,
      maxProperties: () => 1,
      anyOf: () => [{ required: [some] }, { required: [other] }],
      oneOf: () => [{ required: [some] }, { required: [other] }],
      allOf: () => [{ required: [some] }],
      not: () => ({ required: [some] }),
      'x-kubernetes-map-type': () => source.pick(['atomic', 'granular']),
      'x-kubernetes-embedded-resource': () => true,
    },
    0.08,
  );
  const properties = Object.fromEntries(known.map((name) => [name, schemaOf(source, depth - 1)]));
  return { type: 'object', ...(known.length > 0 ? { properties } : {}), ...rare };
}

function map(source: Source, depth: number): AnySchema {
  return {
    type: 'object',
    additionalProperties: source.maybe(0.15) ? true : schemaOf(source, depth - 1),
    ...source.fields({ maxProperties: () => 3 }, 0.4),
  };
}

function array(source: Source, depth: number): AnySchema {
  const items = schemaOf(source, depth - 1);
  const schema: AnySchema = {
    type: 'array',
    items,
    ...source.fields({ minItems: () => 1, maxItems: () => 3 }, 0.4),
  };
  const { properties } = items as JsonSchema; // read for its names only
  const simple = (each: AnySchema | undefined): boolean =>
    ['string', 'integer'].includes(String(each?.['type'])) && each?.['nullable'] !== true;
  if (simple(items) && source.maybe(0.4)) schema['x-kubernetes-list-type'] = 'set';
  const [key] = Object.entries(properties ?? {}).filter(([, each]) => simple({ ...each }));
  if (items['type'] === 'object' && key && items['nullable'] !== true && source.maybe(0.7)) {
    schema['x-kubernetes-list-type'] = 'map';
    schema['x-kubernetes-list-map-keys'] = [key[0]];
    items['required'] = [key[0]];
  }
  return schema;
}

const anyRules = ['self == oldSelf', 'true', 'false', 'self == self', 'oldSelf != self || true'];
const rulesByType: Readonly<Record<string, readonly string[]>> = {
  string: [
    'self.size() < 3',
    'self.startsWith("a")',
    'self.matches("^[a-z]*$")',
    'self == "a" || self == oldSelf',
    'size(self) > size(oldSelf)',
  ],
  integer: ['self > 0', 'self >= oldSelf', 'self / (self - 1) > 0', 'self < 9'],
  number: ['self > 0.5', 'self >= oldSelf', 'int(self) == 1'],
  boolean: ['self', '!self || oldSelf'],
  array: [
    'size(self) < 2',
    'self.all(x, x == x)',
    'self.size() >= oldSelf.size()',
    'self[0] == self[1]',
  ],
  object: [
    'has(self.a)',
    '!has(self.b) || has(self.a)',
    'self.a == self.b',
    'has(self.a) == has(oldSelf.a)',
    'self.x__dash__y == self.x__dash__y',
    'self.all(k, k != "a")',
    'size(self) < 2',
    'self.a > 1',
  ],
};

/** A rule with everything that may stand beside one. */
function ruleOf(source: Source, schema: AnySchema): Record<string, unknown> {
  const { type, additionalProperties } = schema;
  const rules = source.maybe(0.8) ? rulesByType[String(type)] : undefined;
  const rule = source.pick(rules ?? anyRules);
  return {
    rule: source.maybe(0.05) ? source.pick(['', ' ', 'self ==', '1', 'nothing > 1']) : rule,
    ...ruleOptions(source, rule),
    ...(additionalProperties === true ? { fieldPath: '' } : {}),
  };
}

function ruleOptions(source: Source, rule: string): Record<string, unknown> {
  const optional = rule.includes('oldSelf') ? 0.3 : 0.03;
  return {
    ...source.fields(
      {
        message: () => source.pick(['no', ' spaces ', 'two\nlines', '', ' ']),
        messageExpression: () =>
          source.pick([
            '"is " + "wrong"',
            '"x" + self',
            'self',
            '""',
            '"a\\nb"',
            '1',
            '"b',
            'string(1)',
          ]),
        reason: () =>
          source.pick([
            'FieldValueInvalid',
            'FieldValueForbidden',
            'FieldValueRequired',
            'FieldValueDuplicate',
            'Other',
          ]),
        fieldPath: () =>
          source.pick(['.a', '.b', '.a.b', ".['a']", '.x-y', '.a[0]', '', 'a', ".['x-y']", '.q']),
      },
      0.15,
    ),
    ...(source.maybe(optional) ? { optionalOldSelf: source.maybe(0.8) } : {}),
  };
}

/** Wrong in ways that people write. */
function spoil(source: Source, schema: AnySchema, probability = 0.25): void {
  if (source.maybe(probability)) spoils[source.below(spoils.length)]?.(schema, source);
  const { properties, items, additionalProperties } = schema;
  const children = [
    ...(typeof properties === 'object' ? Object.values(properties ?? {}) : []),
    items,
    additionalProperties,
  ];
  for (const child of children)
    if (typeof child === 'object' && child !== null) spoil(source, child as AnySchema, probability);
}

const spoils: readonly ((schema: AnySchema, source: Source) => void)[] = [
  (schema) => void delete schema['type'],
  (schema) => void delete schema['items'],
  (schema) => {
    schema['x-kubernetes-preserve-unknown-fields'] = true;
  },
  (schema) => {
    schema['x-kubernetes-int-or-string'] = true;
  },
  (schema) => {
    schema['x-kubernetes-embedded-resource'] = true;
  },
  (schema) => {
    schema['uniqueItems'] = true;
  },
  (schema) => {
    schema['nullable'] = true;
  },
  (schema, source) => {
    schema[source.pick(['anyOf', 'allOf', 'oneOf'])] = [
      { type: 'string', properties: { zz: { description: 'x' } } },
    ];
  },
  (schema, source) => {
    schema['x-kubernetes-list-type'] = source.pick(['map', 'set', 'atomic', 'bad']);
  },
  (schema, source) => {
    schema['x-kubernetes-list-map-keys'] = source.pick([['a', 'a'], ['a'], [], ['zz']]);
  },
  (schema) => {
    schema['additionalProperties'] = { type: 'string' };
  },
  (schema, source) => {
    schema['default'] = source.pick<unknown>([1, 'x', {}, { q: 1 }, [], [1], { a: 1 }, null]);
  },
  (schema, source) => {
    schema['x-kubernetes-map-type'] = source.pick(['atomic', 'odd']);
  },
  (schema) => {
    schema['pattern'] = 'a(?=b)';
  },
  (schema) => {
    schema['not'] = {
      properties: { metadata: {} },
      nullable: true,
      items: { title: 'x' },
    };
  },
  (schema, source) => {
    schema['type'] = source.pick(['null', 'thing', 'array', 'object']);
  },
  (schema) => {
    schema['required'] = ['a', 'a'];
  },
  (schema) => {
    schema['enum'] = [];
  },
  (schema, source) => {
    schema['x-kubernetes-validations'] = [ruleOf(source, schema)];
  },
];

/** A whole schema: what a version of a definition has. */
export function rootSchema(source: Source, spoilt: boolean): AnySchema {
  const spec = schemaOf(source, 3);
  const status = schemaOf(source, 1);
  const schema: AnySchema = { type: 'object', properties: { spec, status } };
  if (source.maybe(0.1))
    schema['x-kubernetes-validations'] = [
      { rule: source.pick(['self.metadata.name == "x"', 'has(self.spec)', 'self.kind == "A"']) },
    ];
  if (spoilt) spoil(source, schema);
  return schema;
}

/** Rules of every kind over a schema of every type. */
export function rulesOf(source: Source): Record<string, unknown>[] {
  return Array.from({ length: 1 + source.below(3) }, () => {
    const transition = source.maybe(0.25);
    const rule = expressionOf(source, Number.POSITIVE_INFINITY);
    const text = transition ? `${rule} && self.n == oldSelf.n` : rule;
    return { rule: text, ...ruleOptions(source, text) };
  });
}
