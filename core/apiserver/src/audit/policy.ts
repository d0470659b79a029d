// Which requests are written down, and how much of them. After apiserver's audit policy.

import { readFile } from 'node:fs/promises';
import { dnsSubdomainProblems } from '@tweendeck/kube';
import { isJsonObject, messageOf, PlatformError } from '@tweendeck/std';
import type { AccessAttributes } from '../access/attributes.ts';

type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

const levels: readonly AuditLevel[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const stages: readonly AuditStage[] = [
  'RequestReceived',
  'ResponseStarted',
  'ResponseComplete',
  'Panic',
];

/** What a policy says of one request. */
export interface AuditRuling {
  readonly level: AuditLevel;
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

interface PolicyRule extends AuditRuling {
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly namespaces: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** The first rule that fits counts; without one nothing is written. */
export interface AuditPolicy {
  readonly rules: readonly PolicyRule[];
}

const silence: AuditRuling = { level: 'None', omitStages: [], omitManagedFields: false };

/** Every request, without its content. */
export const metadataPolicy: AuditPolicy = {
  rules: [
    {
      ...silence,
      level: 'Metadata',
      users: [],
      userGroups: [],
      verbs: [],
      resources: [],
      namespaces: [],
      nonResourceURLs: [],
    },
  ],
};

/** Reads a policy file, YAML or JSON. @throws PlatformError APISERVER_AUDIT_POLICY_INVALID. */
export async function readAuditPolicy(path: string): Promise<AuditPolicy> {
  let value: unknown;
  try {
    const { parse } = await import('yaml');
    value = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw invalid(path, messageOf(cause), cause);
  }
  return parseAuditPolicy(value, path);
}

/** Takes a parsed document for a policy. @throws PlatformError APISERVER_AUDIT_POLICY_INVALID. */
export function parseAuditPolicy(value: unknown, path: string): AuditPolicy {
  if (
    !isJsonObject(value) ||
    value['kind'] !== 'Policy' ||
    value['apiVersion'] !== 'audit.k8s.io/v1'
  ) {
    throw invalid(path, 'it is no Policy of audit.k8s.io/v1');
  }
  const parser = new Parser();
  const omitStages = parser.stagesAt(value, 'omitStages', '');
  const omitManagedFields = value['omitManagedFields'] === true;
  const rules = listAt(value, 'rules').map((rule, position) =>
    parser.rule(rule, `rules[${position}]`, { omitStages, omitManagedFields }),
  );
  if (rules.length === 0) parser.problems.push('rules: at least one is required');
  if (parser.problems.length > 0) throw invalid(path, parser.problems.join('; '));
  return { rules };
}

function invalid(path: string, problem: string, cause?: unknown): PlatformError {
  return new PlatformError('APISERVER_AUDIT_POLICY_INVALID', `${path}: ${problem}`, {
    cause,
    hint: 'Mend the file. The Kubernetes documentation of auditing describes its form.',
  });
}

type Given = Readonly<Record<string, unknown>>;

class Parser {
  readonly problems: string[] = [];

  rule(
    rule: Given,
    at: string,
    whole: { readonly omitStages: readonly AuditStage[]; readonly omitManagedFields: boolean },
  ): PolicyRule {
    const level = levels.find((each) => each === rule['level']);
    if (!level) this.problems.push(`${at}.level: must be one of ${levels.join(', ')}`);
    const nonResourceURLs = textsAt(rule, 'nonResourceURLs');
    this.#urls(nonResourceURLs, at);
    const resources = listAt(rule, 'resources').map((each) => this.#resources(each, at));
    const namespaces = textsAt(rule, 'namespaces');
    if (nonResourceURLs.length > 0 && resources.length + namespaces.length > 0) {
      const problem = 'rules cannot apply to both regular resources and non-resource URLs';
      this.problems.push(`${at}.nonResourceURLs: ${problem}`);
    }
    const { omitManagedFields } = rule;
    return {
      level: level ?? 'None',
      users: textsAt(rule, 'users'),
      userGroups: textsAt(rule, 'userGroups'),
      verbs: textsAt(rule, 'verbs'),
      resources,
      namespaces,
      nonResourceURLs,
      omitStages: [
        ...new Set([...whole.omitStages, ...this.stagesAt(rule, 'omitStages', `${at}.`)]),
      ],
      omitManagedFields:
        typeof omitManagedFields === 'boolean' ? omitManagedFields : whole.omitManagedFields,
    };
  }

  stagesAt(value: Given, key: string, at: string): readonly AuditStage[] {
    return textsAt(value, key).flatMap((text) => {
      const stage = stages.find((each) => each === text);
      if (!stage) this.problems.push(`${at}${key}: allowed stages are ${stages.join(',')}`);
      return stage ?? [];
    });
  }

  #urls(urls: readonly string[], at: string): void {
    for (const url of urls) {
      if (url !== '*' && !url.startsWith('/')) {
        const problem = "non-resource URL rules must begin with a '/' character";
        this.problems.push(`${at}.nonResourceURLs: ${problem}`);
      }
      if (url.slice(0, -1).includes('*')) {
        const problem = "non-resource URL wildcards '*' must be the final character of the rule";
        this.problems.push(`${at}.nonResourceURLs: ${problem}`);
      }
    }
  }

  #resources(value: Given, at: string): GroupResources {
    const group = typeof value['group'] === 'string' ? value['group'] : '';
    const resources = textsAt(value, 'resources');
    const resourceNames = textsAt(value, 'resourceNames');
    if (group !== '') {
      for (const problem of dnsSubdomainProblems(group)) {
        this.problems.push(`${at}.resources.group: ${problem}`);
      }
    }
    if (resourceNames.length > 0 && resources.length === 0) {
      const problem = 'using resourceNames requires at least one resource';
      this.problems.push(`${at}.resources.resourceNames: ${problem}`);
    }
    return { group, resources, resourceNames };
  }
}

function textsAt(value: Given, key: string): readonly string[] {
  const list = value[key];
  return Array.isArray(list) ? list.map(String) : [];
}

function listAt(value: Given, key: string): readonly Given[] {
  const list = value[key];
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

/** What the policy says of a request. */
export function rulingOf(policy: AuditPolicy, asked: AccessAttributes): AuditRuling {
  return policy.rules.find((rule) => fits(rule, asked)) ?? silence;
}

function fits(rule: PolicyRule, asked: AccessAttributes): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = rule;
  const { user, verb } = asked;
  if (users.length > 0 && !users.includes(user.name)) return false;
  if (userGroups.length > 0 && !user.groups.some((each) => userGroups.includes(each))) return false;
  if (verbs.length > 0 && !verbs.includes(verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) {
    if (asked.type !== 'resource') return false;
    if (namespaces.length > 0 && !namespaces.includes(asked.namespace)) return false;
    return resources.length === 0 || resources.some((each) => resourceFits(each, asked));
  }
  if (nonResourceURLs.length === 0) return true;
  return asked.type === 'path' && nonResourceURLs.some((each) => pathFits(each, asked.path));
}

function pathFits(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}

function resourceFits(
  { group, resources, resourceNames }: GroupResources,
  asked: Extract<AccessAttributes, { readonly type: 'resource' }>,
): boolean {
  if (group !== asked.group) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(asked.name)) return false;
  const { resource, subresource } = asked;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(
    (each) =>
      each === '*' ||
      each === whole ||
      each === `${resource}/*` ||
      (subresource !== '' && each === `*/${subresource}`),
  );
}
