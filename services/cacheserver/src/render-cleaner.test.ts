// The cleaner's CronJob, and that a change of its rules leaves the replicas alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob } from '@tweendeck/kube';
import type { CacheServerObject, CleanerSpec } from './kind.ts';
import { renderDeployment } from './render.ts';
import { renderCleaner } from './render-cleaner.ts';

function cacheServer(cleaner?: CleanerSpec): CacheServerObject {
  return {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: {
      name: 'cache',
      namespace: 'team',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '',
    },
    spec: {
      replicas: 1,
      port: 9_000,
      storage: 1_000,
      image: 'example.com/cache:1',
      serviceType: 'ClusterIP',
      resources: { limits: { cpu: '1', memory: '1Gi' } },
      nodeSelector: { disk: 'ssd' },
      ...(cleaner ? { cleaner } : {}),
    },
  };
}

// The renderer gives what is applied; for reading it is as complete as the kind.
const cronJobOf = (cleaner?: CleanerSpec) =>
  renderCleaner(cacheServer(cleaner)) as unknown as CronJob | undefined;
const podOf = (cleaner: CleanerSpec) => cronJobOf(cleaner)?.spec.jobTemplate.spec?.template.spec;

test('there is none unless somebody asks', () => assert.equal(cronJobOf(), undefined));

test('it runs every hour, one at a time, and is not tried again', () => {
  const spec = cronJobOf({})?.spec;
  assert.equal(spec?.schedule, '0 * * * *');
  assert.equal(spec?.concurrencyPolicy, 'Forbid');
  assert.equal(spec?.jobTemplate.spec?.backoffLimit, 0);
});

test('what the spec says reaches the command', () => {
  const webhook = 'https://hooks.example.com/x';
  const pod = podOf({
    ...{ webhook, image: 'cleaner:1', ttlSeconds: 60, renewOnHit: false },
    ...{ maxBytes: 0, dryRun: true },
  });
  const args = pod?.containers[0]?.args ?? [];
  assert.equal(pod?.containers[0]?.image, 'cleaner:1');
  for (const arg of [
    `--webhook=${webhook}`,
    '--ttl-seconds=60',
    '--renew-on-hit=false',
    '--max-bytes=0',
    '--dry-run',
    '--service=cache-replicas',
  ])
    assert.ok(args.includes(arg), arg);
  assert.equal(pod?.restartPolicy, 'Never');
  assert.deepEqual(pod?.nodeSelector, { disk: 'ssd' });
});

test('what is not said is not passed on', () => {
  const args = podOf({})?.containers[0]?.args ?? [];
  for (const part of ['webhook', 'ttl', 'max-bytes', 'renew', 'dry'])
    assert.ok(!args.some((arg) => arg.includes(part)), part);
});

test('a change of the cleaner leaves the replicas alone: they would lose what they hold', () =>
  assert.deepEqual(
    renderDeployment(cacheServer({ ttlSeconds: 1 })),
    renderDeployment(cacheServer()),
  ));
