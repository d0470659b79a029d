// How schemas look to CEL expressions, and how JSON values become CEL values: integers are bigint, objects know their type.

import { Environment } from '@marcbachmann/cel-js';
import { isJsonObject } from '@tweendeck/std';

import type { JsonSchema } from '../schema/json-schema.ts';
import type { Sizes } from './budget.ts';

/** The type of a place, and how to convert a value of it. */
export interface CelType {
  /** As expressions and function signatures name it: `list<int>`. */
  readonly name: string;
  convert(value: unknown, sizes: Sizes): unknown;
}

/** Base of the classes that stand for object types. Fields are own properties, under their escaped names. */
abstract class CelObject {
  readonly [field: string]: unknown;
}

const dynamic: CelType = { name: 'dyn', convert: convertFreely };

function scalar(name: string, convert: (value: unknown) => unknown): CelType {
  return { name, convert: (value) => (value === null ? null : convert(value)) };
}

const durations = new Environment().registerVariable('text', 'string').parse('duration(text)');

const scalars: Readonly<Record<string, CelType>> = {
  string: scalar('string', (value) => value),
  integer: scalar('int', toInteger),
  number: scalar('double', Number),
  boolean: scalar('bool', (value) => value),
};

const stringFormats: Readonly<Record<string, CelType>> = {
  'date-time': scalar('google.protobuf.Timestamp', (value) => new Date(String(value))),
  datetime: scalar('google.protobuf.Timestamp', (value) => new Date(String(value))),
  date: scalar('google.protobuf.Timestamp', (value) => new Date(String(value))),
  duration: scalar('google.protobuf.Duration', (value) => durations({ text: String(value) })),
  byte: scalar('bytes', (value) => new Uint8Array(Buffer.from(String(value), 'base64'))),
};

function toInteger(value: unknown): bigint {
  return typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
}

/** Declares the types of a schema in `environment`. `whole`: it describes whole objects, whose names rules may read. */
export function declareType(
  environment: Environment,
  schema: JsonSchema,
  { name, whole }: { readonly name: string; readonly whole: boolean },
): CelType {
  if (schema['x-kubernetes-int-or-string'] || schema.nullable) return dynamic;
  const { type, format, items } = schema;
  if (type === 'object') return objectType(environment, schema, { name, whole });
  if (type === 'array') return items ? listType(environment, items, name) : dynamic;
  const byFormat = type === 'string' ? stringFormats[format ?? ''] : undefined;
  return byFormat ?? scalars[type ?? ''] ?? dynamic;
}

function listType(environment: Environment, items: JsonSchema, name: string): CelType {
  const item = declareType(environment, items, { name: `${name}.item`, whole: false });
  return {
    name: `list<${item.name}>`,
    convert(value, sizes) {
      if (!Array.isArray(value)) return convertFreely(value, sizes);
      return measured(
        value.map((each) => item.convert(each, sizes)),
        sizes,
      );
    },
  };
}

function objectType(
  environment: Environment,
  schema: JsonSchema,
  { name, whole }: { readonly name: string; readonly whole: boolean },
): CelType {
  if (typeof schema.additionalProperties === 'object') {
    return mapType(environment, schema.additionalProperties, name);
  }
  const isWhole = whole || schema['x-kubernetes-embedded-resource'] === true;
  const properties = isWhole ? { ...schema.properties, ...envelope } : (schema.properties ?? {});
  if (Object.keys(properties).length === 0) return dynamic;
  const fields = Object.entries(properties).map(([key, property]) => {
    const field = escapeName(key);
    const child = declareType(environment, property, { name: `${name}.${field}`, whole: false });
    return { key, field, child };
  });
  const Class = class extends CelObject {};
  environment.registerType(name, {
    ctor: Class,
    fields: Object.fromEntries(fields.map(({ field, child }) => [field, child.name])),
  });
  environment.registerOperator(`${name} == ${name}`, celEqual);
  return {
    name,
    convert(value, sizes) {
      if (!isJsonObject(value)) return convertFreely(value, sizes);
      const object: Record<string, unknown> = new Class();
      for (const { key, field, child } of fields) {
        if (Object.hasOwn(value, key)) object[field] = child.convert(value[key], sizes);
      }
      return measured(object, sizes);
    },
  };
}

function mapType(environment: Environment, values: JsonSchema, name: string): CelType {
  const member = declareType(environment, values, { name: `${name}.value`, whole: false });
  return {
    name: `map<string, ${member.name}>`,
    convert(value, sizes) {
      if (!isJsonObject(value)) return convertFreely(value, sizes);
      const entries = Object.entries(value).map(([key, each]) => [
        key,
        member.convert(each, sizes),
      ]);
      return measured(Object.fromEntries(entries), sizes);
    },
  };
}

/** What rules may read of a whole object besides its own fields. */
const envelope: Readonly<Record<string, JsonSchema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: {
    type: 'object',
    properties: { name: { type: 'string' }, generateName: { type: 'string' } },
  },
};

/** Converts where no schema says how: whole numbers are integers. */
function convertFreely(value: unknown, sizes: Sizes): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value))
    return measured(
      value.map((each) => convertFreely(each, sizes)),
      sizes,
    );
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, convertFreely(each, sizes)]);
  return measured(Object.fromEntries(entries), sizes);
}

function measured<Value extends object>(value: Value, sizes: Sizes): Value {
  let size = 1;
  for (const each of Object.values(value)) {
    size += typeof each === 'string' ? 1 + each.length / 16 : 1;
    if (typeof each === 'object' && each !== null) size += sizes.get(each) ?? 0;
  }
  sizes.set(value, size);
  return value;
}

/** Deep equality of CEL values; integers and doubles compare by value. */
export function celEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left === 'bigint' || typeof right === 'bigint') {
    return (
      typeof left !== typeof right &&
      isNumeric(left) &&
      isNumeric(right) &&
      Number(left) === Number(right)
    );
  }
  if (typeof left !== 'object' || typeof right !== 'object' || !left || !right) return false;
  if (left instanceof Date || right instanceof Date) return Number(left) === Number(right);
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const leftEntries = Object.entries(left);
  const rightFields = new Map(Object.entries(right));
  if (leftEntries.length !== rightFields.size) return false;
  return leftEntries.every(
    ([key, each]) => rightFields.has(key) && celEqual(each, rightFields.get(key)),
  );
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** Words that CEL keeps for itself. */
const reserved: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Property names as rules write them: `-`, `.`, `/` and `__` are spelt out. Algorithm: Kubernetes' "escaping" of CEL names. */
export function escapeName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
    .replaceAll(/[^A-Za-z0-9_]/g, '_');
}
