// Nobody hands out rights that he does not have, unless he may `escalate` or `bind`. After kubernetes' pkg/registry/rbac.

import { ApiError, goQuote, goQuotedList } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { copyOf, type Draft, listAt, objectAt, textAt } from '../draft.ts';
import { forbidden } from '../failures.ts';
import type { Writing } from '../writing.ts';
import { missingRole } from './authorizer.ts';
import { missingRights } from './covering.ts';
import { type Rule, rulesOf } from './rule.ts';

const group = 'rbac.authorization.k8s.io';
const fullAuthority: readonly Rule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
];

/** A request for a change that makes an object takes the right to create as well. @throws ApiError Forbidden. */
export function refuseCreation({ access, user, resource, request }: Writing): void {
  const { group: resourceGroup, plural } = resource;
  const { namespace, name } = request;
  const { allowed, reason } = access.authorizer.decide({
    type: 'resource',
    user,
    verb: 'create',
    group: resourceGroup,
    resource: plural,
    subresource: '',
    namespace,
    name,
  });
  if (!allowed) throw forbidden(resource, name, reason);
}

/** Looks at roles and bindings; other kinds pass. @throws ApiError Forbidden, NotFound. */
export function refuseEscalation(
  writing: Writing,
  draft: Draft,
  previous: Draft | undefined,
): void {
  const { resource, user } = writing;
  if (resource.group !== group || user.groups.includes('system:masters')) return;
  if (previous && onlyHousekeeping(draft, previous)) return;
  if (resource.plural.endsWith('bindings')) refuseBinding(writing, draft);
  else refuseRole(writing, draft, previous);
}

/** What the garbage collector changes takes no rights. */
function onlyHousekeeping(draft: Draft, previous: Draft): boolean {
  const next = copyOf(draft);
  const { ownerReferences, finalizers, managedFields, resourceVersion } = previous.metadata;
  Object.assign(next.metadata, { ownerReferences, finalizers, managedFields, resourceVersion });
  return jsonEqual(JSON.parse(JSON.stringify(next)), previous);
}

function refuseRole(writing: Writing, draft: Draft, previous: Draft | undefined): void {
  const { resource, request, access, user } = writing;
  const may = access.authorizer.decide({
    type: 'resource',
    user,
    verb: 'escalate',
    group,
    resource: resource.plural,
    subresource: '',
    namespace: request.namespace,
    name: request.name,
  });
  if (may.allowed) return;
  refuseMore(writing, draft, rulesOf(draft));
  const gathers = [draft, previous].some(
    (role) => listAt(role?.['aggregationRule'], 'clusterRoleSelectors').length > 0,
  );
  if (gathers && missingOf(writing, fullAuthority).length > 0) {
    const message = 'must have cluster-admin privileges to use the aggregationRule';
    throw forbidden(resource, draft.metadata.name ?? '', message);
  }
}

function refuseBinding(writing: Writing, draft: Draft): void {
  const { request, access, user } = writing;
  const ref = objectAt(draft, 'roleRef');
  const role = { kind: textAt(ref, 'kind'), name: textAt(ref, 'name') };
  const plural = { Role: 'roles', ClusterRole: 'clusterroles' }[role.kind];
  const may =
    plural !== undefined &&
    access.authorizer.decide({
      type: 'resource',
      user,
      verb: 'bind',
      group: textAt(ref, 'apiGroup'),
      resource: plural,
      subresource: '',
      namespace: request.namespace,
      name: role.name,
    }).allowed;
  if (may) return;
  if (plural === undefined) {
    throw new ApiError(
      500,
      'InternalError',
      `unsupported role reference kind: ${goQuote(role.kind)}`,
    );
  }
  const rules = access.authorizer.rulesOfRole(role, request.namespace);
  if (!rules) {
    const { plural: asked } = writing.resource; // upstream names what the request is about
    const details = { name: role.name, group, kind: asked };
    throw new ApiError(404, 'NotFound', missingRole(asked, role.name), details);
  }
  refuseMore(writing, draft, rules);
}

function missingOf({ access, user, request }: Writing, rules: readonly Rule[]): readonly string[] {
  return missingRights(access.authorizer.rulesFor(user, request.namespace).rules, rules);
}

function refuseMore(writing: Writing, draft: Draft, rules: readonly Rule[]): void {
  const { user, resource, access, request } = writing;
  const missing = missingOf(writing, rules);
  if (missing.length === 0) return;
  const { problems } = access.authorizer.rulesFor(user, request.namespace, resource.plural);
  const unresolved = problems.length === 0 ? '' : `; resolution errors: [${problems.join(' ')}]`;
  throw forbidden(
    resource,
    draft.metadata.name ?? '',
    `user ${goQuote(user.name)} (groups=${goQuotedList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${missing.join('\n')}${unresolved}`,
  );
}
