// The table columns a CustomResourceDefinition declares.

import type { CustomResourceColumnDefinition } from '@tweendeck/kube';
import descriptions from '../generated/column-descriptions.json' with { type: 'json' };
import { ageSince, type ColumnDefinition, nameColumn, type TableColumns } from '../table/table.ts';
import { type JsonPath, parseJsonPath } from './json-path.ts';

/** What is said of metadata is the same for all kinds. */
const { Name: nameDescription, Age: ageDescription } = descriptions['/ConfigMap'];

const age: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: ageDescription,
};
const types: readonly string[] = ['string', 'integer', 'number', 'boolean', 'date'];

/** The name, then the declared columns; without any, the age. */
export function printerColumns(
  declared: readonly CustomResourceColumnDefinition[] | undefined,
): TableColumns {
  const columns = declared && declared.length > 0 ? declared : [age];
  const paths = columns.map(({ jsonPath }) => parseJsonPath(jsonPath));
  const { name, format = '' } = nameColumn;
  return {
    definitions: [
      { name, type: 'string', format, description: nameDescription, priority: 0 },
      ...columns.map(definitionOf),
    ],
    cells: (object, nowMs) => [
      object.metadata.name ?? '',
      ...columns.map(({ type }, index) => cellOf(paths[index]?.find(object), { type, nowMs })),
    ],
  };
}

function definitionOf(column: CustomResourceColumnDefinition): ColumnDefinition {
  const { name, type, format = '', jsonPath, priority = 0 } = column;
  const description =
    column.description || `Custom resource definition column (in JSONPath format): ${jsonPath}`;
  return { name, type: isType(type) ? type : 'string', format, description, priority };
}

function isType(type: string): type is ColumnDefinition['type'] {
  return types.includes(type);
}

function cellOf(
  found: ReturnType<JsonPath['find']> | undefined,
  { type, nowMs }: { readonly type: string; readonly nowMs: number },
): unknown {
  const [value] = found ?? [];
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return ageSince(value, nowMs);
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}
