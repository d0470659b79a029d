import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import type { Container, Pod } from '@tweendeck/kube';
import { containerVariables, expandVariables, fieldValue } from './environment.ts';

for (const { name, text, want } of [
  { name: 'replaces a known name', text: 'a-$(A)-b', want: 'a-1-b' },
  { name: 'leaves an unknown name as written', text: '$(NO)', want: '$(NO)' },
  { name: 'takes two dollars as one', text: '$$(A)', want: '$(A)' },
  { name: 'leaves shell syntax alone', text: '$A $' + '{A}', want: '$A $' + '{A}' },
  { name: 'leaves an open bracket alone', text: '$(A', want: '$(A' },
  { name: 'leaves a dollar at the end', text: 'a$', want: 'a$' },
  { name: 'does not expand what it put in', text: '$(B)', want: '$(A)' },
  { name: 'expands names side by side', text: '$(A)$(A)', want: '11' },
  { name: 'knows no inherited properties', text: '$(toString)', want: '$(toString)' },
]) {
  test(`expansion ${name}`, () => {
    assert.equal(expandVariables(text, { A: '1', B: '$(A)' }), want);
  });
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u1',
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { app: 'web', tier: 'a"b' },
  },
  spec: { nodeName: 'here', serviceAccountName: 'robot', containers: [] },
} satisfies Pod;
const meta = { namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const sources = {
  pod,
  podIP: '127.73.5.1',
  hostIP: '127.0.0.1',
  allocatable: { cpu: '4', memory: '8Gi' },
  configMap: (name: string) =>
    name === 'cfg'
      ? ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { ...meta, name },
          data: { a: 'one' },
        } as const)
      : undefined,
  secret: (name: string) =>
    name === 'key'
      ? ({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { ...meta, name },
          data: { p: Buffer.from('word').toString('base64') },
        } as const)
      : undefined,
};

const limited = { limits: { cpu: '1500m', memory: '100Mi' } };
for (const { name, container, want } of [
  { name: 'a literal', container: { env: [{ name: 'A', value: 'x' }] }, want: { A: 'x' } },
  {
    name: 'a reference to an earlier variable, not to a later one',
    container: {
      env: [
        { name: 'A', value: '$(B)' },
        { name: 'B', value: 'x' },
        { name: 'C', value: '$(B)' },
      ],
    },
    want: { A: '$(B)', B: 'x', C: 'x' },
  },
  {
    name: 'the pod about itself',
    container: {
      env: [
        'metadata.name',
        'metadata.uid',
        "metadata.labels['app']",
        'status.podIP',
        'spec.serviceAccountName',
      ].map((fieldPath, index) => ({ name: `V${index}`, valueFrom: { fieldRef: { fieldPath } } })),
    },
    want: { V0: 'web', V1: 'u1', V2: 'web', V3: '127.73.5.1', V4: 'robot' },
  },
  {
    name: 'a limit rounded up to the divisor',
    container: {
      resources: limited,
      env: [
        { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'M', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
        {
          name: 'B',
          valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } },
        },
      ],
    },
    want: { C: '2', M: '1500', B: '100' },
  },
  {
    name: 'what the node has where there is no limit',
    container: {
      env: [{ name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } }],
    },
    want: { C: '4' },
  },
  {
    name: 'a whole config map with a prefix, then what overrides it',
    container: {
      envFrom: [{ prefix: 'X_', configMapRef: { name: 'cfg' } }],
      env: [{ name: 'B', value: '$(X_a)' }],
    },
    want: { X_a: 'one', B: 'one' },
  },
  {
    name: 'a secret',
    container: { env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 'key', key: 'p' } } }] },
    want: { P: 'word' },
  },
  {
    name: 'nothing for what is optional and missing',
    container: {
      envFrom: [{ secretRef: { name: 'no', optional: true } }],
      env: [
        { name: 'P', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'z', optional: true } } },
      ],
    },
    want: {},
  },
] as readonly { name: string; container: Partial<Container>; want: Record<string, string> }[]) {
  test(`the environment has ${name}`, () => {
    assert.deepEqual(containerVariables({ name: 'app', ...container }, sources), want);
  });
}

for (const { name, container, want } of [
  {
    name: 'a missing config map',
    container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'a' } } }] },
    want: 'configmap "no" not found',
  },
  {
    name: 'a missing key',
    container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'z' } } }] },
    want: "couldn't find key z in ConfigMap shop/cfg",
  },
  {
    name: 'a missing secret',
    container: { envFrom: [{ secretRef: { name: 'no' } }] },
    want: 'secret "no" not found',
  },
  {
    name: 'an unknown field',
    container: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] },
    want: 'unsupported fieldPath: spec.x',
  },
] as readonly { name: string; container: Partial<Container>; want: string }[]) {
  test(`the environment refuses ${name}`, () => {
    const make = (): unknown => containerVariables({ name: 'app', ...container }, sources);
    assert.throws(make, { code: 'AGENT_CONFIG_INVALID', message: want });
  });
}

test('a map field is written as sorted, quoted lines', () => {
  assert.equal(fieldValue('metadata.labels', sources), 'app="web"\ntier="a\\"b"');
});
