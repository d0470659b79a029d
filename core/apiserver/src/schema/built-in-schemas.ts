// The OpenAPI schemas of the built-in kinds, by group, version and kind; what bodies are checked against.

import {
  componentSource,
  type JsonSchema,
  type ObjectSchema,
  objectSchema,
  type RootedSchema,
} from '@tweendeck/kube';
import components from '../generated/schemas.json' with { type: 'json' };
import {
  type BodyRules,
  builtInBody,
  type MetadataRules,
  metadataRules,
  type ResolveReference,
} from './body-rules.ts';

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

type Component = JsonSchema & {
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[];
};

const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension';

export class BuiltInSchemas {
  // The generated file holds schemas and nothing else.
  readonly components: Readonly<Record<string, Component>> = components as Record<
    string,
    Component
  >;
  /** As fields are merged and owned: what is kept raw is one value. */
  readonly #merged: Readonly<Record<string, Component>> = {
    ...this.components,
    [rawExtension]: { ...this.components[rawExtension], 'x-kubernetes-map-type': 'atomic' },
  };
  readonly #names = new Map<string, string>();
  readonly #objectSchemas = new Map<string, ObjectSchema>();

  /** Follows a `$ref` of these schemas. */
  readonly resolve: ResolveReference = (reference) =>
    this.components[reference.slice(reference.lastIndexOf('/') + 1)];
  readonly metadata: MetadataRules = metadataRules(this.resolve);

  constructor() {
    for (const [name, component] of Object.entries(this.components)) {
      const [own, ...others] = component['x-kubernetes-group-version-kind'] ?? [];
      // Types such as DeleteOptions belong to every group; they are not kinds of their own.
      if (own && others.length === 0) this.#names.set(keyOf(own), name);
    }
  }

  /** The component's name, such as `io.k8s.api.core.v1.Pod`. */
  nameOf(kind: GroupVersionKind): string | undefined {
    return this.#names.get(keyOf(kind));
  }

  rooted(kind: GroupVersionKind): RootedSchema | undefined {
    const root = this.components[this.nameOf(kind) ?? ''];
    return root && { root, source: componentSource(this.components) };
  }

  /** For merging and field ownership; kept, because it remembers what it built. */
  objectSchema(kind: GroupVersionKind): ObjectSchema | undefined {
    const known = this.#objectSchemas.get(keyOf(kind));
    if (known) return known;
    const rooted = this.rooted(kind);
    if (!rooted) return undefined;
    const made = objectSchema({ ...rooted, source: componentSource(this.#merged) });
    this.#objectSchemas.set(keyOf(kind), made);
    return made;
  }

  /** What bodies of a kind must be. */
  bodyOf(kind: GroupVersionKind): BodyRules {
    const schema = this.components[this.nameOf(kind) ?? ''] ?? {};
    return builtInBody(schema, { resolve: this.resolve, metadata: this.metadata });
  }
}

function keyOf({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}/${kind}`;
}
