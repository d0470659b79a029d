// The OpenAPI v2 document of everything that is served: paths, definitions, and parameters that many paths share.

import type { JsonSchema } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { ServedResource } from '../registry.ts';
import type { BuiltInSchemas, GroupVersionKind } from '../schema/built-in-schemas.ts';
import { versionInfo } from '../version.ts';
import {
  builtInDefinition,
  customDefinition,
  customListDefinition,
  type Definition,
  definitionPrefix,
} from './definitions-v2.ts';
import { withDescriptions } from './descriptions.ts';
import type { RouteParameter } from './parameters.ts';
import { plainOperations } from './plain-operations.ts';
import { type Model, type Route, routesOf } from './routes.ts';
import { ParameterNames } from './shared-parameters.ts';

type Json = Readonly<Record<string, unknown>>;
type Definitions = Map<string, Definition>;

export interface DocumentSource {
  /** Built-in ones first: their paths and definitions win. */
  readonly resources: readonly ServedResource[];
  readonly schemas: BuiltInSchemas;
}

/** Made anew each time; keys in the order that upstream writes them in, so that equal content is equal bytes. */
export function documentV2({ resources, schemas }: DocumentSource): Json {
  const names = customNames(resources, schemas);
  const shared = new ParameterNames();
  const refer = (model: Model): Json => schemaOf(model, { schemas, names });
  const paths = new Map<string, Json>(plainOperations(resources));
  for (const resource of resources) {
    for (const [path, routes] of Map.groupBy(routesOf(resource), (route) => route.path)) {
      if (!paths.has(path)) paths.set(path, itemOf(routes, { refer, shared }));
    }
  }
  const described = [...paths.values(), ...shared.all.values()];
  const definitions = definitionsOf(described, { resources, schemas, names });
  return {
    definitions: sorted(definitions),
    info: { title: 'Kubernetes', version: versionInfo['gitVersion'] },
    parameters: sorted(shared.all),
    paths: sorted(paths),
    security: [{ BearerToken: [] }],
    securityDefinitions: {
      BearerToken: {
        description: 'Bearer Token authentication',
        in: 'header',
        name: 'authorization',
        type: 'apiKey',
      },
    },
    swagger: '2.0',
  };
}

type CustomNames = ReadonlyMap<string, string>;
const keyOf = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}/${kind}`;

/** Names of the definitions of custom kinds and their lists: the group reversed; `_v2` if a built-in kind has that name. */
function customNames(resources: readonly ServedResource[], schemas: BuiltInSchemas): CustomNames {
  const names = new Map<string, string>();
  for (const { custom, group, version, kind, listKind } of resources) {
    if (!custom) continue;
    for (const each of [kind, listKind]) {
      const name = [...group.split('.').toReversed(), version, each].join('.');
      const taken = Object.hasOwn(schemas.components, name);
      names.set(keyOf({ group, version, kind: each }), taken ? `${name}_v2` : name);
    }
  }
  return names;
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

function schemaOf(
  model: Model,
  { schemas, names }: { readonly schemas: BuiltInSchemas; readonly names: CustomNames },
): Json {
  if (model === 'text') return { type: 'string' };
  const name =
    typeof model === 'string'
      ? `${meta}.${model}`
      : (names.get(keyOf(model)) ?? schemas.nameOf(model));
  return name === undefined ? { type: 'object' } : { $ref: `${definitionPrefix}${name}` };
}

interface Rendering {
  readonly refer: (model: Model) => Json;
  readonly shared: ParameterNames;
}

/** One path: what all its operations take stands once, beside them. */
function itemOf(routes: readonly Route[], rendering: Rendering): Json {
  const key = (parameter: RouteParameter): string => `${parameter.in} ${parameter.name}`;
  const [first = [], ...others] = routes.map(({ parameters }) => parameters);
  const common = first.filter((one) =>
    others.every((list) => list.some((other) => key(other) === key(one))),
  );
  const commonKeys = new Set(common.map(key));
  const operations = routes.map((route) => {
    const rest = route.parameters.filter((parameter) => !commonKeys.has(key(parameter)));
    return [route.method, operationOf(route, rest, rendering)] as const;
  });
  return Object.fromEntries([
    ...operations,
    ['parameters', parametersOf(common.map(parameterOf), rendering)],
  ]);
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
            in: 'body',
            name: 'body',
            ...(body.required ? { required: true } : {}),
            schema: refer(body.model),
          },
        ]
      : []),
    ...parameters.map(parameterOf),
  ];
  return {
    consumes: route.consumes,
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
    'x-kubernetes-action': route.action,
    'x-kubernetes-group-version-kind': route.kind,
  };
}

const answerTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
};

function parameterOf({ name, in: place, type, description }: RouteParameter): Json {
  return {
    ...(description === undefined ? {} : { description }),
    in: place,
    name,
    ...(place === 'path' ? { required: true } : {}),
    type,
    uniqueItems: true,
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
  { resources, schemas, names }: DocumentSource & { readonly names: CustomNames },
): Definitions {
  const found: Definitions = new Map();
  const custom = new Map(
    resources
      .filter((resource) => resource.custom)
      .flatMap((resource) => {
        const { kind, listKind } = resource;
        const nameOf = (each: string): string =>
          names.get(keyOf({ ...resource, kind: each })) ?? '';
        return [
          [nameOf(kind), () => customDefinition(resource)],
          [nameOf(listKind), () => customListDefinition(resource, nameOf(kind))],
        ] as const;
      }),
  );
  const add = (name: string): void => {
    if (found.has(name)) return;
    const component: JsonSchema | undefined = schemas.components[name];
    const definition =
      custom.get(name)?.() ??
      (component && builtInDefinition(withDescriptions(name, component))) ??
      ownDefinitions[name];
    if (!definition) return;
    found.set(name, definition);
    for (const inner of referencesIn(definition)) add(inner);
  };
  for (const name of referencesIn(pieces)) add(name);
  return found;
}

const text = { type: 'string' } as const;
const versionTexts = [
  ...['buildDate', 'compiler', 'emulationMajor', 'emulationMinor', 'gitCommit', 'gitTreeState'],
  ...['gitVersion', 'goVersion', 'major', 'minCompatibilityMajor', 'minCompatibilityMinor'],
  ...['minor', 'platform'],
];

/** What only this document describes. */
const ownDefinitions: Readonly<Record<string, Definition>> = {
  [`${meta.replace('.apis.meta.v1', '')}.version.Info`]: {
    properties: Object.fromEntries(versionTexts.map((name) => [name, text])),
    required: [
      ...['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate'],
      ...['goVersion', 'compiler', 'platform'],
    ],
    type: 'object',
  },
};

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

function sorted<V>(entries: ReadonlyMap<string, V>): Readonly<Record<string, V>> {
  return Object.fromEntries([...entries].sort(([left], [right]) => (left < right ? -1 : 1)));
}
