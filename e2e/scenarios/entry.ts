// Several replicas behind one entry: what a client may rely on, whichever replica it meets.

import assert from 'node:assert/strict';
import { deploymentResource, serviceResource } from '@tweendeck/kube';
import { EditorClient, sameFiles, type UnityEntry } from '../unity-clients.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** Where programs hold addresses themselves, those who leave one serve it 2 s longer. */
const handOverMs = 5_000;

export const entryPromises: Scenario = {
  name: 'behind the entry an address reads what it wrote, others the whole or nothing',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await stage.apply('cache', { replicas: 3 });
    const { host, port } = await stage.home.addressOf(await stage.untilReady('cache'));
    await untilLedTo(stage, 'cacheserver-entry');
    await stage.until('replicas have left the address to the entry', async () => {
      const held = (await stage.conditions('cache')).get('EntryReady');
      return Date.now() - Date.parse(held?.lastTransitionTime ?? '') > handOverMs;
    });
    const addresses = stage.home.clientAddresses;
    const entries: UnityEntry[] = [];
    for (const [number, localAddress] of addresses.entries()) {
      entries.push(entryOf(number));
      const writer = await EditorClient.connect(host, port, { localAddress });
      await writer.store(entryOf(number), filesOf(number));
      assert.ok(sameFiles(await writer.find(entryOf(number)), filesOf(number)), localAddress);
      writer.close();
      // Read your writes, over another connection of the same address.
      const reader = await EditorClient.connect(host, port, { localAddress });
      assert.ok(sameFiles(await reader.find(entryOf(number)), filesOf(number)), localAddress);
      reader.close();
    }
    let elsewhere = 0;
    for (const localAddress of addresses) {
      const reader = await EditorClient.connect(host, port, { localAddress });
      for (const [number, entry] of entries.entries()) {
        const found = await reader.find(entry);
        if (Object.keys(found).length === 0) elsewhere++;
        else assert.ok(sameFiles(found, filesOf(number)), 'a part of a transaction');
      }
      reader.close();
    }
    if (addresses.length > 4) {
      assert.ok(elsewhere > 0, 'all addresses met the same replica');
      // Replicas know their clients in spite of the proxy.
      const stats = await stage.tweendeck(['cache', 'stats', 'cache', '-o', 'json']);
      assert.ok(stats.includes(`"${addresses[1]}"`), stats);
    }
  },
};

export const entrySwitch: Scenario = {
  name: 'the entry is there for more than one replica, comes back by itself, and can be switched off',
  play: async (stage) => {
    await stage.apply('cache');
    await stage.untilReady('cache');
    await untilLedTo(stage, 'cacheserver');
    await stage.change('cache', { replicas: 2 });
    await stage.untilReady('cache');
    await untilLedTo(stage, 'cacheserver-entry');
    await stage.untilCondition('cache', 'EntryReady', { status: 'True' });
    await stage.kubectl(['delete', 'deployment', 'cache-entry']);
    await stage.untilReady('cache');
    await untilLedTo(stage, 'cacheserver-entry');
    await stage.change('cache', { entry: { mode: 'Never' } });
    await stage.untilReady('cache');
    await untilLedTo(stage, 'cacheserver');
    const ref = { ...stage.ref('cache'), name: 'cache-entry' };
    await stage.until('the entry is gone', async () => {
      return !(await stage.client.get(deploymentResource, ref, stage.signal));
    });
    await stage.until('nobody speaks of the entry any more', async () => {
      return !(await stage.conditions('cache')).has('EntryReady');
    });
  },
};

/** Waits until the Service leads clients to pods of this name. */
export function untilLedTo(stage: Stage, name: string): Promise<unknown> {
  return stage.until(`clients are led to ${name}`, async () => {
    const service = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
    return service?.spec.selector?.['app.kubernetes.io/name'] === name;
  });
}

function entryOf(number: number): UnityEntry {
  return { guid: Buffer.alloc(16, number + 1), hash: Buffer.alloc(16, 7) };
}

function filesOf(number: number) {
  return {
    a: Buffer.alloc(70_000 + number, number + 1),
    i: Buffer.alloc(900, number + 2),
    r: Buffer.alloc(5_000, number + 3),
  };
}
