// What can go wrong with pods: said in conditions and events with its reason, and over once the cause is.

import assert from 'node:assert/strict';
import { nodeResource } from '@tweendeck/kube';
import { parse, stringify } from 'yaml';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

export const placement: Scenario = {
  name: 'a node selector that fits no node is told as Unschedulable, until a node fits',
  play: async (stage) => {
    const label = `${stage.namespace}.example.com/fits`;
    await stage.apply('cache', { nodeSelector: { [label]: 'yes' } });
    await stage.untilCondition('cache', 'Ready', { status: 'False', reason: 'Unschedulable' });
    const told = await stage.untilCondition('cache', 'Degraded', { status: 'True' });
    assert.equal(told.reason, 'Unschedulable');
    assert.match(told.message ?? '', /finds no node: 0\/\d+ nodes are available/);
    await untilFailedEvent(stage, /finds no node/);
    const shown = await stage.tweendeck(['get', 'cacheserver/cache', '-o', 'yaml']);
    await stage.kubectl(
      ['apply', '--server-side', '--force-conflicts', '-f', '-'],
      withoutServers(shown),
    );
    const [node] = (await stage.client.list(nodeResource, {}, stage.signal)).items;
    await stage.kubectl(['label', 'node', node?.metadata.name ?? '', `${label}=yes`]);
    await stage.untilReady('cache');
    await stage.untilCondition('cache', 'Degraded', { status: 'False' });
    await stage.kubectl(['label', 'node', node?.metadata.name ?? '', `${label}-`]);
  },
};

export const missingImage: Scenario = {
  name: 'an image that is nowhere is told, and the one before serves on until it is mended',
  play: async (stage) => {
    await stage.apply('cache');
    const { spec } = await stage.untilReady('cache');
    await stage.change('cache', { image: stage.home.images.missing });
    const told = await stage.untilCondition('cache', 'Degraded', { status: 'True' });
    assert.match(told.reason ?? '', /^(ErrImagePull|ImagePullBackOff)$/);
    assert.ok(told.message?.includes(stage.home.images.missing), told.message);
    const { status } = await stage.cache('cache');
    assert.equal(status?.phase, 'Degraded');
    assert.equal(status?.readyReplicas, 1, 'the pod before still serves');
    await stage.until('an event says Degraded', async () =>
      (await stage.eventsAbout('cache')).has('Degraded'),
    );
    await stage.change('cache', { image: spec.image });
    await stage.untilReady('cache');
    const pods = await stage.until('one pod is left', async () => {
      const now = await stage.pods('cache');
      return now.length === 1 && now;
    });
    assert.equal(pods[0]?.spec.containers[0]?.image, spec.image);
  },
};

export const crashing: Scenario = {
  name: 'a data plane that ends at once is told with its exit code',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await stage.apply('cache', { image: stage.home.images.crashing });
    const told = await stage.untilCondition('cache', 'Degraded', {
      status: 'True',
      reason: 'CrashLoopBackOff',
    });
    assert.match(told.message ?? '', /last exit code [1-9]/);
    assert.equal((await stage.cache('cache')).status?.phase, 'Failed');
    await untilFailedEvent(stage, /last exit code/);
  },
};

export const quota: Scenario = {
  name: 'pods that a quota refuses are told, until there is room',
  notApplicable: ({ admission }) =>
    admission ? undefined : 'the embedded home has no ResourceQuota yet',
  play: async (stage) => {
    await stage.kubectl(['create', 'quota', 'small', '--hard=pods=1']);
    await stage.apply('cache', { replicas: 2 });
    const told = await stage.untilCondition('cache', 'Degraded', {
      status: 'True',
      reason: 'QuotaExceeded',
    });
    assert.match(told.message ?? '', /exceeded quota: small/);
    await stage.kubectl(['delete', 'resourcequota', 'small']);
    await stage.untilReady('cache');
    await stage.untilCondition('cache', 'Degraded', { status: 'False' });
  },
};

/** What is shown of an object without what the server writes. */
function withoutServers(text: string): string {
  const { apiVersion, kind, metadata, spec } = parse(text, { version: '1.1' });
  const { name, namespace } = metadata;
  return stringify({ apiVersion, kind, metadata: { name, namespace }, spec }, { version: '1.1' });
}

async function untilFailedEvent(stage: Stage, says: RegExp): Promise<void> {
  await stage.until('an event says Failed', async () => {
    const message = (await stage.eventsAbout('cache')).get('Failed');
    return message !== undefined && says.test(message);
  });
}
