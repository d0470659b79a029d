// Claims of pods with real processes in the embedded home, driven by the real kubectl.

import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';

const claim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`;

const pod = (name: string, script: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: busybox, command: [sh, -c, '${script}'], volumeMounts: [{name: v, mountPath: /data}]}
  volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]
`;

const database = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Retain}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, 'echo start >>/data/starts; exec sleep 600']
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}}
`;

test('claims hold what pods write', async (context) => {
  await using home = await TestHome.open();
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl('1.35', args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const field = (path: string, ...what: readonly string[]): Promise<string> =>
    kubectl(['get', ...what, '-o', `jsonpath={${path}}`]);
  const succeeded = (name: string): Promise<string> =>
    kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '--timeout=60s']);

  await context.test('a claim waits for its first pod, and has the default class', async () => {
    await kubectl(['apply', '-f', '-'], claim);
    assert.match(
      await kubectl(['get', 'storageclass']),
      /local \(default\)\s+tweendeck.io\/local\s+Delete\s+WaitForFirstConsumer\s+true/,
    );
    assert.equal(await field('.status.phase', 'pvc', 'data'), 'Pending');
    await kubectl(['apply', '-f', '-'], pod('writer', 'echo kept > /data/file'));
    await succeeded('writer');
    assert.match(await kubectl(['get', 'pvc']), /data\s+Bound\s+pvc-\S+\s+1Gi\s+RWO\s+local/);
  });

  const volume = await field('.spec.volumeName', 'pvc', 'data');
  await context.test('the next pod reads it, after a restart of the home too', async () => {
    await kubectl(['delete', 'pod', 'writer']);
    await home.stop();
    await home.start();
    await kubectl(['apply', '-f', '-'], pod('reader', 'cat /data/file; rm /data/file'));
    await succeeded('reader');
    assert.equal(await kubectl(['logs', 'reader']), 'kept\n');
  });

  await context.test('it grows', async () => {
    const patch = '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}';
    await kubectl(['patch', 'pvc', 'data', '-p', patch]);
    await kubectl([
      'wait',
      '--for=jsonpath={.status.capacity.storage}=2Gi',
      'pvc/data',
      '--timeout=30s',
    ]);
    const less = '{"spec":{"resources":{"requests":{"storage":"1Gi"}}}}';
    const { stderr } = await home.kubectl('1.35', ['patch', 'pvc', 'data', '-p', less]);
    assert.match(stderr, /field can not be less than status.capacity/);
  });

  await context.test('with the claim its directory goes', async () => {
    const path = join(home.directory, 'agent', 'volumes', volume);
    await access(path);
    await kubectl(['delete', 'pod/reader', 'pvc/data']);
    await until(
      'the volume is gone',
      async () => (await kubectl(['get', 'pv', '-o', 'name'])) === '',
    );
    await assert.rejects(access(path));
  });

  await context.test('pods of a stateful set keep their own', async () => {
    await kubectl(['apply', '-f', '-'], database);
    await kubectl(['rollout', 'status', 'statefulset/db', '--timeout=60s']);
    await kubectl(['delete', 'pod', 'db-1']);
    await kubectl(['rollout', 'status', 'statefulset/db', '--timeout=60s']);
    const name = await field('.spec.volumeName', 'pvc', 'data-db-1');
    await access(join(home.directory, 'agent', 'volumes', name, 'starts'));
    await kubectl(['scale', 'statefulset/db', '--replicas=1']);
    await until('one claim is left', async () => {
      return (await kubectl(['get', 'pvc', '-o', 'name'])) === 'persistentvolumeclaim/data-db-0\n';
    });
  });
});
