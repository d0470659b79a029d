// Draining a node of the embedded home with the real kubectl: budgets are respected, daemons stay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestHome } from './support/home.ts';

const workloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: busybox, command: [sleep, '600']}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: watch}
spec:
  selector: {matchLabels: {app: watch}}
  template:
    metadata: {labels: {app: watch}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: busybox, command: [sleep, '600']}]
`;

test('a drain waits for the disruption budget and leaves daemons alone', async () => {
  await using home = await TestHome.open();
  const run = (...args: readonly string[]) => home.kubectl('1.35', args);
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl('1.35', args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  await kubectl(['apply', '-f', '-'], workloads);
  await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  await kubectl(['rollout', 'status', 'daemonset/watch', '--timeout=60s']);
  await kubectl([
    'wait',
    '--for=jsonpath={.status.disruptionsAllowed}=1',
    'pdb/web',
    '--timeout=30s',
  ]);
  const node = (await kubectl(['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();

  const refused = await run('drain', node, '--timeout=1s');
  assert.match(
    refused.stderr,
    /cannot delete DaemonSet-managed Pods \(use --ignore-daemonsets to ignore\): default\/watch-/,
  );
  const held = await run('drain', node, '--ignore-daemonsets', '--timeout=8s');
  assert.notEqual(held.code, 0);
  assert.match(held.stderr, /Cannot evict pod as it would violate the pod's disruption budget/);
  assert.match(await kubectl(['get', 'nodes']), /Ready,SchedulingDisabled/);
  assert.match(await kubectl(['get', 'pdb', 'web']), /web\s+1\s+N\/A\s+0/);

  await kubectl(['delete', 'pdb', 'web']);
  await kubectl(['drain', node, '--ignore-daemonsets', '--timeout=60s']);
  const pods = await kubectl([
    'get',
    'pods',
    '--field-selector=status.phase=Running',
    '-o',
    'name',
  ]);
  assert.match(pods, /^pod\/watch-\w+\n$/);
  await kubectl(['uncordon', node]);
  await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
});
