// Discovery: which groups, versions and resources there are, aggregated and in the plain lists.

import type { ApiResponse } from '@tweendeck/kube';
import { noSuchPath, notAcceptable } from './failures.ts';
import { encodingOf, mediaRanges } from './negotiation.ts';
import type { Registry, ServedResource } from './registry.ts';
import { apiVersionText } from './rendering.ts';
import { jsonResponse } from './response.ts';

const groupVersionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Answers `/api`, `/apis` and what lies below them short of resources; undefined for other paths. @throws ApiError NotFound, NotAcceptable. */
export function discover(
  registry: Registry,
  path: string,
  accept: string | undefined,
): ApiResponse | undefined {
  const [root, first, second, ...more] = path.split('/').filter((segment) => segment !== '');
  if (more.length > 0 || (root !== 'api' && root !== 'apis')) return undefined;
  if (root === 'api') {
    if (second !== undefined) return undefined;
    return first === undefined
      ? rootAnswer(registry, 'api', accept)
      : jsonResponse(200, resourceList(registry, { group: '', version: first }));
  }
  if (first === undefined) return rootAnswer(registry, 'apis', accept);
  if (second === undefined) return jsonResponse(200, groupAnswer(registry, first));
  return jsonResponse(200, resourceList(registry, { group: first, version: second }));
}

function rootAnswer(
  registry: Registry,
  root: 'api' | 'apis',
  accept: string | undefined,
): ApiResponse {
  for (const { type, parameters } of mediaRanges(accept)) {
    if (encodingOf(type) !== 'json') continue;
    const as = parameters.get('as');
    if (as === undefined) {
      return jsonResponse(200, root === 'api' ? apiVersions() : groupList(registry));
    }
    const version = parameters.get('v');
    if (as !== 'APIGroupDiscoveryList' || parameters.get('g') !== 'apidiscovery.k8s.io') continue;
    if (version !== 'v2' && version !== 'v2beta1') continue;
    const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    return jsonResponse(200, aggregated(registry, root, version), { 'content-type': contentType });
  }
  throw notAcceptable(['application/json']);
}

function apiVersions(): unknown {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

interface Group {
  readonly name: string;
  /** Best first. */
  readonly versions: readonly string[];
}

/** All groups in the order they are served, the core group first. */
function groupsOf(registry: Registry): readonly Group[] {
  const versions = new Map<string, Set<string>>();
  for (const { group, version } of registry.all) {
    const known = versions.get(group) ?? new Set();
    versions.set(group, known.add(version));
  }
  return [...versions].map(([name, all]) => ({ name, versions: [...all].toSorted(byPriority) }));
}

/** Kubernetes' version order: stable before beta before alpha, then the higher number first; others last by name. */
export function byPriority(left: string, right: string): number {
  const [first, second] = [rankOf(left), rankOf(right)];
  if (!first || !second) return first ? -1 : second ? 1 : left < right ? -1 : 1;
  for (const [index, rank] of first.entries()) {
    const difference = (second[index] ?? 0) - rank;
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(version: string): readonly number[] | undefined {
  const match = groupVersionPattern.exec(version);
  if (!match) return undefined;
  const [, major, stage, minor] = match;
  return [stage === undefined ? 2 : stage === 'beta' ? 1 : 0, Number(major), Number(minor ?? 0)];
}

function groupOf({ name, versions }: Group): unknown {
  const all = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

function groupList(registry: Registry): unknown {
  const groups = groupsOf(registry).filter(({ name }) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupOf) };
}

function groupAnswer(registry: Registry, name: string): unknown {
  const group = groupsOf(registry).find((each) => each.name === name);
  if (!group || name === '') throw noSuchPath();
  return { kind: 'APIGroup', apiVersion: 'v1', ...Object(groupOf(group)) };
}

function resourceList(registry: Registry, { group, version }: GroupVersion): unknown {
  const found = registry.all.filter((each) => each.group === group && each.version === version);
  if (found.length === 0) throw noSuchPath();
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionText({ group, version }),
    resources: found
      .toSorted((left, right) => (left.plural < right.plural ? -1 : 1))
      .flatMap(plainOf),
  };
}

function plainOf(resource: ServedResource): readonly unknown[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    ...resource.subresources.map((subresource) => ({
      name: `${plural}/${subresource.name}`,
      singularName: '',
      namespaced,
      ...(subresource.group === undefined
        ? {}
        : { group: subresource.group, version: subresource.version }),
      kind: subresource.kind,
      verbs: subresource.verbs,
    })),
  ];
}

function aggregated(registry: Registry, root: 'api' | 'apis', version: string): unknown {
  const groups = groupsOf(registry).filter(({ name }) => (name === '') === (root === 'api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: { ...(name === '' ? {} : { name }), creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each,
        resources: registry.all
          .filter((resource) => resource.group === name && resource.version === each)
          .toSorted((left, right) => (left.plural < right.plural ? -1 : 1))
          .map(discoveredOf),
        freshness: 'Current',
      })),
    })),
  };
}

function discoveredOf(resource: ServedResource): unknown {
  const { group, version, kind, shortNames, categories } = resource;
  const builtIn = { group: '', version: '', kind };
  return {
    resource: resource.plural,
    responseKind: resource.custom ? { group, version, kind } : builtIn,
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(resource.subresources.length > 0
      ? {
          subresources: resource.subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: {
              group: subresource.group ?? (resource.custom ? group : ''),
              version: subresource.version ?? (resource.custom ? version : ''),
              kind: subresource.kind,
            },
            verbs: subresource.verbs,
          })),
        }
      : {}),
  };
}
