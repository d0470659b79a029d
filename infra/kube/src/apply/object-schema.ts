// The schema of a whole object kind, made ready for merging once and used for every request.

import { isJsonObject } from '@tweendeck/std';
import { dereference, noReferences, type RootedSchema, type SchemaNode } from '../schema-node.ts';
import { type SchemaType, SchemaTypes } from './schema-type.ts';

/** Keep one per kind: it remembers the types that were built so far. */
export interface ObjectSchema {
  readonly type: SchemaType;
  /** What an object of the kind holds before anything is set: what a fresh Go struct encodes to. */
  readonly empty: Readonly<Record<string, unknown>>;
  /** What becomes of a field of which all is given up: Go structs go back to their zero, custom resources keep a null. */
  readonly emptied: 'zero' | 'null';
}

/** For built-in kinds, whose schemas describe `metadata` too. */
export function objectSchema(schema: RootedSchema): ObjectSchema {
  const empty = emptyOf(schema.root, schema);
  return {
    type: new SchemaTypes(schema.source).typeOf(schema.root),
    empty: isJsonObject(empty) ? empty : {},
    emptied: 'zero',
  };
}

/** For kinds of custom resource definitions: a structural schema, to which `apiVersion`, `kind` and `metadata` are added. */
export function customObjectSchema(root: SchemaNode): ObjectSchema {
  const described: SchemaNode = {
    ...root,
    type: 'object',
    properties: {
      ...root.properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: objectMeta,
    },
  };
  return { type: new SchemaTypes(noReferences).typeOf(described), empty: {}, emptied: 'null' };
}

/** Fields with a default are values, not pointers, in Go, and so are always there; required ones without are null. */
function emptyOf(node: SchemaNode, schema: RootedSchema): unknown {
  const target = dereference(node, schema.source);
  if (target.properties === undefined) return node.default;
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(target.properties)) {
    if (field.default !== undefined) fields[name] = emptyOf(field, schema);
    else if (target.required?.includes(name)) fields[name] = null;
  }
  return fields;
}

const text: SchemaNode = { type: 'string' };
const emptyText: SchemaNode = { type: 'string', default: '' };
const texts: SchemaNode = { type: 'object', additionalProperties: text };
const time: SchemaNode = { type: 'string', format: 'date-time' };
const integer: SchemaNode = { type: 'integer' };
const ownerReference: SchemaNode = {
  type: 'object',
  properties: {
    apiVersion: emptyText,
    kind: emptyText,
    name: emptyText,
    uid: emptyText,
    controller: { type: 'boolean' },
    blockOwnerDeletion: { type: 'boolean' },
  },
  'x-kubernetes-map-type': 'atomic',
};

const objectMeta: SchemaNode = {
  type: 'object',
  properties: {
    ...{ name: text, generateName: text, namespace: text, uid: text, resourceVersion: text },
    ...{ selfLink: text, generation: integer, deletionGracePeriodSeconds: integer },
    ...{ creationTimestamp: time, deletionTimestamp: time, labels: texts, annotations: texts },
    finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    ownerReferences: {
      type: 'array',
      items: ownerReference,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
    },
    managedFields: { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'atomic' },
  },
};
