// Who sends a request: told by a client certificate or a bearer token; nobody in particular without either.

import { ApiError, type UserInfo } from '@tweendeck/kube';
import { anonymousUser } from '../users.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

/** What a connection tells of who is at its other end. */
export type Caller = {
  /** Where it is. */
  readonly address?: string | undefined;
} & (
  | { readonly type: 'certificate'; readonly user: UserInfo }
  /** A certificate was shown that nobody here signed, or that has run out. */
  | { readonly type: 'bad-certificate' }
  | { readonly type: 'nobody' }
);

/** As upstream, a token counts only where no certificate does. @throws ApiError Unauthorized. */
export function authenticate(
  caller: Caller,
  headers: Readonly<Record<string, string>>,
  tokens: TokenAuthenticator,
): UserInfo {
  if (caller.type === 'certificate') return caller.user;
  const token = bearerToken(headers['authorization']);
  if (token !== undefined) {
    const verdict = tokens.judge(token);
    if (verdict.type === 'user') return verdict.user;
    throw unauthorized();
  }
  if (caller.type === 'bad-certificate') throw unauthorized();
  return anonymousUser;
}

/** As upstream, a header of another form is no token, and its sender nobody in particular. */
function bearerToken(header: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (header ?? '').trim().split(' ');
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}
