import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configMapResource,
  deploymentResource,
  leaseResource,
  podResource,
  secretResource,
} from '@tweendeck/kube';
import { defineController, watching } from './controller.ts';
import { rightsOf } from './rights.ts';

const reconcile = async (): Promise<void> => undefined;

test('rights follow from what controllers declare, each resource once', () => {
  const keeper = defineController({
    ...{ name: 'keeper', resource: deploymentResource, reconcile, finalize: reconcile },
    owns: [configMapResource],
  });
  const watcher = defineController({
    ...{ name: 'watcher', resource: podResource, reconcile, makes: [leaseResource] },
    ends: [deploymentResource],
    watches: [watching(secretResource, () => []), watching(configMapResource, () => [])],
  });
  const words = rightsOf([keeper, watcher]).map(
    ({ group, resource, verbs }) => `${group || 'core'}/${resource}: ${verbs.join(' ')}`,
  );
  assert.deepEqual(words, [
    'core/configmaps: create delete get list patch watch',
    'core/events: create patch',
    'core/pods: get list watch',
    'core/pods/status: patch',
    'core/secrets: list watch',
    'apps/deployments: delete get list patch watch',
    'apps/deployments/status: patch',
    'coordination.k8s.io/leases: create',
  ]);
});
