// What an OpenAPI v2 document consists of: paths, definitions, and parameters that many paths share.

import { isJsonObject } from '@tweendeck/std';
import type { ServedResource } from '../registry.ts';
import type { BuiltInSchemas } from '../schema/built-in-schemas.ts';
import {
  builtInDefinition,
  customDefinition,
  customListDefinition,
  type Definition,
  definitionPrefix,
} from './definitions-v2.ts';
import { withDescriptions } from './descriptions.ts';
import type { Section } from './document-protobuf.ts';
import { ModelNames } from './model-names.ts';
import { ownDefinitions } from './own-definitions.ts';
import type { RouteParameter } from './parameters.ts';
import {
  answerTexts,
  bearerToken,
  documentInfo,
  extensionsOf,
  routesByPath,
  sharedParameters,
} from './path-items.ts';
import { PieceV2 } from './piece-v2.ts';
import { plainRoutes } from './plain-routes.ts';
import { type Model, type Route, routesOf } from './routes.ts';
import { ParameterNames } from './shared-parameters.ts';

type Json = Readonly<Record<string, unknown>>;
type Definitions = Map<string, Definition>;

export interface DocumentSource {
  readonly resources: readonly ServedResource[];
  readonly schemas: BuiltInSchemas;
}

/** What stands around the pieces of a document. */
export const frameV2: Json = {
  swagger: '2.0',
  info: documentInfo,
  securityDefinitions: { BearerToken: bearerToken },
  security: [{ BearerToken: [] }],
};

/** What describes the built-in kinds, and the paths that are no resources. */
export function builtInPieces({ resources, schemas }: DocumentSource): readonly PieceV2[] {
  return piecesOf([plainRoutes(resources), ...resources.map(routesOf)], {
    schemas,
    names: new ModelNames(resources, schemas),
  });
}

/** What describes a custom kind; what it refers to of the built-in ones is theirs. */
export function customPieces(
  resource: ServedResource,
  schemas: BuiltInSchemas,
): readonly PieceV2[] {
  const names = new ModelNames([resource], schemas);
  return piecesOf([routesOf(resource)], { schemas, names }).filter(
    ({ section, key }) => section !== 'definitions' || names.custom.has(key),
  );
}

function piecesOf(
  groups: readonly (readonly Route[])[],
  { schemas, names }: { readonly schemas: BuiltInSchemas; readonly names: ModelNames },
): readonly PieceV2[] {
  const shared = new ParameterNames();
  const refer = (model: Model): Json => referenceTo(names.of(model), model);
  const paths = new Map<string, Json>();
  for (const [path, own] of routesByPath(groups)) paths.set(path, itemOf(own, { refer, shared }));
  const described = [...paths.values(), ...shared.all.values()];
  const definitions = definitionsOf(described, { schemas, names });
  const made = (section: Section, entries: ReadonlyMap<string, unknown>): readonly PieceV2[] =>
    [...entries].map(([key, value]) => new PieceV2(section, key, value));
  return [
    ...made('definitions', definitions),
    ...made('parameters', shared.all),
    ...made('paths', paths),
  ];
}

function referenceTo(name: string | undefined, model: Model): Json {
  if (name !== undefined) return { $ref: `${definitionPrefix}${name}` };
  return { type: model === 'text' ? 'string' : 'object' };
}

interface Rendering {
  readonly refer: (model: Model) => Json;
  readonly shared: ParameterNames;
}

function itemOf(routes: readonly Route[], rendering: Rendering): Json {
  const { common, ownOf } = sharedParameters(routes);
  const operations = routes.map((route) => {
    return [route.method, operationOf(route, ownOf(route), rendering)] as const;
  });
  const parameters = parametersOf(common.map(parameterOf), rendering);
  return {
    ...Object.fromEntries(operations),
    ...(parameters.length === 0 ? {} : { parameters }),
  };
}

function operationOf(
  route: Route,
  parameters: readonly RouteParameter[],
  { refer, shared }: Rendering,
): Json {
  const { body, model } = route;
  const own: readonly Json[] = [
    ...(body
      ? [
          {
            ...{ name: 'body', in: 'body' },
            ...(body.required ? { required: true } : {}),
            schema: refer(body.model),
          },
        ]
      : []),
    ...parameters.map(parameterOf),
  ];
  return {
    ...(route.consumes.length === 0 ? {} : { consumes: route.consumes }),
    description: route.description,
    operationId: route.operationId,
    ...(own.length === 0 ? {} : { parameters: parametersOf(own, { refer, shared }) }),
    produces: route.produces,
    responses: {
      ...Object.fromEntries(
        route.answers.map((code) => [
          code,
          { description: answerTexts[code] ?? '', schema: refer(model) },
        ]),
      ),
      401: { description: 'Unauthorized' },
    },
    schemes: ['https'],
    tags: [route.tag],
    ...extensionsOf(route),
  };
}

function parameterOf({ name, in: place, type, description }: RouteParameter): Json {
  // In the order in which upstream writes them, for shared ones are named by their content.
  return {
    ...{ uniqueItems: true, type },
    ...(description === undefined ? {} : { description }),
    ...{ name, in: place },
    ...(place === 'path' ? { required: true } : {}),
  };
}

function parametersOf(parameters: readonly Json[], { shared }: Rendering): readonly Json[] {
  return parameters
    .toSorted((left, right) => (String(left['name']) < String(right['name']) ? -1 : 1))
    .map((parameter) => shared.refer(parameter));
}

/** Everything that pieces of a document refer to, and what that refers to. */
function definitionsOf(
  pieces: readonly Json[],
  { schemas, names }: { readonly schemas: BuiltInSchemas; readonly names: ModelNames },
): Definitions {
  const found: Definitions = new Map();
  const add = (name: string): void => {
    if (found.has(name)) return;
    const component = schemas.components[name] ?? ownDefinitions[name];
    const definition =
      customOf(name, names) ?? (component && builtInDefinition(withDescriptions(name, component)));
    if (!definition) return;
    found.set(name, definition);
    for (const inner of referencesIn(definition)) add(inner);
  };
  for (const name of referencesIn(pieces)) add(name);
  return found;
}

function customOf(name: string, names: ModelNames): Definition | undefined {
  const { resource, isList = false } = names.custom.get(name) ?? {};
  if (!resource) return undefined;
  return isList
    ? customListDefinition(resource, names.of(resource) ?? '')
    : customDefinition(resource);
}

/** Names of all definitions that a piece of the document refers to. */
function referencesIn(piece: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
    } else if (isJsonObject(value)) {
      const reference = value['$ref'];
      if (typeof reference === 'string' && reference.startsWith(definitionPrefix)) {
        found.add(reference.slice(definitionPrefix.length));
      }
      for (const inner of Object.values(value)) visit(inner);
    }
  };
  visit(piece);
  return found;
}
