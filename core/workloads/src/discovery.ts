// What a server serves: every resource that can be listed, watched and deleted, custom ones included.

import type { Client } from '@tweendeck/client';
import { groupResourceOf, type KubeObject, parseApiVersion, type Resource } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';

export interface DiscoveredResource extends Resource<KubeObject> {
  readonly verbs: ReadonlySet<string>;
}

export interface Discovery {
  /** One version of each resource, the one its group prefers. */
  readonly resources: readonly DiscoveredResource[];
  /** Group versions that could not be read, with what the server said: what lies there is unknown, not absent. */
  readonly failures: ReadonlyMap<string, unknown>;
}

/** Reads the plain discovery documents. @throws ApiError or PlatformError when not even the lists of groups can be had. */
export async function discoverResources(client: Client, signal: AbortSignal): Promise<Discovery> {
  const groups = await client.request('GET', '/apis', {}, signal);
  const groupVersions = ['v1', ...itemsOf(groups, 'groups').flatMap(versionsOf)];
  const failures = new Map<string, unknown>();
  const resources = new Map<string, DiscoveredResource>();
  const lists = await Promise.allSettled(
    groupVersions.map((each) => client.request('GET', pathOf(each), {}, signal)),
  );
  for (const [index, list] of lists.entries()) {
    const groupVersion = groupVersions[index] ?? '';
    if (list.status === 'rejected') {
      signal.throwIfAborted();
      failures.set(groupVersion, list.reason);
      continue;
    }
    for (const item of itemsOf(list.value, 'resources')) {
      const resource = resourceOf(groupVersion, item);
      if (!resource) continue;
      const key = groupResourceOf(resource);
      if (!resources.has(key)) resources.set(key, resource);
    }
  }
  return { resources: [...resources.values()], failures };
}

function pathOf(groupVersion: string): string {
  return groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
}

/** The versions of a group, the preferred one first. */
function versionsOf(group: Record<string, unknown>): readonly string[] {
  const preferred = isJsonObject(group['preferredVersion']) ? [group['preferredVersion']] : [];
  const texts = [...preferred, ...itemsOf(group, 'versions')].flatMap((version) =>
    typeof version['groupVersion'] === 'string' ? [version['groupVersion']] : [],
  );
  return [...new Set(texts)];
}

function resourceOf(
  groupVersion: string,
  item: Record<string, unknown>,
): DiscoveredResource | undefined {
  const { name, kind, namespaced, verbs } = item;
  if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) return undefined;
  return {
    ...parseApiVersion(groupVersion),
    kind,
    plural: name,
    namespaced: namespaced === true,
    verbs: new Set(Array.isArray(verbs) ? verbs.map(String) : []),
  };
}

function itemsOf(value: unknown, field: string): readonly Record<string, unknown>[] {
  const items = isJsonObject(value) ? value[field] : undefined;
  return Array.isArray(items) ? items.filter(isJsonObject) : [];
}
