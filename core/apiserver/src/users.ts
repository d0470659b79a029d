// The users that a home itself has.

import type { UserInfo } from '@tweendeck/kube';

const mastersGroup = 'system:masters';

/** The holder of the home's own kubeconfig: may do everything. */
export const adminUser: UserInfo = {
  name: 'tweendeck:admin',
  groups: [mastersGroup, 'system:authenticated'],
};

/** The server itself. */
export const loopbackUser: UserInfo = { name: 'system:apiserver', groups: [mastersGroup] };

/** Somebody inside this process who may do everything, and is told apart by his name. */
export function systemUser(name: string): UserInfo {
  return { name, groups: [mastersGroup, 'system:authenticated'] };
}

/** What makes a home ready for its other parts. Its rights come from the system policy. */
export const homeUser: UserInfo = {
  name: 'system:tweendeck:home',
  groups: ['system:authenticated'],
};

/** The controllers of a home. Their rights come from the system policy. */
export const controllersUser: UserInfo = {
  name: 'system:tweendeck:controllers',
  groups: ['system:authenticated'],
};

/** The agent of a node. Its rights come from the system policy. */
export function nodeUser(nodeName: string): UserInfo {
  return { name: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] };
}

/** Who presents no certificate and no token. */
export const anonymousUser: UserInfo = {
  name: 'system:anonymous',
  groups: ['system:unauthenticated'],
};
