// A version of a custom kind, made ready to be served from its definition.

import {
  type CompiledSchema,
  type CustomResourceDefinitionVersion,
  compileSchema,
  customObjectSchema,
  dnsSubdomainProblems,
  type JsonSchema,
  type KindVersions,
  type ObjectSchema,
} from '@tweendeck/kube';
import type { Draft } from '../draft.ts';
import type { ScalePaths, ServedResource, Subresource } from '../registry.ts';
import { customBody, type MetadataRules } from '../schema/body-rules.ts';
import { sortedJson } from '../sorted-json.ts';
import { storagePrefix } from '../storage-key.ts';
import type { Strategy } from '../strategy.ts';
import { type Definition, definitionOf } from './definition.ts';
import { fieldPathOf } from './json-path.ts';
import { printerColumns } from './printer-columns.ts';

/** In the order that upstream tells them in. */
const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const partVerbs = ['get', 'patch', 'update'];

export interface CustomResourceOptions {
  readonly metadata: MetadataRules;
  /** Aborted when this form of the resource is served no more. */
  readonly retired: AbortSignal;
}

/** Every served version of a definition whose names were accepted. */
export function customResources(
  draft: Draft,
  options: CustomResourceOptions,
): readonly ServedResource[] {
  const definition = definitionOf(draft);
  const storage = definition.spec.versions.find((version) => version.storage);
  if (!storage || !isEstablished(definition)) return [];
  const versions = kindVersions(definition);
  return definition.spec.versions
    .filter(({ served }) => served)
    .map((version) => servedVersion({ draft, definition, version, storage, versions }, options));
}

/** How each version merges; made when first asked for, once for all versions. */
function kindVersions({ spec }: Definition): KindVersions {
  const made = new Map<string, ObjectSchema>();
  return {
    whenGone: 'fail',
    schemaOf(apiVersion) {
      const known = made.get(apiVersion);
      if (known !== undefined) return known;
      const version = spec.versions.find(({ name }) => `${spec.group}/${name}` === apiVersion);
      if (!version) return undefined;
      // A structural schema is a schema of nodes; nodes merely know fewer keywords.
      const node = schemaOf(version) as Parameters<typeof customObjectSchema>[0];
      const schema = customObjectSchema(node);
      made.set(apiVersion, schema);
      return schema;
    },
  };
}

function schemaOf({ schema }: CustomResourceDefinitionVersion): JsonSchema {
  return schema?.openAPIV3Schema ?? { type: 'object' };
}

function isEstablished({ status }: Definition): boolean {
  const conditions = status?.conditions ?? [];
  return conditions.some(({ type, status: value }) => type === 'Established' && value === 'True');
}

interface VersionContext {
  readonly draft: Draft;
  readonly definition: Definition;
  readonly version: CustomResourceDefinitionVersion;
  readonly storage: CustomResourceDefinitionVersion;
  readonly versions: KindVersions;
}

function servedVersion(
  { draft, definition, version, storage, versions }: VersionContext,
  { metadata, retired }: CustomResourceOptions,
): ServedResource {
  const { spec, status } = definition;
  const names = status?.acceptedNames ?? spec.names;
  const schema = schemaOf(version);
  const compiled = compileSchema(schema, { scale: version.subresources?.scale });
  const apiVersion = `${spec.group}/${version.name}`;
  const { kind, plural } = spec.names;
  return {
    group: spec.group,
    version: version.name,
    kind,
    plural,
    singular: names.singular ?? kind.toLowerCase(),
    listKind: names.listKind ?? `${kind}List`,
    namespaced: spec.scope === 'Namespaced',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    subresources: subresourcesOf(kind, version),
    scale: scalePathsOf(version),
    storagePrefix: storagePrefix({ group: spec.group, plural }),
    toStored: (object) => storedForm(object, { group: spec.group, version, storage }),
    fromStored: (object) => servedForm(object, { apiVersion, compiled, definition }),
    toJson: sortedJson,
    selectableFields: selectableFieldsOf(version),
    strategy: strategyOf(version, compiled),
    columns: printerColumns(version.additionalPrinterColumns),
    custom: true,
    body: customBody(compiled, metadata),
    strategic: undefined,
    objectSchema: () => versions.schemaOf(apiVersion),
    versions,
    schema,
    retired,
    terminating: draft.metadata.deletionTimestamp !== undefined,
  };
}

const compiledVersions = new WeakMap<CustomResourceDefinitionVersion, CompiledSchema>();

/** Schemas of versions as others than those who serve them need them. */
function compiledOf(version: CustomResourceDefinitionVersion): CompiledSchema {
  const known = compiledVersions.get(version);
  if (known) return known;
  const compiled = compileSchema(schemaOf(version));
  compiledVersions.set(version, compiled);
  return compiled;
}

interface Storing {
  readonly group: string;
  readonly version: CustomResourceDefinitionVersion;
  readonly storage: CustomResourceDefinitionVersion;
}

/** As the stored version has it: without what that one does not know. */
function storedForm(object: Draft, { group, version, storage }: Storing): Draft {
  const apiVersion = `${group}/${storage.name}`;
  if (version.name === storage.name) return { ...object, apiVersion };
  const stored = { ...structuredClone(object), apiVersion };
  compiledOf(storage).prune(stored);
  return stored;
}

interface Serving {
  readonly apiVersion: string;
  readonly compiled: CompiledSchema;
  readonly definition: Definition;
}

/**
 * What is stored, as this version has it: schemas may have changed since it was written, and defaults are those of the
 * version it was stored as, as upstream reads it.
 */
function servedForm(object: Draft, { apiVersion, compiled, definition }: Serving): Draft {
  const { group, versions } = definition.spec;
  const other =
    object.apiVersion === apiVersion
      ? undefined
      : versions.find(({ name }) => object.apiVersion === `${group}/${name}`);
  const written = other ? compiledOf(other) : compiled;
  written.prune(object);
  written.applyDefaults(object);
  object.apiVersion = apiVersion;
  if (other) compiled.prune(object);
  return object;
}

function strategyOf(version: CustomResourceDefinitionVersion, compiled: CompiledSchema): Strategy {
  const statusApart = version.subresources?.status !== undefined;
  return {
    nameProblems: dnsSubdomainProblems,
    createOnUpdate: false,
    unconditionalUpdate: false,
    generation: 'counted',
    statusApart,
    returnsDeleted: false,
    prepareCreate(draft) {
      if (statusApart) delete draft['status'];
    },
    validate: (draft, previous, part) =>
      compiled.validate(draft, previous, part === 'status' ? 'status' : 'whole'),
  };
}

function subresourcesOf(
  kind: string,
  { subresources }: CustomResourceDefinitionVersion,
): readonly Subresource[] {
  return [
    ...(subresources?.status ? [{ name: 'status', verbs: partVerbs, kind }] : []),
    ...(subresources?.scale
      ? [{ name: 'scale', verbs: partVerbs, kind: 'Scale', group: 'autoscaling', version: 'v1' }]
      : []),
  ];
}

function scalePathsOf({ subresources }: CustomResourceDefinitionVersion): ScalePaths | undefined {
  const scale = subresources?.scale;
  const specReplicas = fieldPathOf(scale?.specReplicasPath ?? '');
  const statusReplicas = fieldPathOf(scale?.statusReplicasPath ?? '');
  if (!specReplicas || !statusReplicas) return undefined;
  const selector = fieldPathOf(scale?.labelSelectorPath ?? '');
  return { specReplicas, statusReplicas, selector };
}

function selectableFieldsOf({
  selectableFields = [],
}: CustomResourceDefinitionVersion): ReadonlyMap<string, readonly string[]> {
  return new Map(
    selectableFields.map(({ jsonPath }) => [
      jsonPath.replace(/^\./, ''),
      fieldPathOf(jsonPath) ?? [],
    ]),
  );
}
