// The built-in resources: discovery's facts, joined with each kind's rules.

import descriptions from '../generated/column-descriptions.json' with { type: 'json' };
import discovery from '../generated/discovery.json' with { type: 'json' };
import type { ServedResource, Subresource } from '../registry.ts';
import type { BuiltInSchemas } from '../schema/built-in-schemas.ts';
import { storagePrefix } from '../storage-key.ts';
import { defaultColumns, type TableColumns } from '../table/table.ts';
import { baseStrategy, type KindRules } from './kind-rules.ts';

interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind: { readonly kind: string };
  readonly scope: string;
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly DiscoveredSubresource[];
}

interface DiscoveredSubresource {
  readonly subresource: string;
  readonly responseKind: {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  };
  readonly verbs: readonly string[];
}

interface DiscoveredVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly DiscoveredResource[];
}

export interface BuiltInOptions {
  /** Rules by `group/kind`; kinds without any have the base rules. */
  readonly rules: ReadonlyMap<string, KindRules>;
  /** Kinds, by `group/kind`, that are answered when they are created, and never stored. */
  readonly answered: ReadonlySet<string>;
  readonly schemas: BuiltInSchemas;
}

/** Every built-in resource that is stored or answered. */
export function builtInResources(options: BuiltInOptions): readonly ServedResource[] {
  const versions: readonly DiscoveredVersion[] = discovery;
  return versions.flatMap((version) =>
    version.resources
      .filter(
        ({ verbs, responseKind: { kind } }) =>
          verbs.includes('get') || options.answered.has(`${version.group}/${kind}`),
      )
      .map((resource) => servedOf(version, resource, options)),
  );
}

function servedOf(
  { group, version }: DiscoveredVersion,
  found: DiscoveredResource,
  { rules, answered, schemas }: BuiltInOptions,
): ServedResource {
  const { kind } = found.responseKind;
  const own = rules.get(`${group}/${kind}`) ?? {};
  const { storedAs } = own;
  const subresources = (found.subresources ?? []).map(subresourceOf);
  const statusApart = subresources.some(({ name }) => name === 'status');
  return {
    group,
    version,
    kind,
    plural: found.resource,
    singular: found.singularResource,
    listKind: `${kind}List`,
    namespaced: found.scope === 'Namespaced',
    shortNames: found.shortNames ?? [],
    categories: found.categories ?? [],
    verbs: found.verbs,
    subresources,
    scale: own.scale,
    storagePrefix: storagePrefix({ group: storedAs?.group ?? group, plural: found.resource }),
    toStored: storedAs?.toStored,
    fromStored: storedAs?.fromStored,
    shownOf: own.shownOf,
    selectableFields: selectableOf(own),
    strategy: { ...baseStrategy, statusApart, ...own.strategy },
    columns: described(own.columns ?? defaultColumns, `${group}/${kind}`),
    custom: false,
    answered: answered.has(`${group}/${kind}`),
    body: schemas.bodyOf({ group, version, kind }),
    strategic: schemas.rooted({ group, version, kind }),
    objectSchema: () => schemas.objectSchema({ group, version, kind }),
  };
}

/** With what upstream says of each column. */
function described(columns: TableColumns, key: string): TableColumns {
  const texts: Readonly<Record<string, Readonly<Record<string, string>>>> = descriptions;
  const own = texts[key] ?? {};
  const definitions = columns.definitions.map((definition) => ({
    ...definition,
    description: own[definition.name] ?? definition.description ?? '',
  }));
  return { ...columns, definitions };
}

function subresourceOf({ subresource, responseKind, verbs }: DiscoveredSubresource): Subresource {
  const { group, version, kind } = responseKind;
  return { name: subresource, verbs, kind, ...(version === '' ? {} : { group, version }) };
}

function selectableOf({
  selectable = [],
  selectableAs = {},
  storedAs,
}: KindRules): ServedResource['selectableFields'] {
  const own = selectable.map((name) => [name, selectableAs[name] ?? name]);
  const paths: Readonly<Record<string, string>> = storedAs?.selectable ?? Object.fromEntries(own);
  return new Map(Object.entries(paths).map(([name, path]) => [name, path.split('.')]));
}
