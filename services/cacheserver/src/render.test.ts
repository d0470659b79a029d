// What a CacheServer is made of, field by field.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, Service } from '@tweendeck/kube';
import type { CacheServerObject, CacheServerSpec } from './kind.ts';
import { labelsOf, renderDeployment, renderService, selectorOf } from './render.ts';

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
  assert.deepEqual(pod.volumes, [{ name: 'data', emptyDir: { sizeLimit: '10000' } }]);
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
      tolerations: pod.tolerations,
      imagePullSecrets: pod.imagePullSecrets,
    },
    placed,
  );
  const plain = podOf(cacheServer());
  for (const field of ['nodeSelector', 'tolerations', 'imagePullSecrets'] as const)
    assert.equal(field in plain, false);
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
