// What is said of kinds, fields and parameters where they are published, as upstream says it.

import type { JsonSchema } from '@tweendeck/kube';
import parameterTexts from '../generated/parameter-descriptions.json' with { type: 'json' };
import schemaTexts from '../generated/schema-descriptions.json' with { type: 'json' };

type Texts = Readonly<Record<string, string>>;
// The generated files hold texts by names, and nothing else.
const bySchema: Readonly<Record<string, Texts | undefined>> = schemaTexts as Readonly<
  Record<string, Texts | undefined>
>;
const byParameter: Readonly<Record<string, string | undefined>> = parameterTexts as Readonly<
  Record<string, string | undefined>
>;

/** Of a field of a built-in kind; an empty text for fields of which nothing is said. */
function ofField(component: string, field: string): string {
  return bySchema[component]?.[field] ?? '';
}

const configMap = 'io.k8s.api.core.v1.ConfigMap';
export const apiVersionDescription: string = ofField(configMap, 'apiVersion');
export const kindDescription: string = ofField(configMap, 'kind');
export const metadataDescription: string = ofField(configMap, 'metadata');
export const listMetadataDescription: string =
  'Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';

const conventions =
  'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
/** Of whole objects within others. */
export const embeddedApiVersionDescription: string = `apiVersion defines the versioned schema of this representation of an object. More info: ${conventions}#resources`;
export const embeddedKindDescription: string = `kind is a string value representing the type of this object. In CamelCase. More info: ${conventions}#types-kinds`;

/** A component as it is published: with what is said of it and its fields. */
export function withDescriptions(name: string, schema: JsonSchema): JsonSchema {
  const { '': own, ...texts } = bySchema[name] ?? {};
  const properties = Object.entries(schema.properties ?? {}).map(([field, property]) => {
    const description = texts[field];
    return [field, description === undefined ? property : { description, ...property }] as const;
  });
  return {
    ...(own === undefined ? {} : { description: own }),
    ...schema,
    ...(schema.properties ? { properties: Object.fromEntries(properties) } : {}),
  };
}

/** `context` is `attach`, `exec`, `log` or `patch` where the meaning of a name may depend on that. */
export function parameterDescription(name: string, context: string): string | undefined {
  return byParameter[`${context} ${name}`] ?? byParameter[name];
}
