// Schemas of custom kinds as OpenAPI v3 publishes them: as they were declared, with what every object has.

import type { JsonSchema } from '@tweendeck/kube';
import type { ServedResource } from '../registry.ts';
import { type Definition, ofKind, selectable } from './definitions-v2.ts';
import {
  apiVersionDescription,
  embeddedApiVersionDescription,
  embeddedKindDescription,
  kindDescription,
  listMetadataDescription,
  metadataDescription,
} from './descriptions.ts';

const referencePrefix = '#/components/schemas/';
const meta = `${referencePrefix}io.k8s.apimachinery.pkg.apis.meta.v1`;

const typeProperties = {
  apiVersion: { description: apiVersionDescription, type: 'string' },
  kind: { description: kindDescription, type: 'string' },
};
const embeddedTypeProperties = {
  apiVersion: { description: embeddedApiVersionDescription, type: 'string' },
  kind: { description: embeddedKindDescription, type: 'string' },
};
const metadata: JsonSchema = {
  description: metadataDescription,
  allOf: [{ $ref: `${meta}.ObjectMeta` }],
};

/** Rules: upstream's builder for custom kinds. */
export function customComponent(resource: ServedResource): Definition {
  const { group, version, kind, schema = {} } = resource;
  return {
    ...withMetadata(inner(schema)),
    ...selectable(resource),
    ...ofKind({ group, version, kind }),
  };
}

/** `item` names the kind's own component. */
export function customListComponent(resource: ServedResource, item: string): Definition {
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
        items: { $ref: `${referencePrefix}${item}` },
      },
      metadata: { description: listMetadataDescription, allOf: [{ $ref: `${meta}.ListMeta` }] },
    },
    ...selectable(resource),
    ...ofKind({ group, version, kind: listKind }),
  };
}

function withMetadata(schema: JsonSchema, type = typeProperties): JsonSchema {
  return { ...schema, properties: { ...schema.properties, ...type, metadata } };
}

/** A schema with what embedded objects have, and with the choice that a number or a text stands for. */
function inner(schema: JsonSchema): JsonSchema {
  const { items, properties, additionalProperties } = schema;
  const made: JsonSchema = {
    ...schema,
    ...(schema['x-kubernetes-int-or-string'] === true && !isChoice(schema)
      ? { anyOf: [{ type: 'integer' }, { type: 'string' }, ...(schema.anyOf ?? [])] }
      : {}),
    ...(items === undefined ? {} : { items: inner(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, inner(property)]),
          ),
        }),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: inner(additionalProperties) }
      : {}),
  };
  if (schema['x-kubernetes-embedded-resource'] !== true) return made;
  const required = made.required ?? [];
  const demanded = ['kind', 'apiVersion'].filter((name) => !required.includes(name));
  return { ...withMetadata(made, embeddedTypeProperties), required: [...required, ...demanded] };
}

/** Whether the choice is already said, in one of the two ways that are allowed. */
function isChoice({ anyOf = [], allOf = [] }: JsonSchema): boolean {
  const says = (choices: readonly JsonSchema[]): boolean =>
    choices.some(({ type }) => type === 'integer') && choices.some(({ type }) => type === 'string');
  return says(anyOf) || allOf.some((each) => says(each.anyOf ?? []));
}
