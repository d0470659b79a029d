// Whether a webhook is asked about a write, and as which version of the resource. After apiserver's generic webhook plugin.

import type { Draft } from '../draft.ts';
import type { Hook, HookRule } from './webhook-set.ts';

/** A resource in one version. */
export interface ResourceVersion {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** What about a write decides who is asked. */
export interface Matchable {
  readonly operation: string;
  readonly resource: ResourceVersion;
  readonly subresource: string;
  /** A namespace is inside itself; empty for everything else that is in none. */
  readonly namespace: string;
  /** Other versions and groups under which the same objects are served. */
  readonly equivalents: readonly ResourceVersion[];
  readonly object: Draft | undefined;
  readonly previous: Draft | undefined;
  /** Labels of the namespace; undefined when there is none of that name. */
  readonly namespaceLabels: () => Readonly<Record<string, string>> | undefined;
}

export type Match =
  | { readonly type: 'none' }
  /** Asked as this version. */
  | { readonly type: 'asked'; readonly as: ResourceVersion }
  /** Nobody can tell: its namespace is not there. */
  | { readonly type: 'no-namespace' };

const none: Match = { type: 'none' };

/** All but the match conditions, which come last. */
export function matchHook(hook: Hook, write: Matchable): Match {
  const within = namespaceMatches(hook, write);
  if (within === false || !objectMatches(hook, write)) return none;
  const as = matchingVersion(hook, write);
  if (!as) return none;
  return within === undefined ? { type: 'no-namespace' } : { type: 'asked', as };
}

function namespaceMatches({ namespaces }: Hook, write: Matchable): boolean | undefined {
  const { resource, namespace, operation, subresource } = write;
  const isNamespace = resource.group === '' && resource.plural === 'namespaces';
  if (namespace === '' && !isNamespace) return true;
  if (namespaces.requirements.length === 0) return true;
  if (isNamespace && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')) {
    return namespaces.matches(write.object?.metadata.labels);
  }
  const labels = write.namespaceLabels();
  return labels && namespaces.matches(labels);
}

function objectMatches({ objects }: Hook, { object, previous }: Matchable): boolean {
  if (objects.requirements.length === 0) return true;
  return [object, previous].some(
    (each) => each && 'metadata' in each && objects.matches(each.metadata.labels), // options have none
  );
}

function matchingVersion(hook: Hook, write: Matchable): ResourceVersion | undefined {
  if (hook.rules.some((rule) => ruleMatches(rule, write, write.resource))) return write.resource;
  if (!hook.equivalent) return undefined;
  for (const rule of hook.rules) {
    const found = write.equivalents.find((each) => ruleMatches(rule, write, each));
    if (found) return found;
  }
  return undefined;
}

function ruleMatches(rule: HookRule, write: Matchable, resource: ResourceVersion): boolean {
  const has = (items: readonly string[], wanted: string): boolean =>
    items.includes('*') || items.includes(wanted);
  return (
    scopeMatches(rule.scope, write) &&
    has(rule.operations, write.operation) &&
    has(rule.apiGroups, resource.group) &&
    has(rule.apiVersions, resource.version) &&
    rule.resources.some((each) => resourceMatches(each, resource.plural, write.subresource))
  );
}

function scopeMatches(scope: string, { resource, namespace }: Matchable): boolean {
  if (scope === '*') return true;
  const inside = namespace !== '' && !(resource.group === '' && resource.plural === 'namespaces');
  return inside === (scope === 'Namespaced');
}

/** `pods`, `pods/status`, `pods/*`, `*`, and `*` with a subresource. */
function resourceMatches(pattern: string, plural: string, subresource: string): boolean {
  const slash = pattern.indexOf('/');
  const [resource, part] =
    slash < 0 ? [pattern, ''] : [pattern.slice(0, slash), pattern.slice(slash + 1)];
  return (resource === '*' || resource === plural) && (part === '*' || part === subresource);
}

/** Whether hooks may be asked about writes of a resource at all, whatever the operation. */
export function mayMatch(hook: Hook, versions: readonly ResourceVersion[]): boolean {
  const has = (items: readonly string[], wanted: string): boolean =>
    items.includes('*') || items.includes(wanted);
  return hook.rules.some((rule) =>
    versions.some(
      ({ group, plural }) =>
        has(rule.apiGroups, group) &&
        rule.resources.some((each) => has([each.split('/')[0] ?? ''], plural)),
    ),
  );
}
