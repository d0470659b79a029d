// Empty lists and maps of optional fields, which upstream's structs do not keep: as if they had not been sent.

import type { JsonSchema } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { ResolveReference } from './body-rules.ts';

type Fields = Record<string, unknown>;

/** Takes them out of an object of a built-in kind, whose schema this is. Its metadata is not looked at. */
export function dropEmpty(object: Fields, schema: JsonSchema, resolve: ResolveReference): void {
  const kept = keptIn[String(object['kind'])] ?? [];
  const named = Object.entries(object).filter(([key]) => key !== 'metadata' && !kept.includes(key));
  const rest = Object.fromEntries(named);
  if (!hasEmpty(rest)) return;
  dropWithin(rest, schema, resolve);
  for (const [key] of named) if (!Object.hasOwn(rest, key)) delete object[key];
}

/** What upstream writes even when it is empty, though nobody has to give it. */
const keptIn: Readonly<Record<string, readonly string[]>> = {
  CustomResourceDefinition: ['status'],
};

function hasEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 || value.some(hasEmpty);
  if (!isJsonObject(value)) return false;
  const inner = Object.values(value);
  return inner.length === 0 || inner.some(hasEmpty);
}

function dropWithin(value: Fields, schema: JsonSchema, resolve: ResolveReference): void {
  const { properties = {}, required = [], additionalProperties } = followed(schema, resolve);
  for (const [key, inner] of Object.entries(value)) {
    const property =
      properties[key] ?? (isSchema(additionalProperties) ? additionalProperties : undefined);
    if (!property) continue;
    const isOptional = Object.hasOwn(properties, key) && !required.includes(key);
    if (isOptional && isEmpty(inner, followed(property, resolve))) delete value[key];
    else dropBelow(inner, property, resolve);
  }
}

function dropBelow(value: unknown, schema: JsonSchema, resolve: ResolveReference): void {
  if (isJsonObject(value)) dropWithin(value, schema, resolve);
  if (!Array.isArray(value)) return;
  const { items } = followed(schema, resolve);
  if (items) for (const item of value) dropBelow(item, items, resolve);
}

/** An object with fields of its own means something by being there. */
function isEmpty(value: unknown, { properties, additionalProperties }: JsonSchema): boolean {
  if (Array.isArray(value)) return value.length === 0;
  const isMap = properties === undefined && isSchema(additionalProperties);
  return isMap && isJsonObject(value) && Object.keys(value).length === 0;
}

const isSchema = (value: JsonSchema['additionalProperties']): value is JsonSchema =>
  typeof value === 'object';

function followed(schema: JsonSchema, resolve: ResolveReference): JsonSchema {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  return reference === undefined ? schema : (resolve(reference) ?? {});
}
