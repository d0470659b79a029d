// One rule of a role: what it allows, and how it is printed. After k8s.io/kubernetes/pkg/apis/rbac/v1.

import { goQuote } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { AccessAttributes } from './attributes.ts';

/** A PolicyRule with every list there. */
export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** The rules of a stored Role or ClusterRole. */
export function rulesOf(role: object): readonly Rule[] {
  const rules: unknown = 'rules' in role ? role.rules : undefined;
  return Array.isArray(rules) ? rules.map(ruleOf) : [];
}

export function ruleOf(value: unknown): Rule {
  const textsAt = (key: string): readonly string[] => {
    const inner = isJsonObject(value) ? value[key] : undefined;
    return Array.isArray(inner) ? inner.map(String) : [];
  };
  return {
    verbs: textsAt('verbs'),
    apiGroups: textsAt('apiGroups'),
    resources: textsAt('resources'),
    resourceNames: textsAt('resourceNames'),
    nonResourceURLs: textsAt('nonResourceURLs'),
  };
}

export function ruleAllows(rule: Rule, asked: AccessAttributes): boolean {
  if (!oneOf(rule.verbs, asked.verb)) return false;
  if (asked.type === 'path') return rule.nonResourceURLs.some((url) => urlCovers(url, asked.path));
  const { resourceNames } = rule;
  return (
    oneOf(rule.apiGroups, asked.group) &&
    resourceMatches(rule.resources, asked.resource, asked.subresource) &&
    (resourceNames.length === 0 || resourceNames.includes(asked.name))
  );
}

function oneOf(allowed: readonly string[], wanted: string): boolean {
  return allowed.includes('*') || allowed.includes(wanted);
}

function resourceMatches(
  resources: readonly string[],
  resource: string,
  subresource: string,
): boolean {
  if (subresource === '') return oneOf(resources, resource);
  return oneOf(resources, `${resource}/${subresource}`) || resources.includes(`*/${subresource}`);
}

/** Whether a path, or everything below a `*`, lies within `owner`. */
export function urlCovers(owner: string, path: string): boolean {
  return owner === path || (owner.endsWith('*') && path.startsWith(owner.replace(/\*+$/, '')));
}

/** As error messages print a rule. */
export function ruleText(rule: Rule): string {
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const texts = parts.flatMap(([name, items]) =>
    items.length > 0 ? [`${name}:${quotedList(items)}`] : [],
  );
  return `{${texts.join(', ')}}`;
}

/** As Go's `%q` prints a list of texts. */
export function quotedList(items: readonly string[]): string {
  return `[${items.map(goQuote).join(' ')}]`;
}
