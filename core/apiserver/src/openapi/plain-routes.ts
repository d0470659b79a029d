// The operations on paths that are no resources: discovery, version, keys.

import type { ServedResource } from '../registry.ts';
import { type Model, type Route, tagOf } from './routes.ts';

const json: readonly string[] = ['application/json'];
const jsonOrYaml: readonly string[] = [...json, 'application/yaml'];
/** Upstream names all it reads, though these take no body. */
const readTypes: readonly string[] = [...jsonOrYaml, 'application/vnd.kubernetes.protobuf'];

/** Custom groups have none of their own, as upstream. */
export function plainRoutes(resources: readonly ServedResource[]): readonly Route[] {
  const groups = Map.groupBy(
    resources.filter(({ custom, group }) => !custom && group !== ''),
    ({ group }) => group,
  );
  return [
    discovery('/api/', { ...available, id: 'CoreAPIVersions', tag: 'core', model: 'APIVersions' }),
    discovery('/api/v1/', { ...ofVersion, id: 'CoreV1APIResources', tag: 'core_v1' }),
    discovery('/apis/', { ...available, id: 'APIVersions', tag: 'apis', model: 'APIGroupList' }),
    ...[...groups].flatMap(([group, members]) => groupRoutes(group, members)),
    ...furtherRoutes,
  ];
}

interface Discovery {
  readonly description: string;
  readonly id: string;
  readonly tag: string;
  readonly model: Model;
}

const available = { description: 'get available API versions' };
const ofVersion = { description: 'get available resources', model: 'APIResourceList' } as const;

function discovery(path: string, { description, id, tag, model }: Discovery): Route {
  const operationId = `get${id}`;
  const types = { consumes: readTypes, produces: jsonOrYaml };
  return getRoute({ path, description, operationId, tag, model, ...types });
}

function groupRoutes(group: string, members: readonly ServedResource[]): readonly Route[] {
  const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
  const tag = tagOf(group);
  const name = capital(tag);
  const versions = [...new Set(members.map((member) => member.version))];
  return [
    discovery(`/apis/${group}/`, {
      ...{ description: 'get information of a group', model: 'APIGroup' },
      ...{ id: `${name}APIGroup`, tag },
    }),
    ...versions.map((each) =>
      discovery(`/apis/${group}/${each}/`, {
        ...ofVersion,
        ...{ id: `${name}${capital(each)}APIResources`, tag: `${tag}_${each}` },
      }),
    ),
  ];
}

const furtherRoutes: readonly Route[] = [
  getRoute({
    ...{ path: '/version/', description: 'get the version information for this server' },
    ...{ operationId: 'getCodeVersion', tag: 'version', consumes: json, produces: json },
    model: 'Version',
  }),
  getRoute({
    path: '/.well-known/openid-configuration/',
    description:
      "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
    ...{ operationId: 'getServiceAccountIssuerOpenIDConfiguration', tag: 'WellKnown' },
    ...{ consumes: [], produces: json, model: 'text' },
  }),
  getRoute({
    path: '/openid/v1/jwks/',
    description:
      'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
    ...{ operationId: 'getServiceAccountIssuerOpenIDKeyset', tag: 'openid' },
    ...{ consumes: [], produces: ['application/jwk-set+json'], model: 'text' },
  }),
];

function getRoute(
  route: Omit<Route, 'method' | 'parameters' | 'answers' | 'body' | 'action' | 'kind'>,
): Route {
  const nothing = { action: undefined, kind: undefined, body: undefined };
  return { ...route, ...nothing, method: 'get', parameters: [], answers: [200] };
}
