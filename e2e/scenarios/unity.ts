// Unity's own clients through the Service of a CacheServer: filled by a build and by an editor, read by both.

import assert from 'node:assert/strict';
import { BuildPipelineClient, EditorClient, type UnityEntry } from '../unity-clients.ts';
import type { Scenario } from './scenario.ts';

export const unity: Scenario = {
  name: 'a Unity build and an editor fill and read it through its Service',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    await stage.apply('cache');
    const { host, port } = await stage.home.addressOf(await stage.untilReady('cache'));
    const load = unityLoad({ builds: 500, assets: 20 });
    await load.fill(host, port);
    await load.check(host, port);
    const stats = await stage.tweendeck(['cache', 'stats', 'cache', '-o', 'json']);
    const [[, pod] = []] = Object.entries(JSON.parse(stats));
    assert.match(JSON.stringify(pod), /"state":"serving"/);
    const told = await stage.until('the status tells what it holds', async () => {
      const { status } = await stage.cache('cache');
      return status?.objects === 520 && status;
    });
    assert.ok((told.usedBytes ?? 0) > 2_500_000, `${told.usedBytes} bytes`);
    assert.ok((told.hitRatio ?? 0) > 0.9 && (told.hitRatio ?? 0) < 1, `hits: ${told.hitRatio}`);
    await stage.untilCondition('cache', 'FiguresKnown', { status: 'True' });
    const [running] = await stage.pods('cache');
    const log = await stage.tweendeck(['logs', running?.metadata.name ?? '', '--tail=100']);
    assert.match(log, /"message":"cache serving"/);
  },
};

export interface UnityLoad {
  /** What a build and an editor upload. */
  fill(host: string, port: number): Promise<void>;
  /** Everything is asked for at once, answered in order, and equal to the byte. */
  check(host: string, port: number): Promise<void>;
}

/** A build of so many results, and an editor with so many assets. */
export function unityLoad({ builds, assets }: { builds: number; assets: number }): UnityLoad {
  const results = Array.from({ length: builds }, (_, number) => entryOf(number, 3));
  return {
    async fill(host, port) {
      const build = await BuildPipelineClient.connect(host, port);
      for (const [number, entry] of results.entries()) {
        build.upload(entry, infoOf(number), resourceOf(number));
      }
      await build.download([entryOf(builds + 1, 3)]); // behind all uploads
      build.close();
      const editor = await EditorClient.connect(host, port);
      for (let number = 0; number < assets; number++) {
        await editor.store(entryOf(number, 5), { a: assetOf(number), i: infoOf(number) });
      }
      editor.close();
    },
    async check(host, port) {
      const build = await BuildPipelineClient.connect(host, port);
      const answers = await build.download(results);
      for (const [number, { i, r }] of answers.entries()) {
        assert.ok(i?.equals(infoOf(number)), `info ${number}`);
        assert.ok(r?.equals(resourceOf(number)), `resource ${number}`);
      }
      build.close();
      const editor = await EditorClient.connect(host, port);
      for (let number = 0; number < assets; number++) {
        const found = await editor.find(entryOf(number, 5));
        assert.ok(found.a?.equals(assetOf(number)), `asset ${number}`);
        assert.ok(found.i?.equals(infoOf(number)), `info ${number}`);
      }
      assert.deepEqual(await editor.find(entryOf(assets + 1, 5)), {});
      editor.close();
    },
  };
}

function entryOf(number: number, kind: number): UnityEntry {
  const guid = Buffer.alloc(16, kind);
  guid.writeUInt32LE(number, 4);
  return { guid, hash: Buffer.alloc(16, kind + 1) };
}

const infoOf = (number: number): Buffer => Buffer.alloc(600 + (number % 7), number % 251);
const resourceOf = (number: number): Buffer => Buffer.alloc(3_000 + (number % 11), number % 241);
const assetOf = (number: number): Buffer => Buffer.alloc(50_000 + number, number % 239);
