// Who is asked and told what while slots move; what becomes of keys is tried on pretended and on real servers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RespValue } from '@tweendeck/wire';
import { expiringIn } from '../expiring.ts';
import type { Command, OpenLink } from '../redis-link.ts';
import { clusterOf } from '../testing/cluster-of.ts';
import { moveSlots } from './move-slots.ts';
import { isSeen } from './seen.ts';
import { slotsIn } from './slots.ts';

const { signal } = new AbortController();
const giver = '10.0.0.0';
const heir = '10.0.0.1';
const taker = '10.0.1.0';
const given = [
  { at: '0-0', slots: [[0, 199]] },
  { at: '0-1', follows: '0-0' },
  { at: '1-0', slots: [[200, 399]] },
] as const;

/** Servers without keys. `follows` is whom the heir says that it follows, asked for the nth time, from 0. */
class Servers {
  readonly opened: string[] = [];
  left = 0;
  /** Slots that the giver was told to have given away. */
  readonly gone: number[] = [];
  readonly #follows: (time: number) => string;
  #times = 0;

  constructor(follows: (time: number) => string = () => '0-0') {
    this.#follows = follows;
  }

  readonly open: OpenLink = async ({ host }) => {
    this.opened.push(host);
    return {
      ask: async (commands) => commands.map((command) => this.#answer(host, command)),
      [Symbol.dispose]: () => {
        this.left++;
      },
    };
  };

  #answer(host: string, command: Command): RespValue {
    const [, , slot, how] = expiringIn(command)?.command ?? [];
    if (host === giver && how === 'NODE') this.gone.push(Number(slot));
    const words = command.join(' ');
    if (words === 'TIME') return ['1', '0'];
    if (words.startsWith('CLUSTER GETKEYSINSLOT')) return [];
    if (words !== 'CLUSTER NODES') return 'OK';
    const master = this.#follows(this.#times++);
    return Buffer.from(`0-1 ${host}:6379@16379 myself,slave ${master} 0 0 1 connected\n`);
  }

  async move(): Promise<void> {
    const all = clusterOf(given).filter(isSeen);
    const [from, , to] = all;
    assert.ok(from && to);
    const slots = slotsIn([[0, 199]]);
    await moveSlots({ move: { from, to, slots }, all }, { ...this, password: undefined }, signal);
  }
}

test('a move of several bundles: one link to each that takes part', async () => {
  const servers = new Servers();
  await servers.move();
  assert.equal(servers.gone.length, 200);
  assert.deepEqual(servers.opened.toSorted(), [giver, heir, taker]);
  assert.equal(servers.left, 3);
});

test('a move of several bundles: it ends once an heir leads, and what is open is left as it is', async () => {
  const servers = new Servers((time) => (time < 2 ? '0-0' : '-'));
  await servers.move();
  assert.equal(servers.gone.length, 128);
  assert.equal(servers.left, servers.opened.length);
});

test('an heir that is away: nothing moves, and no link stays open', async () => {
  const servers = new Servers();
  const open: OpenLink = async (address, abort) => {
    if (address.host === heir) throw new Error('refused');
    return servers.open(address, abort);
  };
  const all = clusterOf(given).filter(isSeen);
  const [from, , to] = all;
  assert.ok(from && to);
  const moved = moveSlots(
    { move: { from, to, slots: [0] }, all },
    { open, password: undefined },
    signal,
  );
  await assert.rejects(moved, /refused/);
  assert.deepEqual(servers.gone, []);
  assert.equal(servers.left, 2);
});
