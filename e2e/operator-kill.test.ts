// The whole platform killed at random moments while a CacheServer is made, changed and deleted: it always gets there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { TestHome, until } from './support/home.ts';

const manifest = (replicas: number, port: number): string => `
apiVersion: tweendeck.io/v1alpha1
kind: CacheServer
metadata: {name: tried}
spec:
  storage: 100000000
  replicas: ${replicas}
  port: ${port}
  resources: {limits: {cpu: 50m, memory: 96Mi}}
`;

test('killed between any two steps, the operator ends where the spec says', async () => {
  const seed = 20_261_121;
  const random = seededRandom(seed);
  await using home = await TestHome.open();
  for (const [replicas, port] of [
    [1, 9_001],
    [2, 9_002],
    [1, 9_003],
  ] as const) {
    const applied = await home.tweendeck(['apply', '--force', '-f', '-'], manifest(replicas, port));
    assert.equal(applied.code, 0, applied.stderr);
    for (let kill = 0; kill < 4; kill++) {
      // A moment of the work that follows; the point of the kill is chance, the outcome is not.
      await new Promise((resolve) => setTimeout(resolve, random.integer(400)));
      await home.stop('SIGKILL');
      await home.start();
    }
    await until(
      `${replicas} replicas behind port ${port} (seed ${seed})`,
      async () => {
        const { stdout } = await home.tweendeck(['get', 'cacheserver/tried', '-o', 'json']);
        const { metadata, status } = JSON.parse(stdout);
        return (
          status?.phase === 'Ready' &&
          status.observedGeneration === metadata.generation &&
          status.readyReplicas === replicas &&
          status.endpoint.endsWith(`:${port}`)
        );
      },
      60_000,
    );
    const pods = await home.tweendeck(['get', 'pods', '-o', 'json']);
    const living = JSON.parse(pods.stdout).items.filter(
      (pod: { metadata: { deletionTimestamp?: string } }) => !pod.metadata.deletionTimestamp,
    );
    assert.equal(living.length, replicas);
  }
  const deleted = await home.tweendeck(['delete', 'cacheserver/tried']);
  assert.equal(deleted.code, 0, deleted.stderr);
  await home.stop('SIGKILL');
  await home.start();
  await until(
    'nothing is left',
    async () => {
      const { stdout } = await home.tweendeck([
        'get',
        'deployments,replicasets,pods',
        '-l',
        'app.kubernetes.io/instance=tried',
        '-o',
        'name',
      ]);
      return stdout.trim() === '' && (await home.podProcesses()).length === 0;
    },
    60_000,
  );
});
