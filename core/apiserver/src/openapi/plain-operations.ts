// The paths of a document that are no resources: discovery, version, keys.

import type { ServedResource } from '../registry.ts';
import { definitionPrefix } from './definitions-v2.ts';

type Json = Readonly<Record<string, unknown>>;

const meta = `${definitionPrefix}io.k8s.apimachinery.pkg.apis.meta.v1`;
const version = `${definitionPrefix}io.k8s.apimachinery.pkg.version.Info`;

interface PlainOperation {
  readonly description: string;
  readonly operationId: string;
  readonly tag: string;
  readonly produces: readonly string[];
  readonly consumes?: readonly string[];
  readonly schema: Json;
}

/** By path. Custom groups have none of their own, as upstream. */
export function plainOperations(
  resources: readonly ServedResource[],
): readonly (readonly [string, Json])[] {
  const groups = Map.groupBy(
    resources.filter(({ custom, group }) => !custom && group !== ''),
    ({ group }) => group,
  );
  return [
    discovery('/api/', {
      ...versionsText,
      id: 'getCoreAPIVersions',
      tag: 'core',
      of: 'APIVersions',
    }),
    discovery('/api/v1/', { ...resourcesText, id: 'getCoreV1APIResources', tag: 'core_v1' }),
    discovery('/apis/', { ...versionsText, id: 'getAPIVersions', tag: 'apis', of: 'APIGroupList' }),
    ...[...groups].flatMap(([group, members]) => groupPaths(group, members)),
    ...furtherPaths,
  ];
}

const json = ['application/json'];
const versionsText = { text: 'get available API versions' };
const resourcesText = { text: 'get available resources', of: 'APIResourceList' };

function discovery(
  path: string,
  { text, id, tag, of }: Readonly<Record<'text' | 'id' | 'tag' | 'of', string>>,
): readonly [string, Json] {
  const types = [...json, 'application/yaml'];
  return [
    path,
    get({
      ...{ description: text, operationId: id, tag, consumes: types, produces: types },
      schema: { $ref: `${meta}.${of}` },
    }),
  ];
}

function groupPaths(
  group: string,
  members: readonly ServedResource[],
): readonly (readonly [string, Json])[] {
  const words = group.replace(/\.k8s\.io$/, '').split('.');
  const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
  const name = words.map(capital).join('');
  const tag = words.map((word, index) => (index === 0 ? word : capital(word))).join('');
  const versions = [...new Set(members.map((member) => member.version))];
  return [
    discovery(`/apis/${group}/`, {
      ...{ text: 'get information of a group', of: 'APIGroup' },
      ...{ id: `get${name}APIGroup`, tag },
    }),
    ...versions.map((each) =>
      discovery(`/apis/${group}/${each}/`, {
        ...resourcesText,
        ...{ id: `get${name}${capital(each)}APIResources`, tag: `${tag}_${each}` },
      }),
    ),
  ];
}

const text: Json = { type: 'string' };

const furtherPaths: readonly (readonly [string, Json])[] = [
  [
    '/version/',
    get({
      ...{ description: 'get the version information for this server', tag: 'version' },
      ...{ operationId: 'getCodeVersion', consumes: json, produces: json },
      schema: { $ref: version },
    }),
  ],
  [
    '/.well-known/openid-configuration/',
    get({
      description:
        "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
      ...{ operationId: 'getServiceAccountIssuerOpenIDConfiguration', tag: 'WellKnown' },
      ...{ produces: json, schema: text },
    }),
  ],
  [
    '/openid/v1/jwks/',
    get({
      description:
        'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
      ...{ operationId: 'getServiceAccountIssuerOpenIDKeyset', tag: 'openid' },
      ...{ produces: ['application/jwk-set+json'], schema: text },
    }),
  ],
];

function get({ description, operationId, tag, consumes, produces, schema }: PlainOperation): Json {
  return {
    get: {
      ...(consumes === undefined ? {} : { consumes }),
      ...{ description, operationId, produces },
      responses: { 200: { description: 'OK', schema }, 401: { description: 'Unauthorized' } },
      ...{ schemes: ['https'], tags: [tag] },
    },
  };
}
