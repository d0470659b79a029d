// Generated schemas of every way to merge, and values for them.

import type { SchemaNode } from '@tweendeck/kube';
import type { Source } from './source.ts';

const names = ['a', 'b', 'c', 'd'] as const;
const words = ['x', 'y', 'z'];

/** A structural schema: granular and atomic maps and structs, lists that are atomic, sets or have keys, and the untyped. */
export function typedSchema(source: Source, depth: number): SchemaNode {
  if (depth <= 0) return scalarSchema(source);
  const make = source.pick([
    scalarSchema,
    scalarSchema,
    structSchema,
    structSchema,
    mapSchema,
    listSchema,
    setSchema,
    keyedSchema,
    keyedSchema,
    freeSchema,
  ]);
  return make(source, depth);
}

/** A struct with some of the fields `a` to `d`. */
export function structSchema(source: Source, depth: number): SchemaNode {
  const chosen = source.some(names, 0.7);
  return {
    type: 'object',
    properties: Object.fromEntries(
      (chosen.length > 0 ? chosen : ['a']).map((name) => [name, typedSchema(source, depth - 1)]),
    ),
    ...(source.maybe(0.1) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(source.maybe(0.1) ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    ...(source.maybe(0.1) ? { nullable: true } : {}),
    ...(source.maybe(0.08) ? { default: {} } : {}),
  };
}

/** What schemas of custom resources may say beyond those of built-in kinds. */
type CustomNode = SchemaNode & { readonly 'x-kubernetes-int-or-string'?: boolean };

function scalarSchema(source: Source): CustomNode {
  const type = source.pick(['string', 'integer', 'number', 'boolean', 'string', 'integer', '']);
  if (type === '') return { 'x-kubernetes-int-or-string': true };
  const format =
    type === 'string' && source.maybe(0.15)
      ? source.pick(['date-time', 'byte', 'uuid'])
      : undefined;
  return {
    type,
    ...(format === undefined ? {} : { format }),
    ...(source.maybe(0.15) ? { nullable: true } : {}),
    ...(source.maybe(0.15) && format === undefined ? { default: scalarOf(source, type) } : {}),
  };
}

function mapSchema(source: Source, depth: number): SchemaNode {
  return {
    type: 'object',
    additionalProperties: source.maybe(0.1) ? true : typedSchema(source, depth - 1),
    ...(source.maybe(0.2) ? { 'x-kubernetes-map-type': source.pick(['atomic', 'granular']) } : {}),
  };
}

function listSchema(source: Source, depth: number): SchemaNode {
  return {
    type: 'array',
    items: typedSchema(source, depth - 1),
    ...(source.maybe(0.3) ? { 'x-kubernetes-list-type': 'atomic' } : {}),
  };
}

/** Items of sets are scalars, or atomic. */
function setSchema(source: Source): SchemaNode {
  if (source.maybe(0.15)) {
    const items: SchemaNode = source.maybe(0.5)
      ? {
          type: 'object',
          additionalProperties: scalar('string'),
          'x-kubernetes-map-type': 'atomic',
        }
      : { type: 'array', items: scalar('integer'), 'x-kubernetes-list-type': 'atomic' };
    return { type: 'array', items, 'x-kubernetes-list-type': 'set' };
  }
  const type = source.pick(['string', 'integer', 'string', 'boolean', 'number']);
  return { type: 'array', items: { type }, 'x-kubernetes-list-type': 'set' };
}

function scalar(type: string): SchemaNode {
  return { type };
}

function keyedSchema(source: Source, depth: number): SchemaNode {
  const keys = source.pick([['k'], ['k'], ['k'], ['k', 'n'], ['k', 'n'], ['n', 'k', 'f']]);
  const item = structSchema(source, depth - 1);
  const {
    default: _,
    nullable: __,
    'x-kubernetes-preserve-unknown-fields': ___,
    ...struct
  } = item as {
    default?: unknown;
    nullable?: boolean;
  } & SchemaNode;
  const key = (name: string): SchemaNode => {
    if (name === 'f') return { type: 'boolean' };
    return { type: name === 'k' ? source.pick(['string', 'string', 'integer']) : 'integer' };
  };
  const defaulted = keys.length > 1 && source.maybe(0.6);
  const defaults: Readonly<Record<string, SchemaNode>> = {
    n: { type: 'integer', default: 1 },
    ...(keys.length > 2 && source.maybe(0.5) ? { f: { type: 'boolean', default: false } } : {}),
  };
  return {
    type: 'array',
    items: {
      ...struct,
      properties: {
        ...struct.properties,
        ...Object.fromEntries(keys.map((name) => [name, key(name)])),
        ...(defaulted ? defaults : {}),
      },
      required: keys.filter((name) => !defaulted || !(name in defaults)),
    },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
  };
}

function freeSchema(source: Source): SchemaNode {
  return source.maybe(0.5)
    ? { 'x-kubernetes-preserve-unknown-fields': true }
    : { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
}

function scalarOf(source: Source, type: string): unknown {
  switch (type) {
    case 'integer':
      return source.below(3);
    case 'number':
      return source.pick([0, 1, 1.5, -2, 1e21]);
    case 'boolean':
      return source.maybe(0.5);
    case '':
      return source.maybe(0.5) ? source.below(2) : source.pick(words);
    default:
      return source.pick(words);
  }
}

/** How often values do not fit their schema. */
export interface Unfitness {
  /** Nulls, wrong types, unknown fields. */
  readonly wrong: number;
  /** Items that are there twice. */
  readonly twice: number;
  readonly nulls: number;
}

/** A value for a schema. */
export function valueFor(schema: SchemaNode, source: Source, unfit: Unfitness): unknown {
  if (source.maybe(unfit.nulls)) return null;
  if (source.maybe(unfit.wrong))
    return source.pick<unknown>([null, null, 'x', 1, [], {}, ['x'], { a: 1 }]);
  if (schema.type === 'object') return objectFor(schema, source, unfit);
  if (schema.type === 'array') return listFor(schema, source, unfit);
  if (schema.type !== undefined) return scalarOf(source, schema.type);
  return (schema as CustomNode)['x-kubernetes-int-or-string']
    ? scalarOf(source, '')
    : freeValue(source, 2);
}

/** A value that nobody described. */
export function freeValue(source: Source, depth: number): unknown {
  const choice = source.below(depth > 0 ? 6 : 3);
  if (choice === 0) return source.below(2);
  if (choice === 1) return source.pick(words);
  if (choice === 2) return source.pick<unknown>([true, null, 1.5]);
  if (choice === 3) return source.many(2, () => freeValue(source, depth - 1));
  return Object.fromEntries(
    source.some(['a', 'b', 'q']).map((name) => [name, freeValue(source, depth - 1)]),
  );
}

function objectFor(schema: SchemaNode, source: Source, unfit: Unfitness): Record<string, unknown> {
  const { additionalProperties: further, properties = {} } = schema;
  const object: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const isKey = schema.required?.includes(name) ?? false;
    if (source.maybe(isKey ? 0.97 : 0.5)) object[name] = valueFor(property, source, unfit);
  }
  if (typeof further === 'object') {
    for (const name of source.some(names)) object[name] = valueFor(further, source, unfit);
  } else if (
    further ||
    schema['x-kubernetes-preserve-unknown-fields'] ||
    source.maybe(unfit.wrong)
  ) {
    for (const name of source.some(['p', 'q'])) object[name] = freeValue(source, 2);
  }
  return object;
}

function listFor(schema: SchemaNode, source: Source, unfit: Unfitness): unknown[] {
  const { items = {} } = schema;
  const made = source.many(4, () => valueFor(items, source, unfit));
  if (schema['x-kubernetes-list-type'] === undefined || source.maybe(unfit.twice)) return made;
  const keys = schema['x-kubernetes-list-map-keys'];
  const idOf = (item: unknown): string =>
    JSON.stringify(
      keys && typeof item === 'object' && item !== null
        ? keys.map(
            (key) =>
              (item as Record<string, unknown>)[key] ?? items.properties?.[key]?.default ?? null, // an object: checked just before
          )
        : item,
    );
  return [...new Map(made.map((item) => [idOf(item), item])).values()];
}
