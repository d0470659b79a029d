// A RedisSentinel under a client that writes all the time and asks Sentinels where to: made, its leader lost,
// rolled.

import assert from 'node:assert/strict';
import { type Pod, podResource, secretResource } from '@tweendeck/kube';
import { redisSentinelKind } from '@tweendeck/redis';
import { SentinelWriter } from '../support/redis-sentinel-writer.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const name = 'sessions';
const keys = 200;

export const redisSentinel: Scenario = {
  name: 'a RedisSentinel loses nothing that was acknowledged, whatever happens to its leader',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    const small = { resources: { limits: { cpu: '100m', memory: '96Mi' } } };
    const spec = {
      groups: { data: small, sentinels: small },
      options: { downAfterMs: 1_000 },
    };
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisSentinel' };
    const text = JSON.stringify({ ...object, metadata: { name }, spec });
    await stage.kubectl(['apply', '-f', '-'], text);
    const made = await settled(stage);
    stage.observe('roles', made.members?.map(({ role }) => role).sort());
    await using writer = new SentinelWriter({
      masterName: `${stage.namespace}.${name}`,
      sentinels: async () =>
        (await members(stage))
          .filter(({ metadata }) => metadata.labels?.['tweendeck.io/group'] === 'sentinels')
          .flatMap(({ status }) => status?.podIP ?? []),
      password: () => password(stage),
    });
    writer.start(keys);
    const nothingLost = async (): Promise<void> => {
      const before = writer.writes;
      await stage.until('writes go on', async () => writer.writes > before + keys);
      assert.deepEqual(await writer.lost(), []);
    };
    await nothingLost();

    const leader = made.members?.find(({ role }) => role === 'leader')?.name ?? '';
    await replaced(stage, ['delete', 'pod', `${leader}-0`], `${leader}-0`);
    await nothingLost();

    await replaced(stage, [
      ...['patch', 'redissentinel', name, '--type=merge'],
      ...['-p', JSON.stringify({ spec: { restart: 'once' } })],
    ]);
    await nothingLost();

    const { phase } = await settled(stage);
    stage.observe('phase', phase);
    await stage.kubectl(['delete', 'redissentinel', name, '--wait']);
    await stage.until('nothing is left', async () => (await members(stage)).length === 0);
  },
};

/** Runs kubectl, and waits until the pods (those of this name, or all) are others and all take part. */
async function replaced(stage: Stage, args: readonly string[], only?: string): Promise<void> {
  const chosen = ({ metadata }: Pod): boolean => only === undefined || metadata.name === only;
  const before = new Set((await members(stage)).filter(chosen).map(({ metadata }) => metadata.uid));
  await stage.kubectl(args);
  await stage.until('others take their places', async () => {
    const now = (await members(stage)).filter(chosen);
    return now.length === before.size && now.every(({ metadata }) => !before.has(metadata.uid));
  });
  await settled(stage);
}

/** Waits until all take part as the spec is now. */
function settled(stage: Stage) {
  return stage.until('all members take part', async () => {
    const found = await stage.client.get(redisSentinelKind, stage.ref(name), stage.signal);
    const { status, metadata } = found ?? {};
    if (status?.observedGeneration !== metadata?.generation) return undefined;
    return status?.phase === 'Ready' && status.ready === '6/6' && status;
  });
}

async function members(stage: Stage): Promise<readonly Pod[]> {
  const labelSelector = `app.kubernetes.io/instance=${name}`;
  const selection = { namespace: stage.namespace, labelSelector };
  return (await stage.client.list(podResource, selection, stage.signal)).items;
}

async function password(stage: Stage): Promise<string> {
  const secret = stage.ref(`${name}-auth`);
  const found = await stage.client.get(secretResource, secret, stage.signal);
  return Buffer.from(found?.data?.['password'] ?? '', 'base64').toString();
}
