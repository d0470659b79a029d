// Times in bodies as upstream's types write them again: in UTC, with whole seconds or with six digits of a second.

import { type JsonSchema, readGoTime } from '@tweendeck/kube';
import { isJsonObject, timestampOf } from '@tweendeck/std';
import type { ResolveReference } from './body-rules.ts';

/** A time that is not written as most are, or has a fraction; whatever else has this form is not looked at further. */
const unusual = /^\d{4}-\d\d-\d\dT(?:\d:|\d\d:\d\d:\d\d(?!Z$))/;

/** Rewrites the times of an object of a kind whose schema this is. What is no time stays for others to refuse. */
export function writeTimesAnew(
  object: Record<string, unknown>,
  schema: JsonSchema,
  resolve: ResolveReference,
): void {
  if (hasUnusual(object)) rewrittenWithin(object, schema, resolve);
}

function hasUnusual(value: unknown): boolean {
  if (typeof value === 'string') return unusual.test(value);
  if (Array.isArray(value)) return value.some(hasUnusual);
  return isJsonObject(value) && Object.values(value).some(hasUnusual);
}

/** The value in its place: a text anew, what holds others changed within. */
function rewritten(value: unknown, schema: JsonSchema, resolve: ResolveReference): unknown {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (typeof value === 'string') return reference === undefined ? value : timeOf(value, reference);
  const followed = reference === undefined ? schema : (resolve(reference) ?? {});
  if (isJsonObject(value)) rewrittenWithin(value, followed, resolve);
  const { items } = followed;
  if (Array.isArray(value) && items) {
    for (const [at, item] of value.entries()) value[at] = rewritten(item, items, resolve);
  }
  return value;
}

function rewrittenWithin(
  value: Record<string, unknown>,
  { properties = {}, additionalProperties }: JsonSchema,
  resolve: ResolveReference,
): void {
  for (const [key, inner] of Object.entries(value)) {
    const named = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const property = named ?? additionalProperties;
    if (typeof property !== 'object') continue;
    const anew = rewritten(inner, property, resolve);
    if (anew !== inner) value[key] = anew;
  }
}

const microTime = '.meta.v1.MicroTime';
const time = '.meta.v1.Time';

function timeOf(text: string, reference: string): string {
  const isMicro = reference.endsWith(microTime);
  if (!isMicro && !reference.endsWith(time)) return text;
  const read = readGoTime(text);
  if (!read) return text;
  const { secondMs, fraction } = read;
  const utc = timestampOf(secondMs);
  return isMicro ? `${utc.slice(0, -1)}.${fraction.padEnd(6, '0').slice(0, 6)}Z` : utc;
}
