// Who asks, and what they may do.

import type { UserInfo } from '@tweendeck/kube';
import type { ParsedRequest } from './request.ts';

const mastersGroup = 'system:masters';

/** The holder of the home's own kubeconfig: may do everything. */
export const adminUser: UserInfo = {
  name: 'tweendeck:admin',
  groups: [mastersGroup, 'system:authenticated'],
};

/** A controller or agent inside this process: may do everything, and is told apart by its name. */
export function systemUser(name: string): UserInfo {
  return {
    name,
    groups: [
      mastersGroup,

      'system:authenticated',
    ],
  };
}

/** Who presents no certificate. */
export const anonymousUser: UserInfo = {
  name: 'system:anonymous',
  groups: ['system:unauthenticated'],
};

const openPaths = /^\/(version|healthz|livez|readyz)(\/|$)/;

/** Whether a user may do what a request asks. The one place where this is decided. */
export function isAuthorized(user: UserInfo, request: ParsedRequest): boolean {
  if (user.groups.includes(mastersGroup)) return true;
  return request.type === 'plain' && openPaths.test(request.plain.path);
}
