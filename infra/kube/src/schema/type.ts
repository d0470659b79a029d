// The schema builder `t`: what it makes is a structural schema as it stands in a CRD, and a static type inferred beside it.

import type { JsonValue } from '@tweendeck/std';

import type { ValidationRule } from '../generated/kinds.ts';
import type { Condition } from '../object.ts';
import type { JsonSchema } from './json-schema.ts';

/** Whether an object must have the property: `defaulted` ones may be left out when writing, and are there when reading. */
export type Presence = 'required' | 'optional' | 'defaulted';

/** A schema with its static type. Immutable; each method gives a new one. */
export class Type<Value, P extends Presence = 'required'> {
  /** Plain JSON, ready to stand in a CRD. */
  readonly schema: JsonSchema;
  readonly presence: P;
  /** Never set; carries the static type. */
  declare readonly valueType?: Value;

  constructor(schema: JsonSchema, presence: P) {
    this.schema = schema;
    this.presence = presence;
  }

  /** The property may be absent. */
  optional(): Type<Value, 'optional'> {
    return new Type(this.schema, 'optional');
  }

  /** The server fills the property in when it is absent. */
  default(value: Value & JsonValue): Type<Value, 'defaulted'> {
    return new Type({ ...this.schema, default: value }, 'defaulted');
  }

  /** The value may be null. */
  nullable(): Type<Value | null, P> {
    return new Type({ ...this.schema, nullable: true }, this.presence);
  }

  /** The sentence `kubectl explain` shows. */
  describe(description: string): Type<Value, P> {
    return new Type({ ...this.schema, description }, this.presence);
  }

  /** Adds a CEL rule over `self`. */
  rule(rule: string, options: Omit<ValidationRule, 'rule'> = {}): Type<Value, P> {
    const rules = [...(this.schema['x-kubernetes-validations'] ?? []), { rule, ...options }];
    return new Type({ ...this.schema, 'x-kubernetes-validations': rules }, this.presence);
  }
}

/** The static type of a {@link Type}. */
export type Infer<T> = T extends Type<infer Value, Presence> ? Value : never;

export type Properties = Readonly<Record<string, Type<unknown, Presence>>>;

type OptionalKeys<Shape extends Properties> = {
  [Key in keyof Shape]: Shape[Key] extends Type<unknown, 'optional'> ? Key : never;
}[keyof Shape];

/** The object type of a shape: every property readonly, the optional ones truly optional. */
export type ObjectValue<Shape extends Properties> = {
  readonly [Key in Exclude<keyof Shape, OptionalKeys<Shape>>]: Infer<Shape[Key]>;
} & { readonly [Key in OptionalKeys<Shape>]?: Infer<Shape[Key]> } extends infer Both
  ? { readonly [Key in keyof Both]: Both[Key] }
  : never;

export type StringOptions = Pick<JsonSchema, 'minLength' | 'maxLength' | 'pattern' | 'format'>;
export type NumberOptions = Pick<
  JsonSchema,
  'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum' | 'multipleOf'
>;
export type ListOptions = Pick<JsonSchema, 'minItems' | 'maxItems'>;
export type ObjectOptions = Pick<JsonSchema, 'minProperties' | 'maxProperties'>;

function required<Value>(schema: JsonSchema): Type<Value> {
  return new Type<Value>(schema, 'required');
}

function object<const Shape extends Properties>(
  shape: Shape,
  options: ObjectOptions & { readonly atomic?: boolean } = {},
): Type<ObjectValue<Shape>> {
  const { atomic, ...limits } = options;
  const names = Object.keys(shape).filter((name) => shape[name]?.presence === 'required');
  return required({
    type: 'object',
    ...limits,
    properties: Object.fromEntries(
      Object.entries(shape).map(([name, property]) => [name, property.schema]),
    ),
    ...(names.length > 0 ? { required: names } : {}),
    ...(atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  });
}

/** What controller-gen writes for a quantity. */
const quantityPattern =
  '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$';

const intOrStringSchema: JsonSchema = {
  'x-kubernetes-int-or-string': true,
  anyOf: [{ type: 'integer' }, { type: 'string' }],
};

const conditionsSchema: JsonSchema = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
    properties: {
      type: { type: 'string', maxLength: 316 },
      status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
      reason: { type: 'string', minLength: 1, maxLength: 1_024 },
      message: { type: 'string', maxLength: 32_768 },
      lastTransitionTime: { type: 'string', format: 'date-time' },
      observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
    },
  },
};

interface Builder {
  string(options?: StringOptions): Type<string>;
  /** One of these words. */
  enum<const Word extends string>(words: readonly Word[]): Type<Word>;
  int32(options?: NumberOptions): Type<number>;
  /** Beyond 2^53 a JavaScript number loses digits. */
  int64(options?: NumberOptions): Type<number>;
  number(options?: NumberOptions): Type<number>;
  boolean(): Type<boolean>;
  /** RFC 3339. */
  time(): Type<string>;
  /** `atomic`: server-side apply replaces it whole. */
  object<const Shape extends Properties>(
    shape: Shape,
    options?: ObjectOptions & { readonly atomic?: boolean },
  ): Type<ObjectValue<Shape>>;
  /** Any keys, values of one type. */
  map<Value>(
    values: Type<Value, Presence>,
    options?: ObjectOptions,
  ): Type<Readonly<Record<string, Value>>>;
  /** An atomic list: server-side apply replaces it whole. */
  list<Item>(items: Type<Item, Presence>, options?: ListOptions): Type<readonly Item[]>;
  /** A list of scalars without repetition, merged as a set. */
  set<Item>(items: Type<Item, Presence>, options?: ListOptions): Type<readonly Item[]>;
  /** A list of objects told apart by `keys`, merged item by item. */
  listByKey<Item>(
    items: Type<Item, Presence>,
    keys: readonly (keyof Item & string)[],
    options?: ListOptions,
  ): Type<readonly Item[]>;
  intOrString(): Type<number | string>;
  /** `500m`, `2Gi`, `1`: parse it with parseQuantity. */
  quantity(): Type<number | string>;
  /** Any JSON value, kept as it is. */
  any(): Type<unknown>;
  /** Any object, kept as it is. */
  anyObject(): Type<Readonly<Record<string, unknown>>>;
  /** A whole Kubernetes object: apiVersion, kind and metadata are checked, the rest is kept as it is. */
  embeddedObject(): Type<
    { readonly apiVersion: string; readonly kind: string } & Readonly<Record<string, unknown>>
  >;
  /** `status.conditions`, merged by `type`. */
  conditions(): Type<readonly Condition[]>;
  /** A schema written by hand; the type is believed. */
  raw<Value>(schema: JsonSchema): Type<Value>;
}

/** Builds structural schemas: `t.object({ replicas: t.int32({ minimum: 1 }).default(1) })`. */
export const t: Builder = {
  string: (options = {}) => required({ type: 'string', ...options }),
  enum: (words) => required({ type: 'string', enum: words }),
  int32: (options = {}) => required({ type: 'integer', format: 'int32', ...options }),
  int64: (options = {}) => required({ type: 'integer', format: 'int64', ...options }),
  number: (options = {}) => required({ type: 'number', ...options }),
  boolean: () => required({ type: 'boolean' }),
  time: () => required({ type: 'string', format: 'date-time' }),
  object,
  map: (values, options = {}) =>
    required({ type: 'object', ...options, additionalProperties: values.schema }),
  list: (items, options = {}) =>
    required({
      type: 'array',
      ...options,
      items: items.schema,
      'x-kubernetes-list-type': 'atomic',
    }),
  set: (items, options = {}) =>
    required({ type: 'array', ...options, items: items.schema, 'x-kubernetes-list-type': 'set' }),
  listByKey: (items, keys, options = {}) =>
    required({
      type: 'array',
      ...options,
      items: items.schema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': keys,
    }),
  intOrString: () => required(intOrStringSchema),
  quantity: () => required({ ...intOrStringSchema, pattern: quantityPattern }),
  any: () => required({ 'x-kubernetes-preserve-unknown-fields': true }),
  anyObject: () => required({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
  embeddedObject: () =>
    required({
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    }),
  conditions: () => required(conditionsSchema),
  raw: (schema) => required(schema),
};
