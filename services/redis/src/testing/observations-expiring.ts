// Observations of commands that a server refuses by itself when it gets to them too late.

import { expiring } from '../expiring.ts';
import type { Observation } from './observations.ts';
import { nodeTimeoutMs, type Observer } from './rig.ts';

const longMs = 60_000;
const shortMs = 200;

const isLate = (answer: string): string => answer.replace(/\d+ ms/, 'some ms');

/** Slots on their way from a server. */
async function ways(see: Observer, server: number): Promise<string> {
  const self = (await see.nodes(server)).find(({ flags }) => flags.has('myself'));
  return [...(self?.migrating ?? [])].map(([slot, id]) => `${slot} to ${see.plain(id)}`).join();
}

export const expiringObservations: readonly Observation[] = [
  {
    name: 'a command that expires is done in time, and is refused later',
    servers: 1,
    run: async (see) => {
      await see.id(0);
      const atMs = await see.clockMs(0);
      const late = await see.ask(
        0,
        ...expiring(['CLUSTER', 'ADDSLOTSRANGE', 0, 9], { untilMs: atMs - shortMs }),
      );
      return [
        isLate(late),
        await see.sees(0, 0),
        await see.askWithin(0, longMs, 'CLUSTER', 'ADDSLOTSRANGE', 0, 9),
        await see.sees(0, 0),
      ];
    },
    says: ['EXPIRED some ms ago', 'master', 'OK', 'master 0-9'],
  },
  {
    name: 'what expires while a server is frozen it refuses when it goes on, by its clock of then',
    servers: 2,
    run: async (see) => {
      await see.make(2);
      const taker = await see.idOf(1);
      const clockMs = await see.clockMs(0);
      see.rig.freeze(0);
      const command = (slot: number) => ['CLUSTER', 'SETSLOT', slot, 'MIGRATING', taker];
      await see.rig.tell(
        0,
        expiring(command(0), { untilMs: clockMs + shortMs }),
        expiring(command(1), { untilMs: clockMs + longMs }),
        expiring(command(2), { untilMs: clockMs + shortMs }),
        expiring(command(3), { untilMs: clockMs + longMs }),
      );
      await see.rig.pass(shortMs * 2);
      see.rig.thaw(0);
      await see.until('it did the last', async () => /\b3 to/.test(await ways(see, 0)));
      return [await ways(see, 0)];
    },
    says: ['1 to #1,3 to #1'],
  },
  {
    name: 'a replica that was frozen does not take over too late, from a master that is back',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      const untilMs = (await see.clockMs(3)) + shortMs;
      see.rig.freeze(3);
      await see.rig.tell(3, expiring(['CLUSTER', 'FAILOVER', 'TAKEOVER'], { untilMs }), [
        'CLUSTER',
        'SETSLOT',
        0,
        'STABLE',
      ]);
      await see.rig.pass(shortMs * 2);
      see.rig.thaw(3);
      await see.rig.pass(nodeTimeoutMs * 2);
      return [await see.sees(3, 3), await see.sees(1, 0)];
    },
    says: ['slave of #0', 'master 0-5460'],
  },
  {
    name: 'what refuses a command says the same when it expires',
    servers: 3,
    run: async (see) => {
      await see.make(2, [[2, 0]]);
      const [master, replica] = [await see.idOf(0), await see.idOf(2)];
      const nobody = '1'.repeat(40);
      const ask = (server: number, ...command: readonly (string | number)[]): Promise<string> =>
        see.askWithin(server, longMs, 'CLUSTER', ...command);
      return [
        await ask(0, 'ADDSLOTSRANGE', 0, 1),
        await ask(0, 'FAILOVER'),
        await ask(0, 'REPLICATE', replica),
        await ask(0, 'FORGET', nobody),
        await ask(2, 'FORGET', master),
        await ask(1, 'SETSLOT', 0, 'MIGRATING', master),
        await ask(1, 'SETSLOT', 0, 'NODE', nobody),
        await ask(2, 'SETSLOT', 0, 'STABLE'),
      ];
    },
    says: [
      'ERR Slot 0 is already busy',
      'ERR You should send CLUSTER FAILOVER to a replica',
      'ERR I can only replicate a master, not a replica.',
      `ERR Unknown node ${'1'.repeat(40)}`,
      "ERR Can't forget my master!",
      "ERR I'm not the owner of hash slot 0",
      `ERR Unknown node ${'1'.repeat(40)}`,
      'ERR Please use SETSLOT only with masters.',
    ],
  },
  {
    name: 'commands that expire do what they say: meet, follow, open, close, forget, lead',
    servers: 3,
    run: async (see) => {
      const ask = (server: number, ...command: readonly (string | number)[]): Promise<string> =>
        see.askWithin(server, longMs, 'CLUSTER', ...command);
      const lines: string[] = [];
      for (const other of [1, 2]) {
        lines.push(await ask(0, 'MEET', see.rig.host(other), see.rig.port));
      }
      await see.untilKnown();
      lines.push(
        await ask(0, 'ADDSLOTSRANGE', 0, 9_999),
        await ask(1, 'ADDSLOTSRANGE', 10_000, 16_383),
      );
      await see.untilServing([0, 1]);
      const [first, second, third] = [await see.idOf(0), await see.idOf(1), await see.idOf(2)];
      lines.push(await ask(2, 'REPLICATE', first));
      await see.untilSynced(2);
      lines.push(await ask(0, 'SETSLOT', 7, 'MIGRATING', second), await ways(see, 0));
      lines.push(await ask(0, 'SETSLOT', 7, 'STABLE'), await ways(see, 0));
      await see.untilSees(0, 2, 'slave of #0');
      lines.push(await ask(2, 'FAILOVER'));
      await see.untilLeads(2);
      await see.untilSees(1, 0, 'slave of #2');
      lines.push(await ask(1, 'FORGET', first), await see.sees(1, 0), see.plain(third));
      return lines;
    },
    says: [
      ...['OK', 'OK', 'OK', 'OK', 'OK', 'OK', '7 to #1', 'OK', '', 'OK'],
      ...['OK', 'unknown', '#2'],
    ],
  },
  {
    name: 'without most masters, where clients are refused, commands that expire are done',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.rig.kill(0);
      await see.rig.kill(1);
      await see.until(
        'nothing is served',
        async () => (await see.info(2, 'cluster_state')) === 'fail',
      );
      const taken = await see.askWithin(3, longMs, 'CLUSTER', 'FAILOVER', 'TAKEOVER');
      await see.untilLeads(3);
      await see.untilServing([2, 3]);
      return [taken, await see.sees(3, 3)];
    },
    says: ['OK', 'master 0-5460'],
  },
  {
    name: 'what was decided about a master, or a follower of one, is not done by who is something else',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      const [first, second] = [await see.idOf(0), await see.idOf(1)];
      const untilMs = (await see.clockMs(3)) + longMs;
      const ask = (follows: string | undefined): Promise<string> =>
        see.ask(3, ...expiring(['CLUSTER', 'FAILOVER'], { untilMs, role: { follows } }));
      const lines = [await ask(undefined), await ask(second), await ask(first)];
      await see.untilLeads(3);
      return [...lines, await ask(first), await ask(undefined)];
    },
    says: [
      ...['EXPIRED it has another role now', 'EXPIRED it has another role now', 'OK'],
      ...['EXPIRED it has another role now', 'ERR You should send CLUSTER FAILOVER to a replica'],
    ],
  },
];
