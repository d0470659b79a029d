// Caches that know one another by their specs: what is stored at one is brought to its mirror, and got by who asks it.

import assert from 'node:assert/strict';
import { EditorClient, sameFiles, type UnityEntry } from '../unity-clients.ts';
import type { Scenario } from './scenario.ts';
import type { SpecPart, Stage } from './stage.ts';

export const mirrorAndUpstream: Scenario = {
  name: 'by their specs a cache is brought what another stores, and a third asks for what it lacks',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    const right = await start(stage, 'right', { mirror: {} });
    const left = await start(stage, 'left', { mirror: { targets: [{ address: right }] } });
    const far = await start(stage, 'far', { upstream: { address: left, waitSeconds: 10 } });
    const entry = { guid: Buffer.alloc(16, 5), hash: Buffer.alloc(16, 6) };
    const files = { a: Buffer.alloc(70_000, 7), i: Buffer.alloc(300, 8) };
    const editor = await connect(left);
    await editor.store(entry, files);
    assert.ok(sameFiles(await editor.find(entry), files), 'where it was stored');
    editor.close();
    await stage.until('the mirror has it', async () => sameFiles(await find(right, entry), files));
    assert.ok(sameFiles(await find(far, entry), files), 'whoever asks gets it at once');
    // Another mirror is taken over while it serves.
    const before = await uids(stage, 'left');
    const late = await start(stage, 'late', { mirror: {} });
    await stage.change('left', { mirror: { targets: [{ address: right }, { address: late }] } });
    await stage.until('a new mirror gets what was there', async () => {
      return sameFiles(await find(late, entry), files);
    });
    assert.deepEqual(await uids(stage, 'left'), before, 'nobody started anew');
    await stage.untilRulesApplied('left');
    await stage.untilCondition('left', 'PeersReachable', { status: 'True' });
    await stage.change('late', { access: { readOnly: true } });
    await stage.untilRulesApplied('late');
    const again = await connect(left);
    const refused = { guid: Buffer.alloc(16, 9), hash: Buffer.alloc(16, 9) };
    await again.store(refused, files);
    assert.ok(sameFiles(await again.find(refused), files), 'where it was stored');
    again.close();
    const told = await stage.untilCondition('left', 'PeersReachable', { status: 'False' });
    assert.equal(told.reason, 'PeerKeepsNothing', told.message);
  },
};

/** Gives its address, which pods reach, too. */
async function start(stage: Stage, name: string, spec: SpecPart): Promise<string> {
  await stage.apply(name, spec);
  const { host, port } = await stage.home.addressOf(await stage.untilReady(name));
  return `${host}:${port}`;
}

function connect(address: string): Promise<EditorClient> {
  const [host = '', port] = address.split(':');
  return EditorClient.connect(host, Number(port));
}

async function find(address: string, entry: UnityEntry) {
  const editor = await connect(address);
  try {
    return await editor.find(entry);
  } finally {
    editor.close();
  }
}

async function uids(stage: Stage, name: string): Promise<readonly string[]> {
  return (await stage.pods(name)).map(({ metadata }) => metadata.uid);
}
