// Class 48: whatever a client may do, ours answers as Unity's server does, byte by byte, with either of its stores.
// TWEENDECK_PEER_SESSIONS=5000 makes it long, TWEENDECK_PEER_SEED repeats a run. What differs on purpose is a table of
// services/cacheserver/FAULTS.md.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { ensurePeer } from '../tools/unity-cache-server/peer.ts';
import { crookedSide } from './cache-peer/crooked-side.ts';
import { difference, play, playRow, rowDifference } from './cache-peer/play.ts';
import { rowsOf } from './cache-peer/rows.ts';
import { allowances, keysOf } from './cache-peer/script.ts';
import { randomSession, readingSession, type Session } from './cache-peer/session.ts';
import { smallest } from './cache-peer/shrink.ts';
import { openSide, type ServerSide, type Side } from './cache-peer/sides.ts';

const sessions = Number(process.env['TWEENDECK_PEER_SESSIONS'] ?? 45);
const seed = Number(process.env['TWEENDECK_PEER_SEED'] ?? 20_261_122);

/** Between restarts. */
const roundSessions = 400;

let program = '';
let root = '';
let ours: ServerSide;
let peers: readonly ServerSide[] = [];
/** Sessions that were played, so that each has keys of its own. */
let played = 0;

before(async () => {
  program = await ensurePeer((line) => process.stderr.write(`${line}\n`));
  root = mkdtempSync(join(tmpdir(), 'cache-peer-'));
  const [own, ...others] = await Promise.all([open('ours'), open('fs'), open('ram')]);
  ours = own;
  peers = others;
});

const open = (name: ServerSide['name'], directory = join(root, name)): Promise<ServerSide> =>
  openSide(name, { directory, peer: program });

after(async () => {
  await Promise.all([ours, ...peers].map((side) => side[Symbol.asyncDispose]()));
  rmSync(root, { recursive: true });
});

/** Plays it to both; how they differ. */
async function compare(session: Session, other: Side): Promise<string | undefined> {
  const number = ++played;
  const [left, right] = await Promise.all([
    play(session, number, ours),
    play(session, number, other),
  ]);
  return difference(left, right, { forgets: other.name === 'ram' });
}

/** Fails with the smallest session that still shows a difference. */
async function failSmall(session: Session, other: Side, first: string): Promise<never> {
  const small = await smallest(session, async (one) => (await compare(one, other)) !== undefined);
  const told = (await compare(small, other)) ?? `${first}, once`;
  assert.fail(`ours and ${other.name} differ\n${told}\n${JSON.stringify(small, undefined, 1)}`);
}

/** Asks all for what sessions stored, behind a restart by this signal. */
async function assertSameAfterRestart(
  numbers: Iterable<number>,
  sides: readonly ServerSide[],
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  await Promise.all([ours, ...sides].map((side) => side.restart(signal)));
  for (const number of numbers) {
    const [own = [], ...others] = await Promise.all(
      [ours, ...sides].map((side) => play(readingSession, number, side)),
    );
    for (const [at, side] of sides.entries()) {
      const told = difference(own, others[at] ?? [], { forgets: false });
      assert.equal(told, undefined, `${side.name} after a restart, session ${number}: ${told}`);
    }
  }
}

const rowNumbers: number[] = [];
const rows = rowsOf((kept) => {
  played++;
  if (kept) rowNumbers.push(played);
  return keysOf(played)[0] ?? assert.fail('no key');
});

test(`${rows.length} single cases, and the faults of the peer that they show`, async (context) => {
  for (const row of rows) {
    await context.test(row.name, async () => {
      const [own, fs, ram] = await Promise.all([
        playRow(row, ours, row.differs?.ours),
        ...peers.map((peer) => playRow(row, peer, row.differs?.peers[nameOf(peer)])),
      ]);
      if (own === undefined || fs === undefined || ram === undefined) assert.fail('not played');
      assert.equal(rowDifference(row, own, 'fs', fs), undefined);
      assert.equal(rowDifference(row, own, 'ram', ram), undefined);
    });
  }
  await context.test('what they stored is there after a restart', () =>
    assertSameAfterRestart(rowNumbers, peers, 'SIGTERM'),
  );
});

test(`${sessions} sessions are answered as the peer answers them (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  for (let done = 0; done < sessions; done += roundSessions) {
    const numbers: number[] = [];
    for (let left = Math.min(roundSessions, sessions - done); left > 0; left--) {
      numbers.push(await playOne(randomSession(random)));
    }
    // A restart makes its memory store forget more than can be told beforehand: see its fault "memory forgets".
    const onDisk = peers.filter(({ name }) => name === 'fs');
    await assertSameAfterRestart(numbers, onDisk, 'SIGKILL');
    await renewMemoryPeer();
  }
});

/** Plays it to all; resolves with its number. */
async function playOne(session: Session): Promise<number> {
  const number = ++played;
  const [own = [], ...others] = await Promise.all(
    [ours, ...peers].map((side) => play(session, number, side)),
  );
  for (const [at, peer] of peers.entries()) {
    const told = difference(own, others[at] ?? [], { forgets: peer.name === 'ram' });
    if (told !== undefined) await failSmall(session, peer, told);
  }
  return number;
}

/** Its memory is bounded and never tidied up: a full one refuses puts. */
async function renewMemoryPeer(): Promise<void> {
  const old = peers.find(({ name }) => name === 'ram');
  await old?.[Symbol.asyncDispose]();
  const fresh = await open('ram', join(root, `ram-${played}`));
  peers = [...peers.filter((peer) => peer !== old), fresh];
}

test('every fault of the peer that is made allowance for is told', () => {
  const told = readFileSync(join(import.meta.dirname, '../services/cacheserver/FAULTS.md'), 'utf8');
  const shown = rows.flatMap(({ differs }) => (differs ? [differs.by] : []));
  for (const fault of new Set([...shown, ...allowances])) {
    assert.ok(told.includes(`| ${fault} |`), `FAULTS.md does not tell of: ${fault}`);
  }
});

test('a difference is found, and told by a session of few steps', async () => {
  await using crooked = await crookedSide(() => ours.port);
  const random = seededRandom(1);
  for (let count = 0; count < 50; count++) {
    const session = randomSession(random);
    if ((await compare(session, crooked)) === undefined) continue;
    const small = await smallest(
      session,
      async (one) => (await compare(one, crooked)) !== undefined,
    );
    assert.ok(small.steps.length <= 3, JSON.stringify(small));
    assert.match((await compare(small, crooked)) ?? '', /hit r 1.*other bytes/);
    return;
  }
  assert.fail('50 sessions in which a wrong byte was not seen');
});

function nameOf({ name }: ServerSide): 'fs' | 'ram' {
  return name === 'ram' ? 'ram' : 'fs';
}
