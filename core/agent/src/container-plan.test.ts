import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '@tweendeck/kube';
import { launchPlan, resourceLimits, unhonoured } from './container-plan.ts';

function podOf(spec: Partial<PodSpec>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'app' }], ...spec },
  };
}

const program = {
  command: ['/usr/bin/thing', '/data/as-is'],
  args: ['--bind', '$(TWEENDECK_POD_IP)'],
  frontArgs: (fronts: readonly { port: number }[]) => fronts.map(({ port }) => `--also=${port}`),
};

function plan(container: Partial<Container>, variables: Record<string, string> = {}) {
  return launchPlan({
    pod: podOf({}),
    container: { name: 'app', ...container },
    program,
    variables,
    base: { PATH: '/bin', HOME: '/data' },
    mounts: { '/data': '/real' },
    fronts: [{ address: 'x', port: 80, containerPort: 8_080 }],
    frontsPath: '/run/fronts',
    podIP: '127.73.5.1',
    instance: 'i',
  });
}

for (const { name, container, variables, want } of [
  {
    name: 'the image alone',
    container: {},
    want: ['/usr/bin/thing', '/data/as-is', '--bind', '127.73.5.1', '--also=80'],
  },
  {
    name: 'arguments in place of the standard ones',
    container: { args: ['-d', '/data/x', '$(A)'] },
    variables: { A: '/data' },
    want: ['/usr/bin/thing', '/data/as-is', '-d', '/real/x', '/real', '--also=80'],
  },
  {
    name: 'a command in place of all',
    container: { command: ['sh', '-c', 'ls /data'] },
    want: ['sh', '-c', 'ls /real'],
  },
  {
    name: 'a command with arguments',
    container: { command: ['sh'], args: ['/data/x'] },
    want: ['sh', '/real/x'],
  },
] as readonly {
  name: string;
  container: Partial<Container>;
  variables?: Record<string, string>;
  want: string[];
}[]) {
  test(`the command line of ${name}`, () =>
    assert.deepEqual(plan(container, variables).command, want));
}

test('the environment has marks, rewritten paths, and the base untouched', () => {
  const { environment } = plan(
    {},
    { DIR: '/data/x', HOSTNAME: 'own', TWEENDECK_INSTANCE: 'false' },
  );
  assert.deepEqual(environment, {
    PATH: '/bin',
    HOME: '/data',
    HOSTNAME: 'own',
    DIR: '/real/x',
    TWEENDECK_POD_IP: '127.73.5.1',
    TWEENDECK_INSTANCE: 'i',
    TWEENDECK_POD_UID: 'u',
    TWEENDECK_CONTAINER: 'app',
    TWEENDECK_MOUNTS: '{"/data":"/real"}',
  });
});

test('limits are read in the units of the kernel', () => {
  const resources = { limits: { cpu: '1.5', memory: '1Gi' } };
  assert.deepEqual(resourceLimits({ name: 'app', resources }), {
    memoryBytes: 2 ** 30,
    cpuMillis: 1_500,
    cpuRequestMillis: 1_500,
  });
});

for (const { name, spec, changesUsers, ofPlatform, want } of [
  { name: 'nothing of an ordinary pod', spec: {}, changesUsers: false, want: 0 },
  {
    name: 'users where they cannot be changed',
    spec: { securityContext: { runAsUser: 5 } },
    changesUsers: false,
    want: 1,
  },
  {
    name: 'nothing where they can',
    spec: { securityContext: { runAsUser: 5 } },
    changesUsers: true,
    want: 0,
  },
  {
    name: 'runAsNonRoot as root',
    spec: { securityContext: { runAsNonRoot: true } },
    changesUsers: true,
    want: 1,
  },
  {
    name: 'read-only mounts',
    spec: {
      containers: [{ name: 'a', volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }] }],
    },
    changesUsers: true,
    want: 1,
  },
  {
    name: 'grpc probes',
    spec: { containers: [{ name: 'a', livenessProbe: { grpc: { port: 1 } } }] },
    changesUsers: true,
    want: 1,
  },
  {
    name: 'fences of a part of the platform',
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 5, fsGroup: 5 },
      containers: [{ name: 'a', securityContext: { readOnlyRootFilesystem: true } }],
    },
    changesUsers: false,
    ofPlatform: true,
    want: 0,
  },
  {
    name: 'the same of any other program',
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 5, fsGroup: 5 },
      containers: [{ name: 'a', securityContext: { readOnlyRootFilesystem: true } }],
    },
    changesUsers: false,
    want: 3,
  },
] as readonly {
  name: string;
  spec: Partial<PodSpec>;
  changesUsers: boolean;
  ofPlatform?: true;
  want: number;
}[]) {
  test(`what is not honoured: ${name}`, () => {
    assert.equal(
      unhonoured(podOf(spec), { changesUsers, ofPlatform: ofPlatform === true }).length,
      want,
    );
  });
}

for (const { name, ports, args } of [
  { name: 'is told where', ports: [{ containerPort: 80 }], args: ['--fronts=/run/fronts'] },
  { name: 'is told nothing when nobody is led to it', ports: [], args: [] },
]) {
  test(`a program that reads its fronts ${name}`, () => {
    const { command } = launchPlan({
      pod: podOf({}),
      container: { name: 'app', args: ['run'], ports },
      program: { command: ['/bin/app'], frontsFile: (path) => [`--fronts=${path}`] },
      variables: {},
      base: {},
      mounts: {},
      fronts: [],
      frontsPath: '/run/fronts',
      podIP: '127.73.5.1',
      instance: 'i',
    });
    assert.deepEqual(command, ['/bin/app', 'run', ...args]);
  });
}
