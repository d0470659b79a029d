// Schemas as OpenAPI v2 can say them: no defaults, no nulls, no choice between schemas.

import type { JsonSchema } from '@tweendeck/kube';
import type { ServedResource } from '../registry.ts';
import type { GroupVersionKind } from '../schema/built-in-schemas.ts';
import {
  apiVersionDescription,
  embeddedApiVersionDescription,
  embeddedKindDescription,
  kindDescription,
  listMetadataDescription,
  metadataDescription,
} from './descriptions.ts';

/** Names of definitions end with what follows this in a reference. */
export const definitionPrefix = '#/definitions/';
const componentPrefix = '#/components/schemas/';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

export type Definition = JsonSchema & {
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[];
  readonly 'x-kubernetes-selectable-fields'?: readonly { readonly fieldPath: string }[];
};

/** A component of a built-in kind. What is a text or a number there is a text here, as upstream has it. */
export function builtInDefinition(component: JsonSchema): Definition {
  const {
    default: _,
    allOf,
    oneOf,
    $ref,
    items,
    properties,
    additionalProperties,
    ...rest
  } = component;
  const reference = $ref ?? allOf?.[0]?.$ref;
  return {
    ...rest,
    ...(oneOf === undefined ? {} : { type: 'string' }),
    ...(reference === undefined
      ? {}
      : { $ref: reference.replace(componentPrefix, definitionPrefix) }),
    ...(items === undefined ? {} : { items: builtInDefinition(items) }),
    ...(properties === undefined ? {} : { properties: mapped(properties, builtInDefinition) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'boolean'
              ? additionalProperties
              : builtInDefinition(additionalProperties),
        }),
  };
}

/** The definition of a custom kind, as upstream's builder makes it of a structural schema. */
export function customDefinition(resource: ServedResource): Definition {
  const { group, version, kind, schema = {} } = resource;
  const known = schema['x-kubernetes-preserve-unknown-fields'] !== true;
  // Where everything is allowed nothing is said, or clients would refuse what is not named.
  const base = known ? withMetadata(structural(schema)) : { type: 'object' };
  return { ...base, ...selectable(resource), ...ofKind({ group, version, kind }) };
}

/** The definition of a custom kind's list; `item` names the kind's own. */
export function customListDefinition(resource: ServedResource, item: string): Definition {
  const { group, version, kind, listKind, plural } = resource;
  return {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...typeProperties,
      items: {
        description: `List of ${plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: { $ref: `${definitionPrefix}${item}` },
      },
      metadata: {
        description: listMetadataDescription,
        $ref: `${definitionPrefix}${meta}.ListMeta`,
      },
    },
    ...selectable(resource),
    ...ofKind({ group, version, kind: listKind }),
  };
}

const typeProperties = {
  apiVersion: { description: apiVersionDescription, type: 'string' },
  kind: { description: kindDescription, type: 'string' },
};
const embeddedTypeProperties = {
  apiVersion: { description: embeddedApiVersionDescription, type: 'string' },
  kind: { description: embeddedKindDescription, type: 'string' },
};
const metadataProperty = {
  description: metadataDescription,
  $ref: `${definitionPrefix}${meta}.ObjectMeta`,
};

/** As what kind a definition is found. */
export function ofKind(
  kind: GroupVersionKind,
): Pick<Definition, 'x-kubernetes-group-version-kind'> {
  return { 'x-kubernetes-group-version-kind': [kind] };
}

/** By which fields objects can be chosen. */
export function selectable({
  selectableFields,
}: ServedResource): Pick<Definition, 'x-kubernetes-selectable-fields'> {
  if (selectableFields.size === 0) return {};
  const fields = [...selectableFields.keys()].map((fieldPath) => ({ fieldPath }));
  return { 'x-kubernetes-selectable-fields': fields };
}

function withMetadata(schema: JsonSchema, type = typeProperties): JsonSchema {
  const properties = { ...schema.properties, ...type, metadata: metadataProperty };
  return { ...schema, properties };
}

/** What a schema may keep, short of what it consists of. */
const kept = [
  ...['title', 'description', 'type', 'format', 'pattern', 'enum', 'required', 'multipleOf'],
  ...['maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum', 'maxLength', 'minLength'],
  ...['maxItems', 'minItems', 'uniqueItems', 'maxProperties', 'minProperties'],
  ...['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'],
  ...['x-kubernetes-int-or-string', 'x-kubernetes-list-map-keys', 'x-kubernetes-list-type'],
  ...['x-kubernetes-map-type', 'x-kubernetes-validations'],
] as const satisfies readonly (keyof JsonSchema)[];

/** As upstream's ToStructuralOpenAPIV2: clients of old cannot take nulls, choices, or lists of anything. */
function structural(schema: JsonSchema): JsonSchema {
  const free = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const nullable = schema.nullable === true;
  const items = nullable || free ? undefined : schema.items;
  const properties = nullable || free ? undefined : schema.properties;
  const { additionalProperties } = schema;
  const required = requiredOf(schema, properties);
  const shapeless =
    nullable ||
    (schema.type === 'array' && items === undefined) ||
    (schema.type === 'object' && free);
  const plain = Object.fromEntries(
    kept.flatMap((key) => (isSaid(schema[key]) ? [[key, schema[key]] as const] : [])),
  );
  if (shapeless) delete plain['type'];
  delete plain['required'];
  const made: JsonSchema = {
    ...plain,
    ...(required.length === 0 ? {} : { required }),
    ...(items === undefined ? {} : { items: structural(items) }),
    ...(properties === undefined ? {} : { properties: mapped(properties, structural) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'boolean'
              ? additionalProperties
              : structural(additionalProperties),
        }),
  };
  const embedded = schema['x-kubernetes-embedded-resource'] === true && !free;
  return embedded ? embeddedObject(made) : made;
}

/** Go writes neither false nor empty texts and lists. */
function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return !Array.isArray(value) || value.length > 0;
}

/** A field that may be null cannot be demanded of clients that know no nulls. */
function requiredOf(
  { required = [], additionalProperties }: JsonSchema,
  properties: JsonSchema['properties'],
): readonly string[] {
  if (typeof additionalProperties === 'object' && additionalProperties.nullable === true) return [];
  return required.filter((name) => properties?.[name]?.nullable !== true);
}

/** A whole object within another. */
function embeddedObject(schema: JsonSchema): JsonSchema {
  const required = schema.required ?? [];
  const demanded = ['kind', 'apiVersion'].filter((name) => !required.includes(name));
  return { ...withMetadata(schema, embeddedTypeProperties), required: [...required, ...demanded] };
}

function mapped(
  properties: Readonly<Record<string, JsonSchema>>,
  change: (schema: JsonSchema) => JsonSchema,
): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    Object.keys(properties)
      .toSorted()
      .map((name) => [name, change(properties[name] ?? {})]),
  );
}
