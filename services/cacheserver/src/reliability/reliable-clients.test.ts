// Who counts as another client, through real connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { unityCacheBegin, unityCacheCommit, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import { parseRange } from '../dataplane/access/address.ts';
import { openPolicy } from '../dataplane/access/policy.ts';
import { MemoryDisk } from '../dataplane/memory-disk.ts';
import { contentOf, getFiles, idOf } from '../dataplane/value-store-conformance.ts';
import { type TestPlane, TestWorld } from '../testing/planes.ts';
import { defaultReliabilityRules } from './decide.ts';
import { ReliableStore } from './reliable-store.ts';

const files = { a: contentOf(1, 30_000) };
const loopback = parseRange('127.0.0.1');
assert.ok(loopback);
const proxied = { policy: { ...openPolicy, proxiesTrusted: [loopback] } };

/** A plane that asks for two uploads of different clients. */
async function distinctPlane(world: TestWorld, options: object): Promise<TestPlane> {
  const { clock, log } = world;
  const rules = { ...defaultReliabilityRules, clients: 'distinct' } as const;
  const inner = await world.openStore();
  return world.serve(
    new ReliableStore(inner, { disk: new MemoryDisk(), rules, clock, log }),
    options,
  );
}

/** Uploads on a connection of its own that begins with `head`, and waits until that was processed. */
async function upload(plane: TestPlane, head: string): Promise<void> {
  const { host, port } = plane.address;
  const socket = connect({ host, port });
  const id = idOf(1);
  socket.write(
    Buffer.concat([
      Buffer.from(`${head}000000fe`),
      unityCacheBegin(id),
      unityCachePut('a', files.a.length),
      files.a,
      unityCacheCommit(),
      unityCacheGet('r', id), // a miss, behind the commit
    ]),
  );
  let answered = 0;
  while (answered < 8 + 34) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]; // what the event gives
    answered += chunk.length;
  }
  socket.destroy();
}

const from = (address: string): string => `PROXY TCP4 ${address} 10.0.0.9 4000 8126\r\n`;

for (const { name, options, heads, stored } of [
  { name: 'another port of one address', options: {}, heads: ['', '', ''], stored: false },
  {
    name: 'one address behind a proxy',
    options: proxied,
    heads: [from('10.0.0.1'), from('10.0.0.1')],
    stored: false,
  },
  {
    name: 'two addresses behind one proxy',
    options: proxied,
    heads: [from('10.0.0.1'), from('10.0.0.2')],
    stored: true,
  },
]) {
  test(`high reliability takes ${name} for ${stored ? 'two clients' : 'one client'}`, async () => {
    await using world = new TestWorld();
    const plane = await distinctPlane(world, options);
    for (const head of heads) await upload(plane, head);
    assert.deepEqual(await getFiles(plane.store, idOf(1)), stored ? files : {});
    assert.equal(plane.stored, stored ? 1 : 0);
    const { unconfirmed } = plane.server.stats().server.transactions;
    assert.equal(unconfirmed, stored ? 1 : heads.length);
  });
}
