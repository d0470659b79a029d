// Every field of a running CacheServer changes while clients write and read: no transaction that was begun is lost.

import assert from 'node:assert/strict';
import { podDisruptionBudgetResource } from '@tweendeck/kube';
import { EditorClient, sameFiles, type UnityEntry, type UnityFiles } from '../unity-clients.ts';
import type { Scenario } from './scenario.ts';
import type { SpecPart, Stage } from './stage.ts';

export const liveChanges: Scenario = {
  name: 'changed live, field by field, it fails no transaction of a client',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await stage.apply('cache', { replicas: 2 });
    const { host, port } = await stage.home.addressOf(await stage.untilReady('cache'));
    const traffic = startTraffic(host, port);
    try {
      for (const [what, spec] of changesOf(stage)) {
        const before = traffic.finished();
        await change(stage, spec);
        // A change that nobody met proves nothing.
        await stage.until(`clients were served after a change of ${what}`, async () => {
          if (traffic.failures.length > 0) return true;
          return traffic.finished() > before + 5;
        });
        assert.deepEqual(traffic.failures, [], `after a change of ${what}`);
      }
    } finally {
      await traffic.stop();
    }
    assert.deepEqual(traffic.failures, []);
  },
};

/** In this order; the last ones scale, and the entry goes and comes. */
function changesOf({ home }: Stage): readonly (readonly [string, SpecPart])[] {
  return [
    ['resources', { resources: { limits: { cpu: '110m', memory: '96Mi' } } }],
    ['storage', { storage: 120_000_000 }],
    ['image', { image: home.images.other }],
    [
      'placement and pull secrets',
      {
        tolerations: [{ key: 'dedicated', operator: 'Exists' }],
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        imagePullSecrets: [{ name: 'registry' }],
      },
    ],
    ['replicas, up', { replicas: 3 }],
    ['replicas, down', { replicas: 1 }],
    ['replicas, to more than one', { replicas: 2 }],
  ];
}

/** Changes the spec, and waits until it is true and nothing of before is left. */
async function change(stage: Stage, spec: SpecPart): Promise<void> {
  const keepsPods = 'replicas' in spec;
  const before = new Set((await stage.pods('cache')).map(({ metadata }) => metadata.uid));
  await stage.change('cache', spec);
  const { spec: now } = await stage.untilReady('cache');
  await stage.until('the pods before are gone', async () => {
    const pods = await stage.pods('cache');
    if (pods.length !== now.replicas) return false;
    return keepsPods || pods.every(({ metadata }) => !before.has(metadata.uid));
  });
  const budget = await stage.client.get(
    podDisruptionBudgetResource,
    stage.ref('cache'),
    stage.signal,
  );
  assert.equal(budget?.spec.maxUnavailable, now.replicas > 1 ? 1 : undefined);
}

interface Traffic {
  /** Transactions that were written and read back so far. */
  finished(): number;
  readonly failures: readonly unknown[];
  stop(): Promise<void>;
}

/** Three editors that keep their connection and think between assets, and one that connects anew for each. Finished is what was found again. */
function startTraffic(host: string, port: number): Traffic {
  const failures: unknown[] = [];
  let finished = 0;
  const stop = new AbortController();
  const work = async (client: number, assetsPerConnection: number): Promise<void> => {
    let asset = 0;
    let crossed = false;
    while (!stop.signal.aborted) {
      const editor = await EditorClient.connect(host, port);
      for (let left = assetsPerConnection; left > 0 && !stop.signal.aborted; left--) {
        if (editor.closed) break; // between two transactions: whoever drains may say goodbye here
        try {
          await storeAndFind(editor, client, asset);
        } catch (error) {
          // What crossed the goodbye was not finished, and goes to the next server; once, for that one stays.
          if (!editor.closed || crossed) throw error;
          crossed = true;
          break;
        }
        crossed = false;
        asset++;
        finished++;
        await pause(client === 0 ? 20 : 700 + 100 * client);
      }
      editor.close();
    }
  };
  const working = [1, 1_000, 1_000, 1_000].map((assets, client) =>
    work(client, assets).catch((error: unknown) => void failures.push(error)),
  );
  return {
    finished: () => finished,
    failures,
    stop: async () => {
      stop.abort();
      await Promise.all(working);
    },
  };
}

/** The find behind it is the acknowledgement that the protocol lacks: what it shows was finished. */
async function storeAndFind(editor: EditorClient, client: number, asset: number): Promise<void> {
  const entry = entryOf(client, asset);
  const files = { a: Buffer.alloc(40_000 + asset, client + 1), i: Buffer.alloc(500, asset % 251) };
  await editor.store(entry, files);
  const found = await editor.find(entry);
  assert.ok(sameFiles(found, files), `client ${client} lost its asset ${asset}: ${sizes(found)}`);
}

function sizes(files: UnityFiles): string {
  return JSON.stringify(Object.entries(files).map(([type, bytes]) => [type, bytes.length]));
}

function entryOf(client: number, asset: number): UnityEntry {
  const guid = Buffer.alloc(16, client + 1);
  guid.writeUInt32LE(asset, 4);
  return { guid, hash: Buffer.alloc(16, 9) };
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
