// The OpenAPI v3 dialect of Kubernetes schemas, as plain JSON.

import type { JSONSchemaProps } from '../generated/kinds.ts';

/** One node of a schema, in a CRD or in a server's OpenAPI document. Unknown keywords are ignored. */
export type JsonSchema = JSONSchemaProps;

/** The schema of a property; undefined when there is none, names of Object's own methods included. */
export function propertyOf({ properties }: JsonSchema, name: string): JsonSchema | undefined {
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Null is no default. */
export function hasDefault({ default: value }: JsonSchema): boolean {
  return value !== undefined && value !== null;
}
