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

/** The type of values whose schema tells none. */
export const dynamicType: CelType = { name: 'dyn', convert: convertFreely };

function scalar(name: string, convert: (value: unknown) => unknown): CelType {
  return { name, convert: (value) => (value === null ? null : convert(value)) };
}

const durations = new Environment().registerVariable('text', 'string').parse('duration(text)');
const timestamp = scalar('google.protobuf.Timestamp', (value) => new Date(String(value)));

const scalars: ReadonlyMap<string, CelType> = new Map([
  ['string', scalar('string', (value) => value)],
  ['integer', scalar('int', toInteger)],
  ['number', scalar('double', Number)],
  ['boolean', scalar('bool', (value) => value)],
]);

const stringFormats: ReadonlyMap<string, CelType> = new Map([
  ['date-time', timestamp],
  ['datetime', timestamp],
  ['date', timestamp],
  ['duration', scalar('google.protobuf.Duration', (value) => durations({ text: String(value) }))],
  ['byte', scalar('bytes', (value) => new Uint8Array(Buffer.from(String(value), 'base64')))],
]);

function toInteger(value: unknown): bigint {
  return typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
}

/** Declares the types of a schema in `environment`; undefined: rules cannot see such values. `whole`: it describes whole objects, whose names rules may read. */
export function declareType(
  environment: Environment,
  schema: JsonSchema,
  { name, whole }: { readonly name: string; readonly whole: boolean },
): CelType | undefined {
  if (schema['x-kubernetes-int-or-string']) return dynamicType;
  const { type = '', format = '' } = schema;
  if (type === 'object') return objectType(environment, schema, { name, whole });
  if (type === 'array') return listType(environment, schema, name);
  const byFormat = type === 'string' ? stringFormats.get(format) : undefined;
  return byFormat ?? scalars.get(type);
}

function listType(environment: Environment, schema: JsonSchema, name: string): CelType | undefined {
  const at = { name: `${name}.item`, whole: false };
  const item = schema.items && declareType(environment, schema.items, at);
  if (!item) return undefined;
  const isSet = schema['x-kubernetes-list-type'] === 'set' && scalars.has(schema.items?.type ?? '');
  return {
    name: `list<${item.name}>`,
    convert(value, sizes) {
      if (!Array.isArray(value)) return convertFreely(value, sizes);
      const list = value.map((each) => item.convert(each, sizes));
      return measured(isSet ? new Set(list) : list, sizes); // sets compare without order
    },
  };
}

function objectType(
  environment: Environment,
  schema: JsonSchema,
  { name, whole }: { readonly name: string; readonly whole: boolean },
): CelType | undefined {
  if (typeof schema.additionalProperties === 'object') {
    return mapType(environment, schema.additionalProperties, name);
  }
  const isWhole = whole || schema['x-kubernetes-embedded-resource'] === true;
  const properties = isWhole ? { ...schema.properties, ...envelope } : (schema.properties ?? {});
  const fields = Object.entries(properties).flatMap(([key, property]) => {
    const field = escapeName(key);
    const child = declareType(environment, property, { name: `${name}.${field}`, whole: false });
    return child ? [{ key, field, child }] : [];
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
        const member = Object.hasOwn(value, key) ? value[key] : null;
        if (member !== null) object[field] = child.convert(member, sizes); // null is as good as absent
      }
      return measured(object, sizes);
    },
  };
}

function mapType(environment: Environment, values: JsonSchema, name: string): CelType | undefined {
  const member = declareType(environment, values, { name: `${name}.value`, whole: false });
  if (!member) return undefined;
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
  for (const each of value instanceof Set ? value : Object.values(value)) {
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
  if (left instanceof Set && right instanceof Set)
    return left.symmetricDifference(right).size === 0;
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
function escapeName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
    .replaceAll(/[^A-Za-z0-9_]/g, '_');
}
