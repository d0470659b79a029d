// The built-in resources: discovery's facts, joined with each kind's rules.

import discovery from '../generated/discovery.json' with { type: 'json' };
import type { ServedResource, Subresource } from '../registry.ts';
import type { BuiltInSchemas } from '../schema/built-in-schemas.ts';
import { storagePrefix } from '../storage-key.ts';
import { defaultColumns } from '../table/table.ts';
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
  readonly schemas: BuiltInSchemas;
}

/** Every built-in resource that is stored. */
export function builtInResources(options: BuiltInOptions): readonly ServedResource[] {
  const versions: readonly DiscoveredVersion[] = discovery;
  return versions.flatMap((version) =>
    version.resources
      .filter(({ verbs }) => verbs.includes('get'))
      .map((resource) => servedOf(version, resource, options)),
  );
}

function servedOf(
  { group, version }: DiscoveredVersion,
  found: DiscoveredResource,
  { rules, schemas }: BuiltInOptions,
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
    selectableFields: selectableOf(own),
    strategy: { ...baseStrategy, statusApart, ...own.strategy },
    columns: own.columns ?? defaultColumns,
    custom: false,
    body: schemas.bodyOf({ group, version, kind }),
    strategic: schemas.rooted({ group, version, kind }),
    objectSchema: () => schemas.objectSchema({ group, version, kind }),
  };
}

function subresourceOf({ subresource, responseKind, verbs }: DiscoveredSubresource): Subresource {
  const { group, version, kind } = responseKind;
  return { name: subresource, verbs, kind, ...(version === '' ? {} : { group, version }) };
}

function selectableOf({
  selectable = [],
  storedAs,
}: KindRules): ServedResource['selectableFields'] {
  const paths = storedAs?.selectable ?? Object.fromEntries(selectable.map((name) => [name, name]));
  return new Map(Object.entries(paths).map(([name, path]) => [name, path.split('.')]));
}
