// A version of a definition as upstream shows it in failures: its own structure, with every field that there is.

import { type CustomResourceDefinitionVersion, goStruct, type JsonSchema } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';

export function shownVersion(version: CustomResourceDefinitionVersion): unknown {
  const schema = version.schema?.openAPIV3Schema;
  return goStruct([
    ['Name', version.name],
    ['Served', version.served],
    ['Storage', version.storage],
    ['Deprecated', version.deprecated ?? false],
    ['DeprecationWarning', version.deprecationWarning ?? null],
    ['Schema', schema === undefined ? null : goStruct([['OpenAPIV3Schema', shown(schema)]])],
    ['Subresources', version.subresources ?? null],
    ['AdditionalPrinterColumns', version.additionalPrinterColumns ?? null],
    ['SelectableFields', version.selectableFields ?? null],
  ]);
}

const flags: ReadonlySet<string> = new Set([
  ...['Nullable', 'ExclusiveMaximum', 'ExclusiveMinimum', 'UniqueItems'],
  ...['XEmbeddedResource', 'XIntOrString'],
]);
const texts: ReadonlySet<string> = new Set([
  ...['ID', 'Schema', 'Description', 'Type', 'Format', 'Title', 'Pattern'],
]);
const fields: readonly string[] = [
  ...['ID', 'Schema', 'Ref', 'Description', 'Type', 'Nullable', 'Format', 'Title', 'Default'],
  ...['Maximum', 'ExclusiveMaximum', 'Minimum', 'ExclusiveMinimum', 'MaxLength', 'MinLength'],
  ...['Pattern', 'MaxItems', 'MinItems', 'UniqueItems', 'MultipleOf', 'Enum', 'MaxProperties'],
  ...['MinProperties', 'Required', 'Items', 'AllOf', 'OneOf', 'AnyOf', 'Not', 'Properties'],
  ...['AdditionalProperties', 'PatternProperties', 'Dependencies', 'AdditionalItems'],
  ...['Definitions', 'ExternalDocs', 'Example', 'XPreserveUnknownFields', 'XEmbeddedResource'],
  ...['XIntOrString', 'XListMapKeys', 'XListType', 'XMapType', 'XValidations'],
];

function shown(schema: JsonSchema): unknown {
  const given = new Map(Object.entries(schema).map(([key, value]) => [fieldOf(key), value]));
  return goStruct(
    fields.map((field) => {
      const value: unknown = given.get(field);
      if (value === undefined)
        return [field, flags.has(field) ? false : texts.has(field) ? '' : null];
      return [field, inner(field, value)];
    }),
  );
}

/** `x-kubernetes-list-type` is XListType. */
function fieldOf(key: string): string {
  const words = key
    .replace(/^x-kubernetes-/, 'x-')
    .replace(/^\$/, '')
    .split('-');
  const name = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
  return name === 'Id' ? 'ID' : name;
}

function inner(field: string, value: unknown): unknown {
  if (field === 'Properties' && isJsonObject(value)) {
    const entries = Object.entries(value).map(([key, each]) => [key, shownOrSame(each)] as const);
    return Object.fromEntries(entries);
  }
  if (field === 'Items')
    return goStruct([
      ['Schema', shownOrSame(value)],
      ['JSONSchemas', null],
    ]);
  if (field === 'AdditionalProperties') {
    const allows = value !== false;
    const isSchema = isJsonObject(value);
    return goStruct([
      ['Allows', allows],
      ['Schema', isSchema ? shownOrSame(value) : null],
    ]);
  }
  if (['AllOf', 'OneOf', 'AnyOf'].includes(field) && Array.isArray(value))
    return value.map(shownOrSame);
  return field === 'Not' ? shownOrSame(value) : value;
}

const shownOrSame = (value: unknown): unknown => (isJsonObject(value) ? shown(value) : value);
