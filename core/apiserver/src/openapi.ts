// OpenAPI v3: an index of group versions with hashes, and a document for each, made anew when what is served changes.

import { createHash } from 'node:crypto';
import type { ApiResponse, JsonSchema } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { noSuchPath } from './failures.ts';
import {
  apiVersionDescription,
  kindDescription,
  listMetadataDescription,
  metadataDescription,
  withDescriptions,
} from './openapi/descriptions.ts';
import { operationPaths } from './openapi-paths.ts';
import type { Registry, ServedResource } from './registry.ts';
import { bytesResponse, jsonResponse } from './response.ts';
import type { BuiltInSchemas } from './schema/built-in-schemas.ts';
import { versionInfo } from './version.ts';

const root = '/openapi/v3';
const referencePrefix = '#/components/schemas/';
const objectMeta = `${referencePrefix}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`;
const listMeta = `${referencePrefix}io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta`;

type Components = Record<string, JsonSchema>;

/** Answers `/openapi/v3` and below; keeps hashes, not documents. */
export class OpenApiDocuments {
  readonly #registry: Registry;
  readonly #schemas: BuiltInSchemas;
  /** By path; valid for one generation of the registry. */
  #hashes = new Map<string, string>();
  #generation = -1;

  constructor(registry: Registry, schemas: BuiltInSchemas) {
    this.#registry = registry;
    this.#schemas = schemas;
  }

  /**
   * Undefined for other paths. A document that is asked for by its hash never changes, and may be kept for ever.
   * @throws ApiError NotFound for group versions that are not served.
   */
  answer(
    path: string,
    {
      hash,
      ifNoneMatch,
    }: { readonly hash?: string | null; readonly ifNoneMatch?: string | undefined },
  ): ApiResponse | undefined {
    if (path === root) {
      const text = { 'content-type': 'text/plain; charset=utf-8' }; // as upstream's file server sees it
      return jsonResponse(200, { paths: this.#index() }, text);
    }
    if (!path.startsWith(`${root}/`)) return undefined;
    const key = path.slice(root.length + 1);
    const resources = this.#groupVersions().get(key);
    if (!resources) throw noSuchPath();
    const current = this.#hashOf(key, resources);
    const etag = `"${current}"`;
    const lasting = hash === current ? { 'cache-control': 'public, immutable' } : {};
    const headers = { etag, vary: 'Accept', ...lasting };
    if (ifNoneMatch === etag) return bytesResponse(304, 'application/json', [], headers);
    return bytesResponse(200, 'application/json', [this.#document(resources)], headers);
  }

  #index(): unknown {
    const entries = [...this.#groupVersions()].map(([key, resources]) => [
      key,
      { serverRelativeURL: `${root}/${key}?hash=${this.#hashOf(key, resources)}` },
    ]);
    return Object.fromEntries(entries);
  }

  #hashOf(key: string, resources: readonly ServedResource[]): string {
    if (this.#generation !== this.#registry.generation) {
      this.#generation = this.#registry.generation;
      this.#hashes = new Map();
    }
    const known = this.#hashes.get(key);
    if (known !== undefined) return known;
    const digest = createHash('sha256').update(this.#document(resources)).digest('hex');
    const hash = digest.toUpperCase();
    this.#hashes.set(key, hash);
    return hash;
  }

  /** Resources by `api/v1`, `apis/apps/v1`, ... */
  #groupVersions(): ReadonlyMap<string, readonly ServedResource[]> {
    return Map.groupBy(this.#registry.all, ({ group, version }) =>
      group === '' ? `api/${version}` : `apis/${group}/${version}`,
    );
  }

  #document(resources: readonly ServedResource[]): Buffer {
    const components: Components = {};
    for (const resource of resources) {
      if (resource.custom) addCustom(components, resource);
      else this.#add(components, this.#schemas.nameOf(resource));
    }
    for (const extra of this.#extras(resources)) this.#add(components, extra);
    for (const name of referencesIn(components)) this.#add(components, name);
    return Buffer.from(
      JSON.stringify({
        openapi: '3.0.0',
        info: { title: 'Kubernetes', version: versionInfo['gitVersion'] },
        paths: operationPaths(resources, (resource) => componentName(resource, this.#schemas)),
        components: { schemas: sorted(components) },
      }),
    );
  }

  /** Lists of built-in kinds, and kinds that only subresources speak. */
  #extras(resources: readonly ServedResource[]): readonly (string | undefined)[] {
    const lists = resources
      .filter(({ custom }) => !custom)
      .map(({ group, version, listKind }) =>
        this.#schemas.nameOf({ group, version, kind: listKind }),
      );
    const scale = resources.some((each) => each.scale)
      ? [this.#schemas.nameOf({ group: 'autoscaling', version: 'v1', kind: 'Scale' })]
      : [];
    return [...lists, ...scale, 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'];
  }

  /** Adds a component and everything it refers to. */
  #add(components: Components, name: string | undefined): void {
    if (name === undefined || Object.hasOwn(components, name)) return;
    const schema = this.#schemas.components[name];
    if (!schema) return;
    components[name] = withDescriptions(name, schema);
    for (const inner of referencesIn(schema)) this.#add(components, inner);
  }
}

/** The name of a resource's component: as generated for built-in kinds, the group reversed for custom ones. */
function componentName(resource: ServedResource, schemas: BuiltInSchemas): string {
  return schemas.nameOf(resource) ?? customName(resource, resource.kind);
}

function customName({ group, version }: ServedResource, kind: string): string {
  return [...group.split('.').toReversed(), version, kind].join('.');
}

function addCustom(components: Components, resource: ServedResource): void {
  const { group, version, kind, listKind } = resource;
  const { properties, ...schema } = resource.schema ?? {};
  const own = customName(resource, kind);
  const text: JsonSchema = { type: 'string' };
  const item: JsonSchema = { $ref: `${referencePrefix}${own}` };
  components[own] = withKind(
    {
      ...schema,
      properties: {
        ...properties,
        apiVersion: { description: apiVersionDescription, ...text },
        kind: { description: kindDescription, ...text },
        metadata: {
          description: metadataDescription,
          allOf: [{ $ref: objectMeta }],
        },
      },
    },
    { group, version, kind },
  );
  components[customName(resource, listKind)] = withKind(
    {
      description: `${listKind} is a list of ${kind}`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { description: apiVersionDescription, ...text },
        kind: { description: kindDescription, ...text },
        metadata: { description: listMetadataDescription, allOf: [{ $ref: listMeta }] },
        items: { type: 'array', items: item },
      },
    },
    { group, version, kind: listKind },
  );
}

function withKind(
  schema: JsonSchema,
  kind: { readonly group: string; readonly version: string; readonly kind: string },
): JsonSchema {
  const extended: JsonSchema & { readonly 'x-kubernetes-group-version-kind': unknown } = {
    ...schema,
    'x-kubernetes-group-version-kind': [kind],
  };
  return extended;
}

/** Names of all components that a schema refers to. */
function referencesIn(schema: unknown): readonly string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
    } else if (isJsonObject(value)) {
      const reference = value['$ref'];
      if (typeof reference === 'string') found.add(reference.slice(referencePrefix.length));
      for (const inner of Object.values(value)) visit(inner);
    }
  };
  visit(schema);
  return [...found];
}

function sorted(components: Components): Components {
  return Object.fromEntries(
    Object.entries(components).toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}
