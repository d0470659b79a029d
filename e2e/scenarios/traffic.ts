// Editors at work while something changes: whatever one of them finished has to be found.

import assert from 'node:assert/strict';
import { EditorClient, sameFiles, type UnityEntry, type UnityFiles } from '../unity-clients.ts';

/** What an editor had to import, and stored. */
export interface Asset {
  readonly name: string;
  readonly entry: UnityEntry;
  readonly files: UnityFiles;
}

interface TrafficOptions {
  /** Addresses that the clients have, in turn; undefined: the one that the system chooses. */
  readonly localAddresses?: readonly (string | undefined)[];
  /** Looks for what was found where it was written, elsewhere; what it throws is a failure. */
  readonly alsoAt?: (asset: Asset) => Promise<void>;
}

export interface Traffic {
  /** Transactions that were written and read back so far. */
  finished(): number;
  /** What they were. */
  readonly assets: readonly Asset[];
  readonly failures: readonly unknown[];
  stop(): Promise<void>;
}

/** Three editors that keep their connection and think between assets, and one that connects anew for each. Finished is what was found again. */
export function startTraffic(
  host: string,
  port: number,
  { alsoAt = async () => undefined, localAddresses = [] }: TrafficOptions = {},
): Traffic {
  const failures: unknown[] = [];
  const assets: Asset[] = [];
  const stop = new AbortController();
  let connections = 0;
  const work = async (client: number, assetsPerConnection: number): Promise<void> => {
    let asset = 0;
    let crossed = false;
    while (!stop.signal.aborted) {
      const localAddress = localAddresses[connections++ % localAddresses.length];
      const editor = await EditorClient.connect(host, port, { localAddress });
      for (let left = assetsPerConnection; left > 0 && !stop.signal.aborted; left--) {
        if (editor.closed) break; // between two transactions: whoever drains may say goodbye here
        try {
          const stored = assetOf(client, asset);
          await storeAndFind(editor, stored);
          await alsoAt(stored);
          assets.push(stored);
        } catch (error) {
          // What crossed the goodbye was not finished, and goes to the next server; once, for that one stays.
          if (!editor.closed || crossed) throw error;
          crossed = true;
          break;
        }
        crossed = false;
        asset++;
        await pause(client === 0 ? 20 : 700 + 100 * client);
      }
      editor.close();
    }
  };
  const working = [1, 1_000, 1_000, 1_000].map((assets, client) =>
    work(client, assets).catch((error: unknown) => void failures.push(error)),
  );
  return {
    finished: () => assets.length,
    assets,
    failures,
    stop: async () => {
      stop.abort();
      await Promise.all(working);
    },
  };
}

/** The find behind it is the acknowledgement that the protocol lacks: what it shows was finished. */
async function storeAndFind(editor: EditorClient, { name, entry, files }: Asset): Promise<void> {
  await editor.store(entry, files);
  const found = await editor.find(entry);
  assert.ok(sameFiles(found, files), `${name} was lost: ${sizes(found)}`);
}

function assetOf(client: number, asset: number): Asset {
  const files = { a: Buffer.alloc(40_000 + asset, client + 1), i: Buffer.alloc(500, asset % 251) };
  return { name: `asset ${asset} of client ${client}`, entry: entryOf(client, asset), files };
}

export function sizes(files: UnityFiles): string {
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
