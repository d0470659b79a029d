// What roles, bindings and webhook configurations are refused for; the texts are those of a real kube-apiserver.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/test-server.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const hooks = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const metadata = { name: 'x' };
const hook = {
  name: 'a.b.c',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { url: 'https://a' },
};

for (const { path, body, message } of [
  {
    path: `${rbac}/namespaces/default/roles`,
    body: { rules: [{ verbs: ['get'], nonResourceURLs: ['/a'] }] },
    message:
      'Role.rbac.authorization.k8s.io "x" is invalid: rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
  },
  {
    path: `${rbac}/clusterroles`,
    body: { rules: [{ apiGroups: [''], resources: ['pods'] }] },
    message:
      'ClusterRole.rbac.authorization.k8s.io "x" is invalid: rules[0].verbs: Required value: verbs must contain at least one value',
  },
  {
    path: `${rbac}/clusterroles`,
    body: { aggregationRule: {} },
    message:
      'ClusterRole.rbac.authorization.k8s.io "x" is invalid: aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
  },
  {
    path: `${rbac}/clusterrolebindings`,
    body: { roleRef: { kind: 'Role', name: 'r' } },
    message:
      'ClusterRoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
  },
  {
    path: `${rbac}/namespaces/default/rolebindings`,
    body: { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'Robot', name: 'r' }] },
    message:
      'RoleBinding.rbac.authorization.k8s.io "x" is invalid: subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
  },
  {
    path: hooks,
    body: { webhooks: [{ ...hook, name: 'a.b' }] },
    message:
      'ValidatingWebhookConfiguration.admissionregistration.k8s.io "x" is invalid: webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
  },
  {
    path: hooks,
    body: { webhooks: [{ ...hook, clientConfig: { url: 'http://a' } }] },
    message:
      'ValidatingWebhookConfiguration.admissionregistration.k8s.io "x" is invalid: webhooks[0].clientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
  },
  {
    path: hooks,
    body: { webhooks: [hook, hook] },
    message:
      'ValidatingWebhookConfiguration.admissionregistration.k8s.io "x" is invalid: webhooks[1].name: Duplicate value: "a.b.c"',
  },
  {
    path: hooks,
    body: { webhooks: [{ ...hook, admissionReviewVersions: ['v2'] }] },
    message:
      'ValidatingWebhookConfiguration.admissionregistration.k8s.io "x" is invalid: webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
  },
]) {
  test(`refused: ${message.replace(/^.*invalid: /, '')}`, async () => {
    await using server = await TestServer.open();
    const { status, json } = await server.create(path, { metadata, ...body });
    assert.deepEqual([status, json.message], [422, message]);
  });
}

test('a webhook is filled in, and counted when it changes', async () => {
  await using server = await TestServer.open();
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
  ];
  const { json } = await server.create(hooks, { metadata, webhooks: [{ ...hook, rules }] });
  const [made] = json.webhooks;
  assert.deepEqual(
    [made.failurePolicy, made.matchPolicy, made.timeoutSeconds, made.rules[0].scope],
    ['Fail', 'Equivalent', 10, '*'],
  );
  const patched = await server.patch(`${hooks}/x`, { webhooks: [] });
  assert.deepEqual([json.metadata.generation, patched.json.metadata.generation], [1, 2]);
});
