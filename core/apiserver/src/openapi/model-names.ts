// The names under which kinds stand in a document.

import type { ServedResource } from '../registry.ts';
import type { BuiltInSchemas, GroupVersionKind } from '../schema/built-in-schemas.ts';
import type { Model } from './routes.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const versionName = 'io.k8s.apimachinery.pkg.version.Info';

const keyOf = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}/${kind}`;

/** Custom kinds and their lists have the group reversed; `_v2` if a built-in kind has that name. */
export class ModelNames {
  readonly #schemas: BuiltInSchemas;
  readonly #custom = new Map<string, string>();
  /** Custom resources, and whether their list is meant, by name. */
  readonly custom: ReadonlyMap<
    string,
    { readonly resource: ServedResource; readonly isList: boolean }
  >;

  constructor(resources: readonly ServedResource[], schemas: BuiltInSchemas) {
    this.#schemas = schemas;
    const custom = new Map<string, { resource: ServedResource; isList: boolean }>();
    for (const resource of resources) {
      if (!resource.custom) continue;
      for (const isList of [false, true]) {
        const kind = isList ? resource.listKind : resource.kind;
        const name = this.#freeName(resource, kind);
        this.#custom.set(keyOf({ ...resource, kind }), name);
        custom.set(name, { resource, isList });
      }
    }
    this.custom = custom;
  }

  /** Undefined for text, and for kinds that nothing describes. */
  of(model: Model): string | undefined {
    if (model === 'text') return undefined;
    if (model === 'Version') return versionName;
    if (typeof model === 'string') return `${meta}.${model}`;
    return this.#custom.get(keyOf(model)) ?? this.#schemas.nameOf(model);
  }

  #freeName({ group, version }: ServedResource, kind: string): string {
    const name = [...group.split('.').toReversed(), version, kind].join('.');
    return Object.hasOwn(this.#schemas.components, name) ? `${name}_v2` : name;
  }
}
