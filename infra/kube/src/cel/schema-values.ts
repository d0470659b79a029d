// How schemas look to expressions: the types of their values, how large those can be, and the values made of JSON.

import { isJsonObject } from '@tweendeck/std';
import { hasDefault, type JsonSchema } from '../schema/json-schema.ts';
import { base64Fault } from './base64-fault.ts';
import { parseDate, parseDuration, parseTimestamp } from './time.ts';
import { listType, mapType, objectType, type Type, types } from './type.ts';
import { CelList, CelMap, CelObject, type CelValue, Failure, keyOf, Misfit } from './value.ts';

const requestBytesMax = 3 * 1_024 * 1_024;

/** A schema as expressions see it. */
export interface Declared {
  readonly type: Type;
  /** Items, entries, characters, at most. */
  readonly elementsMax: number;
  /** The least bytes that a value takes as JSON. */
  readonly bytesMin: number;
  readonly fields: ReadonlyMap<string, Declared> | undefined;
  /** Of items, or of a map's values. */
  readonly element: Declared | undefined;
  readonly isMap: boolean;
  convert(value: unknown): CelValue;
}

interface Declaring {
  readonly name: string;
  /** The root of an object, whose names are always there. */
  readonly whole: boolean;
}

/** What upstream says when rules meet a value of another type than the schema's; of the value itself, not of its parts. */
function misfitOf(schema: JsonSchema, value: unknown): Failure | undefined {
  const expected = (what: string): Failure => new Failure(`invalid data, expected ${what}`);
  if (value === null && schema.nullable !== true)
    return new Failure('invalid data, got null for schema with nullable=false');
  if (value === null || value === undefined) return undefined;
  if (schema['x-kubernetes-int-or-string'])
    return typeof value === 'string' || isWhole(value)
      ? undefined
      : expected('XIntOrString value to be either a string or integer');
  switch (schema.type) {
    case 'object':
      return isJsonObject(value)
        ? undefined
        : expected('a map for the provided schema with type=object');
    case 'array': {
      if (!Array.isArray(value))
        return expected('an array for the provided schema with type=array');
      const kind = schema['x-kubernetes-list-type'] || 'atomic';
      if (['map', 'set', 'atomic'].includes(kind)) return undefined;
      return new Failure(
        `invalid x-kubernetes-list-type, expected 'map', 'set' or 'atomic' but got ${kind}`,
      );
    }
    case 'string':
      return typeof value === 'string' ? undefined : expected(`string, got ${goTypeOf(value)}`);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : expected(`bool, got ${goTypeOf(value)}`);
    case 'integer':
      return isWhole(value) ? undefined : expected(`int, got ${goTypeOf(value)}`);
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint'
        ? undefined
        : expected(`float, got ${goTypeOf(value)}`);
    case undefined:
      break;
  }
  return undefined;
}

function isWhole(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (isWhole(value)) return 'int64';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? 'float64' : 'string';
}

/** Undefined: expressions cannot see such values. */
export function declareSchema(schema: JsonSchema, declaring: Declaring): Declared | undefined {
  const declared = declareFitting(schema, declaring);
  if (!declared) return undefined;
  return {
    ...declared,
    convert(value) {
      const failure = misfitOf(schema, value);
      return failure ? new Misfit(failure, value) : declared.convert(value);
    },
  };
}

/** For values of its type. */
function declareFitting(schema: JsonSchema, declaring: Declaring): Declared | undefined {
  if (schema['x-kubernetes-int-or-string'])
    return leaf(types.dyn, schema, {
      elementsMax: schema.maxLength === undefined ? requestBytesMax - 2 : bytesOf(schema.maxLength),
      bytesMin: 1,
      convert: freely,
    });
  const { type = '' } = declaring.whole ? { type: 'object' } : schema;
  switch (type) {
    case 'array':
      return declareList(schema, declaring.name);
    case 'object':
      return declareObject(schema, declaring);
    case 'string':
      return declareText(schema);
    case 'boolean':
      return leaf(types.bool, schema, { bytesMin: 4, convert: (value) => value === true });
    case 'number':
      return leaf(types.double, schema, { bytesMin: 1, convert: Number });
    case 'integer':
      return leaf(types.int, schema, { bytesMin: 1, convert: toInteger });
    default:
      return undefined;
  }
}

/** Whether {@link declareSchema} can say what such values look like. */
export function isDeclarable(schema: JsonSchema): boolean {
  const { type, items, additionalProperties } = schema;
  if (schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-embedded-resource']) return true;
  if (type === 'array') return items !== undefined && isDeclarable(items);
  if (type === 'object' && typeof additionalProperties === 'object')
    return isDeclarable(additionalProperties);
  return ['object', 'string', 'boolean', 'number', 'integer'].includes(type ?? '');
}

function bytesOf(characters: number): number {
  return Math.max(characters, 0) * 4;
}

interface Leaf {
  readonly elementsMax?: number;
  readonly bytesMin: number;
  readonly convert: (value: unknown) => CelValue;
}

function leaf(
  type: Type,
  schema: JsonSchema,
  { elementsMax = 0, bytesMin, convert }: Leaf,
): Declared {
  return {
    type,
    elementsMax,
    bytesMin,
    fields: undefined,
    element: undefined,
    isMap: false,
    convert: (value) => (value === null ? null : convert(value)),
    ...(schema.nullable ? {} : {}),
  };
}

function toInteger(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  const number = Number(value);
  return BigInt(Number.isFinite(number) ? Math.trunc(number) : 0);
}

function declareText(schema: JsonSchema): Declared {
  const { format, maxLength, enum: values = [] } = schema;
  switch (format ?? '') {
    case 'byte':
      return leaf(types.bytes, schema, {
        elementsMax: maxLength === undefined ? requestBytesMax - 2 : Math.max(maxLength, 0),
        bytesMin: 2,
        convert: (value) => bytesOfText(String(value)),
      });
    case 'duration':
      return leaf(types.duration, schema, {
        elementsMax: 32,
        bytesMin: 3,
        convert: (value) => parseDuration(String(value)) ?? wrongText('duration', String(value)),
      });
    case 'date':
      return leaf(types.timestamp, schema, {
        elementsMax: 12,
        bytesMin: 12,
        convert: (value) =>
          parseDate(String(value)) ?? wrongText('date formatted string', String(value)),
      });
    case 'date-time':
      return leaf(types.timestamp, schema, {
        elementsMax: 32,
        bytesMin: 21,
        convert: (value) =>
          parseTimestamp(String(value).toUpperCase()) ??
          wrongText('date-time formatted string', String(value)),
      });
  }
  const longest = Math.max(
    0,
    ...values.map((each) => (typeof each === 'string' ? Buffer.byteLength(each) : 0)),
  );
  const elementsMax =
    maxLength !== undefined
      ? bytesOf(maxLength)
      : values.length > 0
        ? longest
        : requestBytesMax - 2;
  return leaf(types.string, schema, { elementsMax, bytesMin: 2, convert: String });
}

function bytesOfText(text: string): CelValue {
  const fault = base64Fault(text);
  if (fault === undefined) return new Uint8Array(Buffer.from(text, 'base64'));
  const problem = `illegal base64 data at input byte ${fault}`;
  return new Misfit(new Failure(`Invalid byte formatted string ${text}: ${problem}`), text);
}

function wrongText(what: string, text: string): Misfit {
  return new Misfit(new Failure(`Invalid ${what} ${text}: unable to parse ${text}`), text);
}

function declareList(schema: JsonSchema, name: string): Declared | undefined {
  const { items, maxItems } = schema;
  const whole = items?.['x-kubernetes-embedded-resource'] === true;
  const element = items && declareSchema(items, { name: `${name}.@idx`, whole });
  if (!element) return undefined;
  const listKind = schema['x-kubernetes-list-type'];
  const keys =
    listKind === 'set'
      ? []
      : listKind === 'map'
        ? schema['x-kubernetes-list-map-keys']?.map(escapeName)
        : undefined;
  return {
    type: listType(element.type),
    elementsMax:
      maxItems === undefined
        ? Math.trunc((requestBytesMax - 2) / (element.bytesMin + 1))
        : Math.max(maxItems, 0),
    bytesMin: 2,
    fields: undefined,
    element,
    isMap: false,
    convert: (value) =>
      Array.isArray(value)
        ? new CelList(
            value.map((item) => element.convert(item)),
            keys,
          )
        : freely(value),
  };
}

function declareObject(schema: JsonSchema, { name, whole }: Declaring): Declared | undefined {
  const further = schema.additionalProperties;
  if (typeof further === 'object' && !whole) return declareMap(schema, further, name);
  const properties = whole ? { ...schema.properties, ...envelope } : (schema.properties ?? {});
  const declared = Object.entries(properties).flatMap(([key, property]) => {
    const field = escapeName(key);
    const isWhole = property['x-kubernetes-embedded-resource'] === true;
    const child = declareSchema(property, { name: `${name}.${field}`, whole: isWhole });
    return child ? [{ key, field, child, property }] : [];
  });
  const bytesMin = declared.reduce((sum, { key, child, property }) => {
    const isRequired = schema.required?.includes(key) && !hasDefault(property);
    return isRequired ? sum + Buffer.byteLength(key) + child.bytesMin + 4 : sum;
  }, 2);
  const names = new Set(declared.map(({ key }) => key));
  return {
    type: objectType(name),
    elementsMax: 0,
    bytesMin,
    fields: new Map(declared.map(({ field, child }) => [field, child])),
    element: undefined,
    isMap: false,
    convert(value) {
      if (!isJsonObject(value)) return freely(value);
      const fields = new Map<string, CelValue>();
      for (const { key, field, child } of declared) {
        const member = Object.hasOwn(value, key) ? value[key] : undefined;
        if (member !== undefined && member !== null) fields.set(field, child.convert(member));
      }
      return new CelObject(name, fields, { sent: value, declared: names });
    },
  };
}

function declareMap(schema: JsonSchema, values: JsonSchema, name: string): Declared | undefined {
  const whole = values['x-kubernetes-embedded-resource'] === true;
  const element = declareSchema(values, { name: `${name}.@elem`, whole });
  if (!element) return undefined;
  const { maxProperties } = schema;
  return {
    type: mapType(types.string, element.type),
    elementsMax:
      maxProperties === undefined
        ? Math.trunc((requestBytesMax - 2) / (element.bytesMin + 6))
        : Math.max(maxProperties, 0),
    bytesMin: 2,
    fields: undefined,
    element,
    isMap: true,
    convert(value) {
      if (!isJsonObject(value)) return freely(value);
      const entries = Object.entries(value).map(
        ([key, each]) => [`s${key}`, [key, element.convert(each)]] as const,
      );
      return new CelMap(new Map(entries));
    },
  };
}

/** What expressions may read of a whole object besides its own fields. */
const envelope: Readonly<Record<string, JsonSchema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: {
    type: 'object',
    properties: { name: { type: 'string' }, generateName: { type: 'string' } },
  },
};

/** Converts where no schema says how: whole numbers are integers. */
export function freely(value: unknown): CelValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean')
    return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return new CelList(value.map(freely));
  const entries = Object.entries(value).map(
    ([key, each]) => [keyOf(key) ?? '', [key, freely(each)]] as const,
  );
  return new CelMap(new Map(entries));
}

/** Words that CEL keeps for itself. */
const reserved: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Property names as expressions write them: `-`, `.`, `/` and `__` are spelt out. Algorithm: Kubernetes' "escaping" of CEL names. */
function escapeName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name.replaceAll(
    /__|[.\-/]/g,
    (part) => `__${{ __: 'underscores', '.': 'dot', '-': 'dash', '/': 'slash' }[part]}__`,
  );
}
