// One node of an OpenAPI v3 schema as Kubernetes publishes it, and how to get behind its references.

/** The keywords of an OpenAPI v3 or structural schema that merging, patching and decoding look at. */
export interface SchemaNode {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly allOf?: readonly SchemaNode[];
  readonly $ref?: string;
  readonly default?: unknown;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
}

/** Where references lead. `ref` is as written in the schema, such as `#/components/schemas/io.k8s.api.core.v1.Pod`. */
export interface SchemaSource {
  resolve(ref: string): SchemaNode | undefined;
}

/** A schema together with where its references lead. */
export interface RootedSchema {
  readonly root: SchemaNode;
  readonly source: SchemaSource;
}

/** References into a map of component schemas, by the name behind the last `/`. */
export function componentSource(components: Readonly<Record<string, SchemaNode>>): SchemaSource {
  return { resolve: (ref) => components[ref.slice(ref.lastIndexOf('/') + 1)] };
}

/** For schemas without references, such as those of custom resource definitions. */
export const noReferences: SchemaSource = { resolve: () => undefined };

/** What a node refers to, directly or as the only item of `allOf`; undefined for a node that stands for itself. */
export function referenceOf(node: SchemaNode): string | undefined {
  if (node.$ref !== undefined) return node.$ref;
  return node.allOf?.length === 1 ? node.allOf[0]?.$ref : undefined;
}

/** The node behind the references; a reference that leads nowhere gives the empty schema, which allows anything. */
export function dereference(node: SchemaNode, source: SchemaSource): SchemaNode {
  let current = node;
  for (let hops = 0; hops < 16; hops++) {
    const ref = referenceOf(current);
    if (ref === undefined) return current;
    current = source.resolve(ref) ?? {};
  }
  return {};
}
