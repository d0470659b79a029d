// The path that a rule blames, followed through its schema.

import { type FieldPath, path } from '../field-error.ts';
import { type JsonSchema, propertyOf } from '../schema/json-schema.ts';

/** `.spec.replicas` or `.labels['a.b']`, followed through the schema; undefined: it leads nowhere. */
export function fieldPathOf(text: string, root: JsonSchema): FieldPath | undefined {
  const step = /(?:\.([A-Za-z_][A-Za-z0-9_-]*))|(?:\['((?:[^'\\]|\\.)*)'\])/y;
  let schema: JsonSchema | undefined = root;
  let found = path();
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    const name = match?.[1] ?? match?.[2]?.replaceAll(/\\(.)/g, '$1');
    if (name === undefined || !schema) return undefined;
    const property: JsonSchema | undefined = propertyOf(schema, name);
    const { additionalProperties, properties = {} }: JsonSchema = schema;
    const isMap = typeof additionalProperties === 'object' && Object.keys(properties).length === 0;
    if (property) found = found.child(name);
    else if (isMap) found = found.key(name);
    else return undefined;
    schema = property ?? (additionalProperties as JsonSchema); // the branch above saw that it is a schema
  }
  return found;
}
