// Acting as somebody else: the headers that ask for it, and the rights that it takes. After apiserver's WithImpersonation.

import { ApiError, type UserInfo } from '@tweendeck/kube';
import type { AccessAttributes } from './attributes.ts';
import { type Authorizer, refusalOf } from './authorizer.ts';
import { serviceAccountGroups } from './token-authenticator.ts';

type Headers = Readonly<Record<string, string>>;

const extraPrefix = 'impersonate-extra-';

/** The user to act as; `user` when no header asks for another. @throws ApiError Forbidden, InternalError. */
export function impersonated(user: UserInfo, headers: Headers, authorizer: Authorizer): UserInfo {
  const name = headers['impersonate-user'] ?? '';
  const groups = valuesOf(headers['impersonate-group']);
  const uid = headers['impersonate-uid'] ?? '';
  const extra = extrasOf(headers);
  if (name === '') {
    if (groups.length === 0 && uid === '' && Object.keys(extra).length === 0) return user;
    throw new ApiError(500, 'InternalError', 'requested impersonation without naming a user');
  }
  const account = accountOf(name);
  const asks: readonly Ask[] = [
    account
      ? { resource: 'serviceaccounts', namespace: account.namespace, name: account.name }
      : { resource: 'users', name },
    ...groups.map((each) => ({ resource: 'groups', name: each })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((each) => ({
        ...authentication,
        resource: 'userextras',
        subresource: key,
        name: each,
      })),
    ),
    ...(uid === '' ? [] : [{ ...authentication, resource: 'uids', name: uid }]),
  ];
  for (const ask of asks) allow(user, ask, authorizer);
  return {
    name,
    groups: completed(
      name,
      groups.length > 0 || !account ? groups : serviceAccountGroups(account.namespace),
    ),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

interface Ask {
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

const authentication = { group: 'authentication.k8s.io' };

function allow(user: UserInfo, ask: Ask, authorizer: Authorizer): void {
  const asked: AccessAttributes = {
    type: 'resource',
    user,
    verb: 'impersonate',
    group: '',
    subresource: '',
    namespace: '',
    ...ask,
  };
  const { allowed, reason } = authorizer.decide(asked);
  if (!allowed) throw refusalOf(asked, reason);
}

/** Everybody who has a name is authenticated, unless the groups asked for say otherwise. */
function completed(name: string, groups: readonly string[]): readonly string[] {
  const [inside, outside] = ['system:authenticated', 'system:unauthenticated'];
  if (name === 'system:anonymous') {
    return groups.includes(outside) ? groups : [...groups, outside];
  }
  return groups.includes(inside) || groups.includes(outside) ? groups : [...groups, inside];
}

function accountOf(
  name: string,
): { readonly namespace: string; readonly name: string } | undefined {
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  return match ? { namespace: match[1] ?? '', name: match[2] ?? '' } : undefined;
}

/** Several headers of one name arrive as one, a line each: any other sign may be part of a name. */
function valuesOf(header: string | undefined): readonly string[] {
  return (header ?? '').split('\n').filter((each) => each !== '');
}

function extrasOf(headers: Headers): Readonly<Record<string, readonly string[]>> {
  const extra: Record<string, readonly string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith(extraPrefix))
      extra[keyOf(header.slice(extraPrefix.length))] = valuesOf(value);
  }
  return extra;
}

function keyOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
