// What a CacheServer is made of, field by field.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, PodDisruptionBudget, Service } from '@tweendeck/kube';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { labelsOf, selectorOf } from './labels.ts';
import {
  renderDeployment,
  renderDisruptionBudget,
  renderService,
  tolerationsOf,
} from './render.ts';

function cacheServer(spec: Partial<CacheServerSpec> = {}): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: {
      name: 'cache',
      namespace: 'team',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      replicas: 2,
      port: 9_000,
      storage: 1_000,
      image: 'example.com/cache:1',
      serviceType: 'LoadBalancer',
      resources: { limits: { cpu: '1', memory: '1Gi' } },
      ...spec,
    },
  };
}

// The renderers give what is applied; for reading it is as complete as the kind.
const deploymentOf = (cache: CacheServerObject) => renderDeployment(cache) as unknown as Deployment;
const podOf = (cache: CacheServerObject) => {
  const { spec } = deploymentOf(cache).spec.template;
  assert.ok(spec);
  return spec;
};

test('requests are the limits, so that the pod is of the Guaranteed class', () => {
  const [container] = podOf(cacheServer()).containers;
  assert.deepEqual(container?.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '1', memory: '1Gi' },
  });
});

test('the data is an emptyDir bounded by storage, and the data plane keeps below it', () => {
  const pod = podOf(cacheServer({ storage: 10_000 }));
  assert.deepEqual(pod.volumes?.[0], { name: 'data', emptyDir: { sizeLimit: '10000' } });
  assert.ok(pod.containers[0]?.args?.includes('--storage=9000'));
});

test('pods of the platform prefer hosts of their own, with weight 100', () => {
  const [term] =
    podOf(cacheServer()).affinity?.podAntiAffinity
      ?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  assert.equal(term?.weight, 100);
  assert.equal(term?.podAffinityTerm.topologyKey, 'kubernetes.io/hostname');
  assert.deepEqual(term?.podAffinityTerm.labelSelector, {
    matchLabels: { 'app.kubernetes.io/managed-by': 'tweendeck' },
  });
});

test('what the user says of placement reaches the pod as it is', () => {
  const placed = {
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'dedicated', operator: 'Exists' as const }],
    imagePullSecrets: [{ name: 'registry' }],
  };
  const pod = podOf(cacheServer(placed));
  assert.deepEqual(
    {
      nodeSelector: pod.nodeSelector,
      tolerations: pod.tolerations?.slice(0, 1),
      imagePullSecrets: pod.imagePullSecrets,
    },
    placed,
  );
  const plain = podOf(cacheServer());
  for (const field of ['nodeSelector', 'imagePullSecrets'] as const)
    assert.equal(field in plain, false);
});

const lossTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;
const [notReady, unreachable] = lossTaints;

for (const { name, own, added } of [
  { name: 'are left after 30 s', own: [], added: lossTaints },
  {
    name: 'are left as before when other taints are tolerated',
    own: [{ key: 'gpu' }],
    added: lossTaints,
  },
  {
    name: 'are left as the user says',
    own: [{ key: unreachable, effect: 'NoExecute', tolerationSeconds: 600 }],
    added: [notReady],
  },
  { name: 'are never left by who tolerates everything', own: [{ operator: 'Exists' }], added: [] },
  {
    name: 'are left when only scheduling there is tolerated',
    own: [{ operator: 'Exists', effect: 'NoSchedule' }],
    added: lossTaints,
  },
] as const) {
  test(`nodes that are lost ${name}`, () => {
    const all = tolerationsOf(own);
    assert.deepEqual(all.slice(0, own.length), own);
    assert.deepEqual(
      all.slice(own.length),
      added.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 })),
    );
  });
}

test('the pod is what pod security "restricted" asks for', () => {
  const { securityContext, containers, volumes } = podOf(cacheServer());
  assert.equal(securityContext?.runAsNonRoot, true);
  assert.notEqual(securityContext?.runAsUser, 0);
  assert.equal(securityContext?.seccompProfile?.type, 'RuntimeDefault');
  assert.deepEqual(containers[0]?.securityContext, {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  });
  assert.ok(volumes?.every(({ emptyDir, secret, projected }) => emptyDir ?? secret ?? projected));
});

test('stopping fits into the grace that a pod has', () => {
  const pod = podOf(cacheServer());
  const seconds = (option: string): number =>
    Number(pod.containers[0]?.args?.find((arg) => arg.startsWith(`--${option}=`))?.split('=')[1]);
  const stop = seconds('linger-seconds') + seconds('drain-seconds');
  assert.ok(stop < (pod.terminationGracePeriodSeconds ?? 0));
});

test('the Service has the port of the spec and leads to the data plane', () => {
  const service = renderService(cacheServer()) as unknown as Service;
  assert.equal(service.spec.type, 'LoadBalancer');
  assert.deepEqual(service.spec.ports, [
    { name: 'cache', port: 9_000, targetPort: 'cache', protocol: 'TCP' },
  ]);
  assert.deepEqual(service.spec.selector, selectorOf('cache'));
});

test('Deployment, pods and Service find one another by labels', () => {
  const deployment = deploymentOf(cacheServer());
  const labels = deployment.spec.template.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(selectorOf('cache'))) assert.equal(labels[key], value);
  assert.deepEqual(deployment.spec.selector.matchLabels, selectorOf('cache'));
  assert.deepEqual(deployment.metadata.labels, labelsOf('cache'));
  assert.equal(deployment.spec.replicas, 2);
});

test('a changed port of the Service leaves the pods alone', () => {
  assert.deepEqual(podOf(cacheServer({ port: 1 })), podOf(cacheServer({ port: 2 })));
});

for (const { replicas, budget } of [
  { replicas: 0, budget: undefined },
  { replicas: 1, budget: undefined },
  { replicas: 2, budget: 1 },
  { replicas: 64, budget: 1 },
]) {
  test(`of ${replicas} replicas evictions take ${budget ?? 'whatever they want'} at a time`, () => {
    const rendered = renderDisruptionBudget(cacheServer({ replicas })) as unknown as
      | PodDisruptionBudget
      | undefined;
    assert.equal(rendered?.spec.maxUnavailable, budget);
    if (rendered) assert.deepEqual(rendered.spec.selector?.matchLabels, selectorOf('cache'));
  });
}

test('a rolling change takes no replica away before another one serves', () => {
  assert.deepEqual(deploymentOf(cacheServer()).spec.strategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
  });
});
