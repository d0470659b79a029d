// Questions about rights: may I, may he, what may I. After k8s.io/kubernetes/pkg/registry/authorization.

import {
  type ApiResponse,
  type FieldError,
  fieldInvalid,
  fieldRequired,
  invalidError,
  type UserInfo,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Draft, type Fields, objectAt, textAt } from '../draft.ts';
import { badRequest } from '../failures.ts';
import { ownByUpdate } from '../field-manager.ts';
import { type ResourceCall, writingOf } from '../resource-call.ts';
import { jsonResponse } from '../response.ts';
import type { AccessAttributes } from './attributes.ts';
import { aggregate } from './authorizer.ts';

type Review = (call: ResourceCall, draft: Draft) => ApiResponse;

export const selfSubjectAccessReview: Review = (call, draft) => {
  const spec = objectAt(draft, 'spec');
  refuse([...attributeProblems(spec), ...selectorProblems(spec), ...metadataProblems(draft)]);
  return answerAccess(call, draft, asked(call.user, spec));
};

export const subjectAccessReview: Review = (call, draft) => {
  const spec = objectAt(draft, 'spec');
  refuse([
    ...attributeProblems(spec),
    ...subjectProblems(spec),
    ...selectorProblems(spec),
    ...metadataProblems(draft),
  ]);
  return answerAccess(call, draft, asked(subjectOf(spec), spec));
};

export const localSubjectAccessReview: Review = (call, draft) => {
  const spec = objectAt(draft, 'spec');
  const { namespace } = call.request;
  draft.metadata.namespace ??= namespace;
  refuse([
    ...attributeProblems(spec),
    ...subjectProblems(spec),
    ...selectorProblems(spec),
    ...metadataProblems(draft, 'namespace'),
    ...localProblems(draft, spec),
  ]);
  if (draft.metadata.namespace !== namespace) {
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  }
  return answerAccess(call, draft, asked(subjectOf(spec), spec));
};

export const selfSubjectRulesReview: Review = ({ services, user }, draft) => {
  const namespace = textAt(draft['spec'], 'namespace');
  if (namespace === '') throw badRequest('no namespace on request');
  const { rules, problems } = services.access.authorizer.rulesFor(user, namespace);
  return jsonResponse(201, {
    kind: draft.kind,
    apiVersion: draft.apiVersion,
    metadata: {},
    spec: {},
    status: {
      resourceRules: rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
        resources.length === 0
          ? []
          : [
              {
                verbs,
                apiGroups,
                resources,
                ...(resourceNames.length > 0 ? { resourceNames } : {}),
              },
            ],
      ),
      nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) =>
        nonResourceURLs.length === 0 ? [] : [{ verbs, nonResourceURLs }],
      ),
      incomplete: false,
      ...(problems.length > 0 ? { evaluationError: aggregate(problems) } : {}),
    },
  });
};

function answerAccess(call: ResourceCall, draft: Draft, attributes: AccessAttributes): ApiResponse {
  const { allowed, reason } = call.services.access.authorizer.decide(attributes);
  ownByUpdate(writingOf(call, 'CreateOptions'), { previous: undefined, next: draft, part: 'main' });
  return jsonResponse(201, {
    ...draft,
    status: { allowed, ...(reason === '' ? {} : { reason }) },
  });
}

function asked(user: UserInfo, spec: Fields): AccessAttributes {
  const path = spec['nonResourceAttributes'];
  if (isJsonObject(path)) {
    return { type: 'path', user, verb: textAt(path, 'verb'), path: textAt(path, 'path') };
  }
  const resource = objectAt(spec, 'resourceAttributes');
  return {
    type: 'resource',
    user,
    verb: textAt(resource, 'verb'),
    group: textAt(resource, 'group'),
    resource: textAt(resource, 'resource'),
    subresource: textAt(resource, 'subresource'),
    namespace: textAt(resource, 'namespace'),
    name: textAt(resource, 'name'),
  };
}

function subjectOf(spec: Fields): UserInfo {
  return { name: textAt(spec, 'user'), groups: textsAt(spec, 'groups') };
}

function textsAt(value: Fields, key: string): readonly string[] {
  const inner = value[key];
  return Array.isArray(inner) ? inner.map(String) : [];
}

/** As upstream, without saying what it is about. */
function refuse(problems: readonly FieldError[]): void {
  if (problems.length === 0) return;
  throw invalidError({ group: 'authorization.k8s.io', kind: '' }, '', problems);
}

function attributeProblems(spec: Fields): readonly FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec;
  const problems: FieldError[] = [];
  if (resourceAttributes && nonResourceAttributes) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    problems.push(fieldInvalid('spec.nonResourceAttributes', nonResourceAttributes, detail));
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    problems.push(fieldInvalid('spec.resourceAttributes', null, detail));
  }
  return problems;
}

function selectorProblems({ resourceAttributes }: Fields): readonly FieldError[] {
  return ['fieldSelector', 'labelSelector'].flatMap((key) =>
    oneSelectorProblems(resourceAttributes, key),
  );
}

function oneSelectorProblems(attributes: unknown, key: string): readonly FieldError[] {
  const selector = isJsonObject(attributes) ? attributes[key] : undefined;
  if (!isJsonObject(selector)) return [];
  const at = `spec.resourceAttributes.${key}`;
  const raw = textAt(selector, 'rawSelector');
  const requirements = selector['requirements'];
  const has = Array.isArray(requirements) && requirements.length > 0;
  if (raw !== '' && has) {
    const detail = 'may not specified at the same time as requirements';
    return [fieldInvalid(`${at}.rawSelector`, raw, detail)];
  }
  if (raw !== '' || has) return [];
  const detail = `when ${at} is specified, requirements or rawSelector is required`;
  return [fieldRequired(`${at}.requirements`, detail)];
}

function subjectProblems(spec: Fields): readonly FieldError[] {
  const user = textAt(spec, 'user');
  if (user !== '' || textsAt(spec, 'groups').length > 0) return [];
  return [fieldInvalid('spec.user', user, 'at least one of user or group must be specified')];
}

function metadataProblems({ metadata }: Draft, except = ''): readonly FieldError[] {
  const said = Object.entries(metadata).filter(
    ([key, value]) => key !== except && key !== 'managedFields' && value !== null,
  );
  if (said.length === 0) return [];
  const detail = except === '' ? 'must be empty' : `must be empty except for ${except}`;
  return [fieldInvalid('metadata', metadata, detail)];
}

function localProblems({ metadata }: Draft, spec: Fields): readonly FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec;
  const problems: FieldError[] = [];
  if (resourceAttributes) {
    const namespace = textAt(resourceAttributes, 'namespace');
    if (namespace !== metadata.namespace) {
      const at = 'spec.resourceAttributes.namespace';
      problems.push(fieldInvalid(at, namespace, 'must match metadata.namespace'));
    }
  }
  if (nonResourceAttributes) {
    const detail = 'disallowed on this kind of request';
    problems.push(fieldInvalid('spec.nonResourceAttributes', nonResourceAttributes, detail));
  }
  return problems;
}
