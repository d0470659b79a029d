// A RedisCluster under a client that writes all the time: made, a member lost, rolled, its password changed, scaled.

import assert from 'node:assert/strict';
import { type Pod, podResource, secretResource } from '@tweendeck/kube';
import { redisClusterKind } from '@tweendeck/redis';
import { ClusterWriter } from '../support/redis-cluster-writer.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const name = 'shop';
const keys = 200;

export const redisCluster: Scenario = {
  name: 'a RedisCluster loses nothing that was acknowledged, whatever happens to its members',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await apply(stage, 3);
    const made = await settled(stage, '6/6');
    stage.observe('roles', made.members?.map(({ role }) => role).sort());
    await using writer = new ClusterWriter(
      async () => (await members(stage)).flatMap(({ status }) => status?.podIP ?? []),
      () => password(stage),
    );
    writer.start(keys);
    const nothingLost = async (): Promise<void> => {
      const before = writer.writes;
      await stage.until('writes go on', async () => writer.writes > before + keys);
      assert.deepEqual(await writer.lost(), []);
    };
    await nothingLost();

    const leader = made.members?.find(({ role }) => role === 'leader')?.name ?? '';
    const lost = (await members(stage)).find(({ metadata }) => metadata.name === `${leader}-0`);
    await stage.kubectl(['delete', 'pod', `${leader}-0`]);
    await stage.until('another takes its place', async () =>
      (await members(stage)).some(
        ({ metadata }) => metadata.name === `${leader}-0` && metadata.uid !== lost?.metadata.uid,
      ),
    );
    await settled(stage, '6/6');
    await nothingLost();

    const word = await password(stage);
    await patch(stage, { auth: { change: 'leaked', keepPreviousSeconds: 1 } });
    await stage.until('another password is in use', async () => (await password(stage)) !== word);
    await settled(stage, '6/6');
    await nothingLost();

    const before = new Set((await members(stage)).map(({ metadata }) => metadata.uid));
    await patch(stage, { restart: 'once' });
    await stage.until('all members are others', async () => {
      const now = await members(stage);
      return now.length === 6 && now.every(({ metadata }) => !before.has(metadata.uid));
    });
    await settled(stage, '6/6');
    await nothingLost();

    await patch(stage, { groups: { data: { shards: 4 } } });
    await settled(stage, '8/8');
    await nothingLost();
    await patch(stage, { groups: { data: { shards: 3 } } });
    const { phase } = await settled(stage, '6/6');
    stage.observe('phase', phase);
    await nothingLost();
    await stage.kubectl(['delete', 'rediscluster', name, '--wait']);
    await stage.until('nothing is left', async () => (await members(stage)).length === 0);
  },
};

async function apply(stage: Stage, shards: number): Promise<void> {
  const resources = { limits: { cpu: '100m', memory: '96Mi' } };
  const spec = {
    groups: { data: { shards, members: 2, resources } },
    options: { nodeTimeoutMs: 2_000 },
  };
  const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster', metadata: { name } };
  await stage.kubectl(['apply', '-f', '-'], JSON.stringify({ ...object, spec }));
}

async function patch(stage: Stage, spec: object): Promise<void> {
  const change = { type: 'merge', body: { spec } } as const;
  await stage.client.patch(redisClusterKind, stage.ref(name), change, {}, stage.signal);
}

/** Waits until so many members take part as the spec is now. */
function settled(stage: Stage, ready: string) {
  return stage.until(`${ready} take part`, async () => {
    const found = await stage.client.get(redisClusterKind, stage.ref(name), stage.signal);
    const { status, metadata } = found ?? {};
    if (status?.observedGeneration !== metadata?.generation) return undefined;
    return status?.phase === 'Ready' && status.ready === ready && status;
  });
}

async function members(stage: Stage): Promise<readonly Pod[]> {
  const labelSelector = `app.kubernetes.io/instance=${name}`;
  const selection = { namespace: stage.namespace, labelSelector };
  return (await stage.client.list(podResource, selection, stage.signal)).items;
}

async function password(stage: Stage): Promise<string> {
  const found = await stage.client.get(secretResource, stage.ref(`${name}-auth`), stage.signal);
  return Buffer.from(found?.data?.['password'] ?? '', 'base64').toString();
}
