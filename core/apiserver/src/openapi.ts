// OpenAPI v3: an index of documents with hashes, a document for each group version, made anew when what is served changes.

import { createHash } from 'node:crypto';
import { type ApiResponse, type JsonSchema, WholeBody } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { customComponent, customListComponent } from './openapi/components-v3.ts';
import { withDescriptions } from './openapi/descriptions.ts';
import { ModelNames } from './openapi/model-names.ts';
import { ownDefinitions } from './openapi/own-definitions.ts';
import { bearerToken, documentInfo, routesByPath } from './openapi/path-items.ts';
import { itemV3 } from './openapi/paths-v3.ts';
import { plainRoutes } from './openapi/plain-routes.ts';
import { type Model, type Route, routesOf } from './openapi/routes.ts';
import type { Registry, ServedResource } from './registry.ts';
import { bytesResponse, jsonResponse } from './response.ts';
import type { BuiltInSchemas } from './schema/built-in-schemas.ts';

const root = '/openapi/v3';
const referencePrefix = '#/components/schemas/';
/** As upstream: not even of what type it is. */
const nothingSaid: ApiResponse = {
  status: 404,
  headers: { 'content-length': '0' },
  body: new WholeBody(Buffer.alloc(0)),
};
const customInfo = { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' };

/** What one document is made of. */
interface Outline {
  /** The custom resources among what it describes. */
  readonly custom: readonly ServedResource[];
  readonly paths: ReadonlyMap<string, readonly Route[]>;
}

/** What is served at one time, as documents see it. */
interface Served {
  readonly generation: number;
  readonly names: ModelNames;
  /** By path, such as `api/v1`, `apis/apps/v1`, `version`. */
  readonly documents: ReadonlyMap<string, Outline>;
}

/** Answers `/openapi/v3` and below; keeps hashes, not documents. */
export class OpenApiDocuments {
  readonly #registry: Registry;
  readonly #schemas: BuiltInSchemas;
  #served: Served | undefined;
  /** By path, with the custom resources that they were made of: the hash stays as long as those do. */
  readonly #hashes = new Map<string, { readonly of: Outline['custom']; readonly hash: string }>();

  constructor(registry: Registry, schemas: BuiltInSchemas) {
    this.#registry = registry;
    this.#schemas = schemas;
  }

  /**
   * Undefined for other paths. A document that is asked for by its hash never changes, and may be kept for ever.
   */
  answer(
    path: string,
    {
      hash,
      ifNoneMatch,
    }: { readonly hash?: string | null; readonly ifNoneMatch?: string | undefined },
  ): ApiResponse | undefined {
    if (path !== root && !path.startsWith(`${root}/`)) return undefined;
    const served = this.#current();
    if (path === root) {
      // As upstream's file server sees it.
      const text = { 'content-type': 'text/plain; charset=utf-8', 'accept-ranges': 'bytes' };
      return jsonResponse(200, { paths: this.#index(served) }, text);
    }
    const key = path.slice(root.length + 1);
    const outline = served.documents.get(key);
    if (!outline) return nothingSaid;
    const current = this.#hashOf(key, outline, served);
    const etag = `"${current}"`;
    const lasting = hash === current ? { 'cache-control': 'public, immutable' } : {};
    const headers = { etag, vary: 'Accept', 'accept-ranges': 'bytes', ...lasting };
    if (ifNoneMatch === etag) return bytesResponse(304, 'application/json', [], headers);
    return bytesResponse(200, 'application/json', [this.#document(outline, served)], headers);
  }

  #current(): Served {
    const { generation, builtIn, all } = this.#registry;
    if (this.#served?.generation === generation) return this.#served;
    const custom = all.filter((resource) => resource.custom);
    const routes = routesByPath([plainRoutes(builtIn), ...all.map(routesOf)]);
    const documents = new Map<
      string,
      { custom: ServedResource[]; paths: Map<string, readonly Route[]> }
    >();
    for (const [path, own] of routes) {
      const key = documentOf(path);
      const known = documents.get(key) ?? { custom: [], paths: new Map() };
      known.paths.set(path, own);
      documents.set(key, known);
    }
    for (const resource of custom) {
      documents.get(`apis/${resource.group}/${resource.version}`)?.custom.push(resource);
    }
    for (const key of this.#hashes.keys()) if (!documents.has(key)) this.#hashes.delete(key);
    this.#served = { generation, names: new ModelNames(all, this.#schemas), documents };
    return this.#served;
  }

  #index(served: Served): unknown {
    const entries = [...served.documents].map(([key, outline]) => [
      key,
      { serverRelativeURL: `${root}/${key}?hash=${this.#hashOf(key, outline, served)}` },
    ]);
    return Object.fromEntries(entries);
  }

  #hashOf(key: string, outline: Outline, served: Served): string {
    const known = this.#hashes.get(key);
    if (known && isSameList(known.of, outline.custom)) return known.hash;
    const digest = createHash('sha512').update(this.#document(outline, served)).digest('hex');
    const hash = digest.toUpperCase();
    this.#hashes.set(key, { of: outline.custom, hash });
    return hash;
  }

  #document({ custom, paths }: Outline, { names }: Served): Buffer {
    const refer = (model: Model): Readonly<Record<string, unknown>> => {
      const name = names.of(model);
      if (name !== undefined) return { $ref: `${referencePrefix}${name}` };
      return { type: model === 'text' ? 'string' : 'object' };
    };
    const items = [...paths].map(([path, routes]) => [path, itemV3(routes, refer)] as const);
    const isCustom = custom.length > 0;
    const components = [...this.#components(items, names)];
    return Buffer.from(
      JSON.stringify({
        openapi: '3.0.0',
        info: isCustom ? customInfo : documentInfo,
        paths: sorted(items),
        components: {
          schemas: sorted(
            components.map(
              ([name, each]) => [name, isCustom ? asClientsKnow(each) : each] as const,
            ),
          ),
          ...(isCustom ? {} : { securitySchemes: { BearerToken: bearerToken } }),
        },
      }),
    );
  }

  /** Everything that pieces of a document refer to, and what that refers to. */
  #components(pieces: unknown, names: ModelNames): ReadonlyMap<string, JsonSchema> {
    const found = new Map<string, JsonSchema>();
    const add = (name: string): void => {
      if (found.has(name)) return;
      const schema = this.#component(name, names);
      if (!schema) return;
      found.set(name, schema);
      for (const inner of referencesIn(schema)) add(inner);
    };
    for (const name of referencesIn(pieces)) add(name);
    return found;
  }

  #component(name: string, names: ModelNames): JsonSchema | undefined {
    const { resource, isList = false } = names.custom.get(name) ?? {};
    if (resource) {
      return isList
        ? customListComponent(resource, names.of(resource) ?? '')
        : customComponent(resource);
    }
    const schema = this.#schemas.components[name] ?? ownDefinitions[name];
    return schema && withDescriptions(name, schema);
  }
}

/** Upstream makes documents of custom kinds with what its client library knows, which lacks some groups. */
const unknownToClients: ReadonlySet<unknown> = new Set([
  ...['admission.k8s.io', 'apiextensions.k8s.io', 'apiregistration.k8s.io', 'imagepolicy.k8s.io'],
]);

function asClientsKnow(
  schema: JsonSchema & { readonly 'x-kubernetes-group-version-kind'?: readonly object[] },
): JsonSchema {
  const kinds = schema['x-kubernetes-group-version-kind'];
  if (!kinds || kinds.length < 2) return schema;
  const known = kinds.filter((kind) => !('group' in kind && unknownToClients.has(kind.group)));
  const changed: typeof schema = { ...schema, 'x-kubernetes-group-version-kind': known };
  return changed;
}

function isSameList<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

/** `api/v1` for what lies under `/api/v1/`, and so on; paths that are no API have a document each. */
function documentOf(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '');
  const length = segments[0] === 'api' ? 2 : segments[0] === 'apis' ? 3 : segments.length;
  return segments.slice(0, length).join('/');
}

/** Names of all components that a piece of a document refers to. */
function referencesIn(piece: unknown): ReadonlySet<string> {
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
  visit(piece);
  return found;
}

function sorted<V>(entries: Iterable<readonly [string, V]>): Readonly<Record<string, V>> {
  return Object.fromEntries([...entries].sort(([left], [right]) => (left < right ? -1 : 1)));
}
