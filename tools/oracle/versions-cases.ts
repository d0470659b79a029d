// Schemas of several versions of one kind: fields in common, fields of their own, and each with its own defaults.

import type { SchemaNode } from '@tweendeck/kube';
import type { Source } from './source.ts';
import { type WidgetSchemas, widgetSchemas } from './ssa-cases.ts';

/** Two or three versions: mostly relations of the first one. */
export function relatedVersions(source: Source): WidgetSchemas {
  const v1 = firstOf(widgetSchemas(source));
  const other = (): SchemaNode =>
    source.maybe(0.8) ? relation(source, v1) : firstOf(widgetSchemas(source));
  return { v1, v2: other(), ...(source.maybe(0.5) ? { v3: other() } : {}) };
}

function firstOf({ v1 = {} }: WidgetSchemas): SchemaNode {
  return v1;
}

/** Without some fields, and with other defaults. Lists with keys and sets stay as they are. */
function relation(source: Source, schema: SchemaNode): SchemaNode {
  const { properties, items } = schema;
  if (properties) {
    const kept = Object.entries(properties).filter(() => source.maybe(0.8));
    const related = kept.map(([name, each]) => [name, relation(source, each)] as const);
    return { ...schema, properties: Object.fromEntries(related) };
  }
  if (items && !schema['x-kubernetes-list-type'])
    return { ...schema, items: relation(source, items) };
  const values = defaults[schema.type ?? ''];
  if (!values || 'format' in schema) return schema;
  const { default: _, ...rest } = schema;
  return source.maybe(0.6) ? { ...rest, default: source.pick(values) } : rest;
}

const defaults: Readonly<Record<string, readonly unknown[]>> = {
  string: ['other', ''],
  integer: [7, 0],
  number: [0.5, 7],
  boolean: [true, false],
};
