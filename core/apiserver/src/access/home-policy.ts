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

const events = [
  right('', ['events'], ['create', 'patch', 'update']),
  right('events.k8s.io', ['events'], ['create', 'patch', 'update']),
];

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
  // Agents of one machine trust one another: a group's role instead of upstream's node authorizer.
  ...given('system:tweendeck:nodes', { kind: 'Group', name: 'system:nodes' }, [
    right('', ['nodes'], ['create', 'delete', 'patch', 'update', ...reading]),
    right('', ['nodes/status', 'pods/status'], ['get', 'patch', 'update']),
    right('', ['pods'], ['create', 'delete', ...reading]),
    right('', ['pods/eviction', 'serviceaccounts/token'], ['create']),
    right('', ['configmaps', 'endpoints', 'secrets', 'serviceaccounts', 'services'], reading),
    right('', ['namespaces', 'persistentvolumeclaims', 'persistentvolumes'], reading),
    right('', ['persistentvolumes'], ['patch']), // they let volumes go whose directories they removed
    right('', ['persistentvolumeclaims/status'], ['get', 'patch', 'update']),
    right('coordination.k8s.io', ['leases'], ['create', 'delete', 'patch', 'update', ...reading]),
    right('discovery.k8s.io', ['endpointslices'], reading),
    right('storage.k8s.io', ['storageclasses'], reading),
    right('authentication.k8s.io', ['tokenreviews'], ['create']),
    right('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
    ...events,
  ]),
];
