// Webhook configurations: what may be left out of them, and what they must say. After kubernetes' admissionregistration.

import {
  compileCondition,
  dns1035LabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooMany,
  path,
  portNumberProblems,
  qualifiedNameProblems,
  validateLabelSelector,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, listAt, setDefault, textAt } from '../draft.ts';
import type { Strategy } from '../strategy.ts';
import { webhookColumns } from '../table/access-columns.ts';
import type { KindRules } from './kind-rules.ts';

const strategyOf = (mutating: boolean): Partial<Strategy> => ({
  generation: 'counted',
  defaults(draft) {
    for (const hook of listAt(draft, 'webhooks')) fillHook(hook, mutating);
  },
  validate: (draft, previous) => {
    const conditionsKept =
      previous !== undefined && jsonEqual(conditionsOf(draft), conditionsOf(previous));
    const names = new Set<string>();
    return listAt(draft, 'webhooks').flatMap((hook, position) => {
      const at = path('webhooks').index(position);
      const name = textAt(hook, 'name');
      const twice = name !== '' && names.has(name);
      names.add(name);
      return [
        ...hookProblems(hook, at, { mutating, conditionsKept }),
        ...reviewVersionProblems(hook, at.child('admissionReviewVersions')),
        ...(twice ? [fieldDuplicate(at.child('name'), name)] : []),
      ];
    });
  },
});

export const mutatingWebhookRules: KindRules = {
  columns: webhookColumns,
  strategy: strategyOf(true),
};
export const validatingWebhookRules: KindRules = {
  columns: webhookColumns,
  strategy: strategyOf(false),
};

const conditionsOf = (draft: Draft): unknown =>
  listAt(draft, 'webhooks').map((hook) => hook['matchConditions']);

function fillHook(hook: Fields, mutating: boolean): void {
  setDefault(hook, 'failurePolicy', 'Fail');
  setDefault(hook, 'matchPolicy', 'Equivalent');
  setDefault(hook, 'namespaceSelector', {});
  setDefault(hook, 'objectSelector', {});
  setDefault(hook, 'timeoutSeconds', 10);
  if (mutating) setDefault(hook, 'reinvocationPolicy', 'Never');
  for (const rule of listAt(hook, 'rules')) setDefault(rule, 'scope', '*');
  const client = hook['clientConfig'];
  const service = isJsonObject(client) ? client['service'] : undefined;
  if (isJsonObject(service)) setDefault(service, 'port', 443);
}

interface HookOptions {
  readonly mutating: boolean;
  readonly conditionsKept: boolean;
}

function hookProblems(
  hook: Fields,
  at: FieldPath,
  { mutating, conditionsKept }: HookOptions,
): readonly FieldError[] {
  const problems: FieldError[] = [...nameProblems(textAt(hook, 'name'), at.child('name'))];
  for (const [position, rule] of listAt(hook, 'rules').entries()) {
    problems.push(...ruleProblems(rule, at.child('rules').index(position)));
  }
  const oneOf = (key: string, values: readonly string[]): void => {
    const value = hook[key];
    if (value === undefined || value === null || values.includes(String(value))) return;
    problems.push(fieldNotSupported(at.child(key), String(value), values));
  };
  oneOf('failurePolicy', ['Fail', 'Ignore']);
  oneOf('matchPolicy', ['Equivalent', 'Exact']);
  const effects = ['None', 'NoneOnDryRun'];
  if (hook['sideEffects'] === undefined || hook['sideEffects'] === null) {
    const detail = `must specify one of ${effects.join(', ')}`;
    problems.push(fieldRequired(at.child('sideEffects'), detail));
  }
  oneOf('sideEffects', effects);
  const timeout = hook['timeoutSeconds'];
  if (typeof timeout === 'number' && (timeout > 30 || timeout < 1)) {
    const detail = 'the timeout value must be between 1 and 30 seconds';
    problems.push(fieldInvalid(at.child('timeoutSeconds'), timeout, detail));
  }
  for (const key of ['namespaceSelector', 'objectSelector']) {
    const selector = hook[key];
    if (isJsonObject(selector)) problems.push(...validateLabelSelector(selector, at.child(key)));
  }
  if (mutating) oneOf('reinvocationPolicy', ['IfNeeded', 'Never']);
  problems.push(...clientProblems(hook['clientConfig'], at.child('clientConfig')));
  if (!conditionsKept) problems.push(...conditionProblems(hook, at.child('matchConditions')));
  return problems;
}

/** Names of webhooks are domain names with three parts at least. */
function nameProblems(name: string, at: FieldPath): readonly FieldError[] {
  if (name === '') return [fieldRequired(at)];
  const problems = dnsSubdomainProblems(name);
  if (problems.length > 0) return [fieldInvalid(at, name, problems.join(','))];
  if (name.split('.').length >= 3) return [];
  return [
    fieldInvalid(at, name, 'should be a domain with at least three segments separated by dots'),
  ];
}

function textsAt(object: Fields, key: string): readonly string[] {
  const list = object[key];
  return Array.isArray(list) ? list.map(String) : [];
}

function ruleProblems(rule: Fields, at: FieldPath): readonly FieldError[] {
  const known = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
  const operations = textsAt(rule, 'operations');
  const problems: FieldError[] = listProblems(operations, at.child('operations'), 'operations');
  for (const [position, operation] of operations.entries()) {
    if (known.includes(operation)) continue;
    problems.push(fieldNotSupported(at.child('operations').index(position), operation, known));
  }
  problems.push(...listProblems(textsAt(rule, 'apiGroups'), at.child('apiGroups'), 'API groups'));
  const versions = textsAt(rule, 'apiVersions');
  problems.push(...listProblems(versions, at.child('apiVersions'), 'API versions'));
  for (const [position, version] of versions.entries()) {
    if (version === '') problems.push(fieldRequired(at.child('apiVersions').index(position)));
  }
  problems.push(...resourceProblems(textsAt(rule, 'resources'), at.child('resources')));
  const { scope } = rule;
  const scopes = ['*', 'Cluster', 'Namespaced'];
  if (typeof scope === 'string' && !scopes.includes(scope)) {
    problems.push(fieldNotSupported(at.child('scope'), scope, scopes));
  }
  return problems;
}

function listProblems(items: readonly string[], at: FieldPath, what: string): FieldError[] {
  if (items.length === 0) return [fieldRequired(at)];
  if (items.length === 1 || !items.includes('*')) return [];
  return [fieldInvalid(at, items, `if '*' is present, must not specify other ${what}`)];
}

function resourceProblems(resources: readonly string[], at: FieldPath): readonly FieldError[] {
  if (resources.length === 0) return [fieldRequired(at)];
  const problems: FieldError[] = [];
  const [whole, everywhere] = [new Set<string>(), new Set<string>()];
  for (const [position, each] of resources.entries()) {
    if (each === '') problems.push(fieldRequired(at.index(position)));
    const slash = each.indexOf('/');
    if (slash < 0) continue;
    const [resource, subresource] = [each.slice(0, slash), each.slice(slash + 1)];
    if (whole.has(resource)) {
      const detail = `if '${resource}/*' is present, must not specify ${each}`;
      problems.push(fieldInvalid(at.index(position), each, detail));
    }
    if (everywhere.has(subresource)) {
      const detail = `if '*/${subresource}' is present, must not specify ${each}`;
      problems.push(fieldInvalid(at.index(position), each, detail));
    }
    if (subresource === '*') whole.add(resource);
    if (resource === '*') everywhere.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    problems.push(
      fieldInvalid(at, resources, "if '*/*' is present, must not specify other resources"),
    );
  }
  if (
    resources.includes('*') &&
    resources.some((each) => each !== '' && each !== '*' && !each.includes('/'))
  ) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    problems.push(fieldInvalid(at, resources, detail));
  }
  return problems;
}

function clientProblems(client: unknown, at: FieldPath): readonly FieldError[] {
  const config = isJsonObject(client) ? client : {};
  const { url, service } = config;
  if ((typeof url === 'string') === isJsonObject(service)) {
    return [fieldRequired(at, 'exactly one of url or service is required')];
  }
  return isJsonObject(service)
    ? serviceProblems(service, at.child('service'))
    : urlProblems(String(url), at.child('url'));
}

function urlProblems(text: string, at: FieldPath): readonly FieldError[] {
  const form = '; desired format: https://host[/path]';
  const match =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(
      text,
    );
  const [, scheme = '', user, host = '', , query = '', fragment = ''] = match ?? [];
  const problems: FieldError[] = [];
  if (scheme.toLowerCase() !== 'https') {
    const detail = `'https' is the only allowed URL scheme${form}`;
    problems.push(fieldInvalid(at, scheme.toLowerCase(), detail));
  }
  if (host === '') problems.push(fieldInvalid(at, host, `host must be specified${form}`));
  if (user !== undefined) {
    problems.push(fieldInvalid(at, user, 'user information is not permitted in the URL'));
  }
  if (fragment !== '') {
    problems.push(fieldInvalid(at, fragment, 'fragments are not permitted in the URL'));
  }
  if (query !== '') {
    problems.push(fieldInvalid(at, query, 'query parameters are not permitted in the URL'));
  }
  return problems;
}

function serviceProblems(service: Fields, at: FieldPath): readonly FieldError[] {
  const problems: FieldError[] = [];
  // Upstream hands both over the wrong way round, and names the other one.
  if (textAt(service, 'namespace') === '') problems.push(fieldRequired(at.child('name')));
  if (textAt(service, 'name') === '') problems.push(fieldRequired(at.child('namespace')));
  const port = Number(service['port']);
  const wrong = portNumberProblems(port);
  if (wrong.length > 0) {
    problems.push(fieldInvalid(at.child('port'), port, `port is not valid: ${wrong.join(', ')}`));
  }
  const { path: urlPath } = service;
  if (typeof urlPath === 'string') problems.push(...pathProblems(urlPath, at.child('path')));
  return problems;
}

function pathProblems(urlPath: string, at: FieldPath): readonly FieldError[] {
  if (urlPath === '/' || urlPath === '') return [];
  if (urlPath === '//') return [fieldInvalid(at, urlPath, 'segment[0] may not be empty')];
  const problems: FieldError[] = [];
  if (!urlPath.startsWith('/')) problems.push(fieldInvalid(at, urlPath, "must start with a '/'"));
  const steps = urlPath.slice(1).replace(/\/$/, '').split('/');
  for (const [position, step] of steps.entries()) {
    const failures = step === '' ? ['may not be empty'] : dnsSubdomainProblems(step);
    for (const failure of failures) {
      const detail =
        step === '' ? `segment[${position}] ${failure}` : `segment[${position}]: ${failure}`;
      problems.push(fieldInvalid(at, urlPath, detail));
    }
  }
  return problems;
}

function conditionProblems(hook: Fields, at: FieldPath): readonly FieldError[] {
  const conditions = listAt(hook, 'matchConditions');
  const names = new Set<string>();
  const problems: FieldError[] = [];
  if (conditions.length > 64)
    problems.push(fieldTooMany(at, { items: conditions.length, itemsMax: 64 }));
  for (const [position, condition] of conditions.entries()) {
    const own = at.index(position);
    const expression = textAt(condition, 'expression').trim();
    const problem = expression === '' ? undefined : compileCondition(expression).problem;
    if (expression === '') problems.push(fieldRequired(own.child('expression')));
    if (problem !== undefined)
      problems.push(fieldInvalid(own.child('expression'), expression, problem));
    const name = textAt(condition, 'name');
    if (name === '') problems.push(fieldRequired(own.child('name')));
    else {
      for (const text of qualifiedNameProblems(name)) {
        problems.push(fieldInvalid(own.child('name'), name, text));
      }
      if (names.has(name)) problems.push(fieldDuplicate(own.child('name'), name));
    }
    names.add(name);
  }
  return problems;
}

function reviewVersionProblems(hook: Fields, at: FieldPath): readonly FieldError[] {
  const versions = textsAt(hook, 'admissionReviewVersions');
  const accepted = ['v1', 'v1beta1'];
  if (versions.length === 0) {
    return [fieldRequired(at, `must specify one of ${accepted.join(', ')}`)];
  }
  const problems = versions.flatMap((version, position) =>
    versions.indexOf(version) < position
      ? [fieldInvalid(at.index(position), version, 'duplicate version')]
      : dns1035LabelProblems(version).map((text) =>
          fieldInvalid(at.index(position), version, text),
        ),
  );
  if (versions.some((version) => accepted.includes(version))) return problems;
  const detail = `must include at least one of ${accepted.join(', ')}`;
  return [...problems, fieldInvalid(at, versions, detail)];
}
