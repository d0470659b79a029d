// Picks the aggregated-discovery entries of the resources that the embedded API server serves.

import { servedKinds } from './kind-types.ts';

interface DiscoverySubresource {
  readonly subresource: string;
  readonly [field: string]: unknown;
}

interface DiscoveryResource {
  readonly resource: string;
  readonly subresources?: readonly DiscoverySubresource[];
  readonly [field: string]: unknown;
}

interface DiscoveryGroup {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly DiscoveryResource[];
  }[];
}

export interface Discovery {
  readonly api: { readonly items: readonly DiscoveryGroup[] };
  readonly apis: { readonly items: readonly DiscoveryGroup[] };
}

const servedSubresources = new Set([
  ...['attach', 'binding', 'eviction', 'exec', 'finalize', 'log', 'scale', 'status', 'token'],
]);

/** Resources that are answered and not stored, beside those of {@link servedKinds}. */
const further: readonly string[] = [
  '/v1/bindings',
  ...['selfsubjectreviews', 'tokenreviews'].map((each) => `authentication.k8s.io/v1/${each}`),
  ...[
    'localsubjectaccessreviews',
    'selfsubjectaccessreviews',
    'selfsubjectrulesreviews',
    'subjectaccessreviews',
  ].map((each) => `authorization.k8s.io/v1/${each}`),
];

/**
 * The text of the API server's `generated/discovery.json`: `[{ group, version, resources }]`, resources as in
 * `APIResourceDiscovery` of apidiscovery.k8s.io/v2; sorted by group, version and resource, one resource a line.
 */
export function servedDiscovery(discovery: Discovery): string {
  const wanted = new Set([
    ...servedKinds.map(([, group, version, plural]) => `${group}/${version}/${plural}`),
    ...further,
  ]);
  const groups = [...discovery.api.items, ...discovery.apis.items].flatMap((group) =>
    group.versions.map(({ version, resources }) => {
      const name = group.metadata.name ?? '';
      return {
        group: name,
        version,
        resources: resources
          .filter(({ resource }) => wanted.delete(`${name}/${version}/${resource}`))
          .map(withServedSubresources)
          .sort((left, right) => (left.resource < right.resource ? -1 : 1)),
      };
    }),
  );
  if (wanted.size > 0) throw new Error(`the release data has no resources ${[...wanted]}`);
  return textOf(
    groups
      .filter(({ resources }) => resources.length > 0)
      .sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1)),
  );
}

const keyOf = (group: { readonly group: string; readonly version: string }): string =>
  `${group.group}/${group.version}`;

function withServedSubresources(resource: DiscoveryResource): DiscoveryResource {
  const { subresources = [], ...rest } = resource;
  const served = subresources
    .filter(({ subresource }) => servedSubresources.has(subresource))
    .sort((left, right) => (left.subresource < right.subresource ? -1 : 1));
  return served.length === 0 ? rest : { ...rest, subresources: served };
}

function textOf(
  groups: readonly {
    readonly group: string;
    readonly version: string;
    readonly resources: readonly DiscoveryResource[];
  }[],
): string {
  const texts = groups.map(({ group, version, resources }) => {
    const lines = resources.map((resource) => JSON.stringify(resource)).join(',\n');
    return `{"group":${JSON.stringify(group)},"version":${JSON.stringify(version)},"resources":[\n${lines}\n]}`;
  });
  return `[\n${texts.join(',\n')}\n]\n`;
}
