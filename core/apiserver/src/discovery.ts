// Discovery: which groups, versions and resources there are, aggregated and in the plain lists.

import { createHash } from 'node:crypto';
import type { ApiResponse } from '@tweendeck/kube';
import { noSuchPath, noSuchResource, notAcceptable } from './failures.ts';
import { encodingOf, mediaRanges } from './negotiation.ts';
import type { Registry, ServedResource } from './registry.ts';
import { apiVersionText } from './rendering.ts';
import { bytesResponse, jsonResponse } from './response.ts';

interface Asking {
  readonly accept: string | undefined;
  /** `host:port` under which the client reached us. */
  readonly host: string;
  readonly ifNoneMatch: string | undefined;
}

const groupVersionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Answers `/api`, `/apis` and what lies below them short of resources; undefined for other paths. @throws ApiError NotFound, NotAcceptable. */
export function discover(
  registry: Registry,
  path: string,
  { accept, host, ifNoneMatch }: Asking,
): ApiResponse | undefined {
  const [root, first, second, ...more] = path.split('/').filter((segment) => segment !== '');
  if (more.length > 0 || (root !== 'api' && root !== 'apis')) return undefined;
  if (root === 'api') {
    if (second !== undefined) return undefined;
    return first === undefined
      ? rootAnswer(registry, 'api', { accept, host, ifNoneMatch })
      : jsonResponse(200, resourceList(registry, { group: '', version: first }));
  }
  if (first === undefined) return rootAnswer(registry, 'apis', { accept, host, ifNoneMatch });
  if (second === undefined) return jsonResponse(200, groupAnswer(registry, first));
  return jsonResponse(200, resourceList(registry, { group: first, version: second }));
}

function rootAnswer(
  registry: Registry,
  root: 'api' | 'apis',
  { accept, host, ifNoneMatch }: Asking,
): ApiResponse {
  for (const { type, parameters } of mediaRanges(accept)) {
    if (encodingOf(type) !== 'json') continue;
    const as = parameters.get('as');
    if (as === undefined) {
      return jsonResponse(200, root === 'api' ? apiVersions(host) : groupList(registry));
    }
    const version = parameters.get('v');
    if (as !== 'APIGroupDiscoveryList' || parameters.get('g') !== 'apidiscovery.k8s.io') continue;
    if (version !== 'v2') continue;
    const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const response = cachedResponse(aggregated(registry, root, version), ifNoneMatch);
    return { ...response, headers: { ...response.headers, 'content-type': contentType } };
  }
  throw notAcceptable(discoveryTypes);
}

/** A document that clients keep, and ask whether it is still so. */
function cachedResponse(document: unknown, ifNoneMatch: string | undefined): ApiResponse {
  const body = Buffer.from(`${JSON.stringify(document)}\n`);
  const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
  const headers = { 'cache-control': 'public', etag, vary: 'Accept' };
  if (ifNoneMatch === etag) return bytesResponse(304, 'application/json', [], headers);
  return bytesResponse(200, 'application/json', [body], headers);
}

function apiVersions(serverAddress: string): unknown {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

const discoveryTypes = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
];

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
  return [...versions]
    .map(([name, all]) => ({ name, versions: [...all].toSorted(byPriority) }))
    .toSorted((left, right) => placeOf(left.name) - placeOf(right.name));
}

/** Built-in groups as Kubernetes orders them by their priorities; others follow as they are. */
const groupOrder: readonly string[] = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];

function placeOf(group: string): number {
  const place = groupOrder.indexOf(group);
  return place < 0 ? groupOrder.length : place;
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

/** Whether a group is one of Kubernetes' own. */
export function hasBuiltIn({ all }: Registry, group: string): boolean {
  return all.some((resource) => resource.group === group && !resource.custom);
}

function resourceList(registry: Registry, { group, version }: GroupVersion): unknown {
  const found = registry.all.filter((each) => each.group === group && each.version === version);
  if (found.length === 0) throw noSuchResource({ isBuiltIn: hasBuiltIn(registry, group) });
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : { apiVersion: 'v1' }), // upstream's oldest answer never had it
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
      ...(verbs.includes('list') ? { storageVersionHash: storageHash(resource) } : {}),
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

/** Changes when objects come to be stored in another form: of built-in kinds that is the group in which they are kept. */
function storageHash({ storagePrefix, version, kind }: ServedResource): string {
  const kept = storagePrefix.split('/')[2] ?? '';
  const group = kept === 'core' ? '' : kept;
  // Upstream keeps definitions in their oldest form.
  const stored = kind === 'CustomResourceDefinition' ? 'v1beta1' : version;
  const hash = createHash('sha256').update(`${group}/${stored}/${kind}`).digest();
  return hash.subarray(0, 8).toString('base64');
}

function aggregated(registry: Registry, root: 'api' | 'apis', version: string): unknown {
  const groups = groupsOf(registry).filter(({ name }) => (name === '') === (root === 'api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: name === '' ? {} : { name },
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
