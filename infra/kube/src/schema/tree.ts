// A schema made ready for walking: references followed, keywords gathered from `allOf`, each node built once and only when met.

import type { JsonSchema } from './json-schema.ts';

/** Follows a `$ref` such as `#/components/schemas/io.k8s.api.core.v1.Pod`; undefined: it leads nowhere. */
export type ResolveReference = (reference: string) => JsonSchema | undefined;

/** One place of a schema, as pruning, defaulting and decoding see it. */
export interface SchemaTree {
  readonly schema: JsonSchema;
  /** The last segment of the reference it was reached by (`PodSpec`); empty when inline. */
  readonly name: string;
  /** JSON types allowed; undefined: any. */
  readonly types: readonly string[] | undefined;
  readonly format: string | undefined;
  readonly nullable: boolean;
  readonly default: unknown;
  readonly preserveUnknown: boolean;
  readonly embeddedResource: boolean;
  property(name: string): SchemaTree | undefined;
  readonly propertyNames: readonly string[];
  /** True: any value, of no schema. */
  readonly additional: SchemaTree | true | undefined;
  readonly items: SchemaTree | undefined;
}

/** Builds the tree of a CRD's schema; `resolve` is for servers' OpenAPI documents, whose schemas refer to one another. */
export function treeOf(root: JsonSchema, resolve?: ResolveReference): SchemaTree {
  const byReference = new Map<string, SchemaTree>();

  function at(schema: JsonSchema): SchemaTree {
    const reference = referenceOf(schema);
    if (reference === undefined || !resolve) return node(schema, '');
    const known = byReference.get(reference);
    if (known && schema.default === undefined) return known;
    const target = resolve(reference) ?? {};
    const name = reference.slice(
      Math.max(reference.lastIndexOf('.'), reference.lastIndexOf('/')) + 1,
    );
    const made = node(
      schema.default === undefined ? target : { ...target, default: schema.default },
      name,
    );
    if (schema.default === undefined) byReference.set(reference, made);
    return made;
  }

  function node(schema: JsonSchema, name: string): SchemaTree {
    const properties = new Map<string, SchemaTree | undefined>();
    const { additionalProperties, items } = schema;
    let itemTree: SchemaTree | undefined;
    let additionalTree: SchemaTree | undefined;
    return {
      schema,
      name,
      types: typesOf(schema),
      format: schema.format,
      nullable: schema.nullable === true,
      default: schema.default,
      preserveUnknown:
        schema['x-kubernetes-preserve-unknown-fields'] === true ||
        (resolve !== undefined && isOpen(schema)),
      embeddedResource: schema['x-kubernetes-embedded-resource'] === true,
      propertyNames: Object.keys(schema.properties ?? {}),
      property(key) {
        if (properties.has(key)) return properties.get(key);
        const own = schema.properties;
        if (own === undefined || !Object.hasOwn(own, key)) return undefined;
        const child = own[key];
        const made = child === undefined ? undefined : at(child);
        properties.set(key, made);
        return made;
      },
      get additional() {
        if (typeof additionalProperties !== 'object') return additionalProperties || undefined;
        additionalTree ??= at(additionalProperties);
        return additionalTree;
      },
      get items() {
        if (items) itemTree ??= at(items);
        return itemTree;
      },
    };
  }

  return at(root);
}

/** `$ref` itself, or the only member of an `allOf`: how OpenAPI v3 adds a default or a description to a reference. */
function referenceOf(schema: JsonSchema): string | undefined {
  return schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
}

/** In a server's document an object without any property stands for free content (RawExtension, FieldsV1, JSON). */
function isOpen({ type, properties, additionalProperties, items }: JsonSchema): boolean {
  if (properties !== undefined || additionalProperties !== undefined || items !== undefined) {
    return false;
  }
  return type === undefined || type === 'object';
}

function typesOf(schema: JsonSchema): readonly string[] | undefined {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string'];
  if (schema.type !== undefined) return [schema.type];
  const alternatives = schema.oneOf?.map((each) => each.type);
  return alternatives?.every((each) => each !== undefined) ? alternatives : undefined;
}
