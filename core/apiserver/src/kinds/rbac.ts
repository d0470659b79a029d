// Roles and their bindings: what a rule must say, whom a binding may name. After k8s.io/kubernetes/pkg/apis/rbac.

import {
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  type LabelSelector,
  labelSelectorFromObject,
  path,
  validateLabelSelector,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, listAt, objectAt, setDefault, textAt } from '../draft.ts';
import type { Strategy } from '../strategy.ts';
import { bindingColumns } from '../table/access-columns.ts';
import type { KindRules } from './kind-rules.ts';

const group = 'rbac.authorization.k8s.io';
const forbiddenNames = ['.', '..'];
const forbiddenParts = ['/', '%'];

/** Names only have to fit into a URL, as `system:node`. */
function pathNameProblems(name: string): readonly string[] {
  if (forbiddenNames.includes(name)) return [`may not be '${name}'`];
  return forbiddenParts
    .filter((part) => name.includes(part))
    .map((part) => `may not contain '${part}'`);
}

const roleStrategy = (namespaced: boolean): Partial<Strategy> => ({
  nameProblems: pathNameProblems,
  createOnUpdate: true,
  defaults(draft) {
    if (draft['rules'] === undefined) draft['rules'] = null; // as Go writes what is not there
    for (const rule of listAt(draft, 'rules')) setDefault(rule, 'verbs', null);
  },
  validate: (draft) => [
    ...listAt(draft, 'rules').flatMap((rule, position) =>
      ruleProblems(rule, { namespaced, at: path('rules').index(position) }),
    ),
    ...aggregationProblems(draft),
  ],
});

export const roleRules: KindRules = { strategy: roleStrategy(true) };
export const clusterRoleRules: KindRules = { strategy: roleStrategy(false) };

function lengthAt(object: Fields, key: string): number {
  const list = object[key];
  return Array.isArray(list) ? list.length : 0;
}

function ruleProblems(
  rule: Fields,
  { namespaced, at }: { readonly namespaced: boolean; readonly at: FieldPath },
): readonly FieldError[] {
  const problems: FieldError[] = [];
  if (lengthAt(rule, 'verbs') === 0) {
    problems.push(fieldRequired(at.child('verbs'), 'verbs must contain at least one value'));
  }
  if (lengthAt(rule, 'nonResourceURLs') > 0) {
    const [field, urls] = [at.child('nonResourceURLs'), rule['nonResourceURLs']];
    if (namespaced) {
      const detail = 'namespaced rules cannot apply to non-resource URLs';
      problems.push(fieldInvalid(field, urls, detail));
    }
    if (['apiGroups', 'resources', 'resourceNames'].some((key) => lengthAt(rule, key) > 0)) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      problems.push(fieldInvalid(field, urls, detail));
    }
    return problems;
  }
  if (lengthAt(rule, 'apiGroups') === 0) {
    const detail = 'resource rules must supply at least one api group';
    problems.push(fieldRequired(at.child('apiGroups'), detail));
  }
  if (lengthAt(rule, 'resources') === 0) {
    const detail = 'resource rules must supply at least one resource';
    problems.push(fieldRequired(at.child('resources'), detail));
  }
  return problems;
}

function aggregationProblems(draft: Draft): readonly FieldError[] {
  if (!draft['aggregationRule']) return [];
  const at = path('aggregationRule').child('clusterRoleSelectors');
  const selectors = listAt(draft['aggregationRule'], 'clusterRoleSelectors');
  if (selectors.length === 0) {
    const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
    return [fieldRequired(at, detail)];
  }
  return selectors.flatMap((selector, position) => {
    const problems = validateLabelSelector(selector, at.index(position));
    if (isSelector(selector)) return problems;
    return [...problems, fieldInvalid(at.index(position), null, 'invalid label selector.')];
  });
}

function isSelector(selector: LabelSelector): boolean {
  try {
    labelSelectorFromObject(selector);
    return true;
  } catch {
    return false;
  }
}

const bindingStrategy = (namespaced: boolean): Partial<Strategy> => ({
  nameProblems: pathNameProblems,
  createOnUpdate: true,
  defaults(draft) {
    const role = objectAt(draft, 'roleRef');
    if (!role['apiGroup']) role['apiGroup'] = group;
    for (const subject of listAt(draft, 'subjects')) {
      const owned = subject['kind'] === 'User' || subject['kind'] === 'Group';
      if (owned && !subject['apiGroup']) subject['apiGroup'] = group;
      if (subject['apiGroup'] === '') delete subject['apiGroup'];
    }
  },
  validate: (draft, previous) => [
    ...roleRefProblems(draft, namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']),
    ...listAt(draft, 'subjects').flatMap((subject, position) =>
      subjectProblems(subject, { namespaced, at: path('subjects').index(position) }),
    ),
    ...(previous && !jsonEqual(previous['roleRef'], draft['roleRef'])
      ? [fieldInvalid(path('roleRef'), internalRoleRef(draft), 'cannot change roleRef')]
      : []),
  ],
});

export const roleBindingRules: KindRules = {
  columns: bindingColumns,
  strategy: bindingStrategy(true),
};
export const clusterRoleBindingRules: KindRules = {
  columns: bindingColumns,
  strategy: bindingStrategy(false),
};

/** With the names of upstream's own type, which its message prints. */
function internalRoleRef(draft: Draft): unknown {
  const { apiGroup, kind, name } = objectAt(draft, 'roleRef');
  return { APIGroup: apiGroup, Kind: kind, Name: name };
}

function roleRefProblems(draft: Draft, kinds: readonly string[]): readonly FieldError[] {
  const role = objectAt(draft, 'roleRef');
  const [apiGroup, kind, name] = [
    textAt(role, 'apiGroup'),
    textAt(role, 'kind'),
    textAt(role, 'name'),
  ];
  const at = path('roleRef');
  const problems: FieldError[] = [];
  if (apiGroup !== group) {
    problems.push(fieldNotSupported(at.child('apiGroup'), apiGroup, [group]));
  }
  if (!kinds.includes(kind)) problems.push(fieldNotSupported(at.child('kind'), kind, kinds));
  if (name === '') problems.push(fieldRequired(at.child('name')));
  for (const text of pathNameProblems(name)) {
    problems.push(fieldInvalid(at.child('name'), name, text));
  }
  return problems;
}

function subjectProblems(
  subject: Fields,
  { namespaced, at }: { readonly namespaced: boolean; readonly at: FieldPath },
): readonly FieldError[] {
  const [apiGroup, kind, name] = [
    textAt(subject, 'apiGroup'),
    textAt(subject, 'kind'),
    textAt(subject, 'name'),
  ];
  const problems: FieldError[] = [];
  if (name === '') problems.push(fieldRequired(at.child('name')));
  switch (kind) {
    case 'ServiceAccount':
      for (const text of name === '' ? [] : dnsSubdomainProblems(name)) {
        problems.push(fieldInvalid(at.child('name'), name, text));
      }
      if (apiGroup !== '') {
        problems.push(fieldNotSupported(at.child('apiGroup'), apiGroup, ['']));
      }
      if (!namespaced && textAt(subject, 'namespace') === '') {
        problems.push(fieldRequired(at.child('namespace')));
      }
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== group) {
        problems.push(fieldNotSupported(at.child('apiGroup'), apiGroup, [group]));
      }
      break;
    default: {
      const kinds = ['ServiceAccount', 'User', 'Group'];
      problems.push(fieldNotSupported(at.child('kind'), kind, kinds));
    }
  }
  return problems;
}
