// OpenAPI documents without what only APIs speak of that the subject does not serve: their paths are named, and not what hangs on them.

import { isJsonObject } from '@tweendeck/std';
import { shapeOf } from './shape.ts';

export interface Pruned {
  /** The reference's document without the paths that the subject lacks, and without the schemas and parameters that only they need. */
  readonly document: Readonly<Record<string, unknown>>;
  /** The resources of those paths, and the paths that are no resource's. */
  readonly absent: readonly { readonly group: string; readonly resource: string }[];
}

type Json = Readonly<Record<string, unknown>>;

const within = (value: unknown, key: string): Json => {
  const inner = isJsonObject(value) ? value[key] : undefined;
  return isJsonObject(inner) ? inner : {};
};

/** Holds for OpenAPI v2 and v3. */
export function withoutUnserved(expected: Json, actual: Json): Pruned {
  const served = within(actual, 'paths');
  const all = Object.entries(within(expected, 'paths'));
  const paths = Object.fromEntries(all.filter(([path]) => Object.hasOwn(served, path)));
  const absent = new Map(
    all
      .filter(([path]) => !Object.hasOwn(served, path))
      .map(([path]) => [JSON.stringify(ownerOf(path)), ownerOf(path)]),
  );
  const pruned: Json = { ...expected, paths };
  return { document: withNeeded(pruned, actual), absent: [...absent.values()] };
}

function ownerOf(path: string): { readonly group: string; readonly resource: string } {
  const shape = shapeOf({ method: 'GET', path, headers: {}, body: Buffer.alloc(0) });
  if (shape.kind !== 'resource') return { group: '', resource: `OpenAPI path ${path}` };
  const { group, resource, subresource } = shape;
  const [name] = subresource.split('/');
  return { group, resource: name ? `${resource}/${name}` : resource };
}

/** Of schemas and shared parameters that no path needs any more those stay that the subject has. */
function withNeeded(document: Json, actual: Json): Json {
  const prune = (all: Json, own: Json): Json => {
    const needed = reachable(document['paths'], all);
    return Object.fromEntries(
      Object.entries(all).filter(([name]) => needed.has(name) || Object.hasOwn(own, name)),
    );
  };
  if (document['swagger'] !== undefined) {
    const of = (section: string): Json => prune(within(document, section), within(actual, section));
    return { ...document, definitions: of('definitions'), parameters: of('parameters') };
  }
  const components = within(document, 'components');
  const own = within(within(actual, 'components'), 'schemas');
  const schemas = prune(within(components, 'schemas'), own);
  return { ...document, components: { ...components, schemas } };
}

/** The names of all parts of a document, such as its schemas, that something refers to, directly or not. */
function reachable(from: unknown, parts: Json): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
    } else if (isJsonObject(value)) {
      const reference = value['$ref'];
      const name = typeof reference === 'string' ? reference.replace(/^.*\//, '') : undefined;
      if (name !== undefined && !found.has(name)) {
        found.add(name);
        visit(parts[name]);
      }
      for (const inner of Object.values(value)) visit(inner);
    }
  };
  visit(from);
  return found;
}
