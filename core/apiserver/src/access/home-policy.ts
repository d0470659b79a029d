// What the parts of an embedded home may do: each has a user of its own, and the rights that its work takes.

import type { PolicyObject } from './bootstrap.ts';

const everyVerb = [
  ...['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
];
const reading = ['get', 'list', 'watch'];
const rbac = 'rbac.authorization.k8s.io';

interface Right {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const right = (group: string, resources: readonly string[], verbs: readonly string[]): Right => ({
  apiGroups: [group],
  resources,
  verbs,
});

/** A role, and its binding to one user or group. */
function given(
  name: string,
  subject: { readonly kind: 'User' | 'Group'; readonly name: string },
  rules: readonly object[],
): readonly PolicyObject[] {
  return [
    { kind: 'ClusterRole', name, rules },
    {
      kind: 'ClusterRoleBinding',
      name,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects: [{ apiGroup: rbac, ...subject }],
    },
  ];
}

export const homePolicy: readonly PolicyObject[] = [
  // Garbage collection and the end of namespaces reach every kind, those of tomorrow too.
  ...given('system:tweendeck:controllers', { kind: 'User', name: 'system:tweendeck:controllers' }, [
    right('*', ['*'], everyVerb),
    right(rbac, ['clusterroles'], ['escalate']),
    { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*'], verbs: ['get'] },
  ]),
  ...given('system:tweendeck:home', { kind: 'User', name: 'system:tweendeck:home' }, [
    right('', ['namespaces'], ['create', ...reading]),
    right('storage.k8s.io', ['storageclasses'], ['create', ...reading]),
    right('apiextensions.k8s.io', ['customresourcedefinitions'], everyVerb),
    { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*'], verbs: ['get'] },
  ]),
  // What upstream's node authorizer does not give: the agents are the provisioners of the volumes that lie on their nodes.
  ...given('system:tweendeck:node-volumes', { kind: 'Group', name: 'system:nodes' }, [
    right('', ['persistentvolumes'], ['patch', ...reading]),
  ]),
];
