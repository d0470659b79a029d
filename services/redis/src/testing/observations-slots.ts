// Observations of slots that go from one master to another.

import type { Observation } from './observations.ts';
import type { Observer } from './rig.ts';

/** `a` is of slot 15495, the last of two shares; `b` of 3300, the first. */
const slotOfA = 15_495;
const slotOfB = 3_300;

/** Opens a slot of server 0 towards server 1. */
async function opened(see: Observer): Promise<{ readonly giver: string; readonly taker: string }> {
  await see.make(2);
  const [giver, taker] = [await see.idOf(0), await see.idOf(1)];
  await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', giver);
  await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', taker);
  return { giver, taker };
}

/** Slots on their way, as their server shows them. */
async function ways(see: Observer, server: number): Promise<string> {
  const self = (await see.nodes(server)).find(({ flags }) => flags.has('myself'));
  const out = [...(self?.migrating ?? [])].map(([slot, id]) => `${slot} to ${see.plain(id)}`);
  const here = [...(self?.importing ?? [])].map(([slot, id]) => `${slot} from ${see.plain(id)}`);
  return [...out, ...here].join(', ');
}

export const slotObservations: readonly Observation[] = [
  {
    name: 'a slot is served by its owner, others tell where it is',
    servers: 2,
    run: async (see) => {
      await see.make(2);
      return [
        await see.ask(0, 'SET', 'a', 1),
        await see.ask(1, 'SET', 'a', 1),
        await see.ask(0, 'GET', 'b'),
      ];
    },
    says: [`MOVED ${slotOfA} #1`, 'OK', 'nil'],
  },
  {
    name: 'slots are served while others belong to nobody',
    servers: 1,
    run: async (see) => {
      await see.id(0);
      await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 0, 9_999);
      await see.untilServing([0]);
      return [await see.ask(0, 'SET', 'b', 1), await see.ask(0, 'SET', 'a', 1)];
    },
    says: ['OK', 'CLUSTERDOWN Hash slot not served'],
  },
  {
    name: 'a slot leaves only its owner, for a master that is known',
    servers: 3,
    run: async (see) => {
      await see.make(2, [[2, 0]]);
      const [giver, taker, replica] = [await see.idOf(0), await see.idOf(1), await see.idOf(2)];
      return [
        await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', giver),
        await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', taker),
        await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', '1'.repeat(40)),
        await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', '1'.repeat(40)),
        await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', replica),
        await see.ask(2, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', taker),
      ];
    },
    says: [
      `ERR I'm not the owner of hash slot ${slotOfB}`,
      `ERR I'm already the owner of hash slot ${slotOfB}`,
      `ERR I don't know about node ${'1'.repeat(40)}`,
      `ERR Unknown node ${'1'.repeat(40)}`,
      'ERR Target node is not a master',
      'ERR Please use SETSLOT only with masters.',
    ],
  },
  {
    name: 'on its way a slot is served where the key is',
    servers: 2,
    run: async (see) => {
      await see.make(2);
      await see.ask(0, 'SET', '{b}here', 1);
      const [giver, taker] = [await see.idOf(0), await see.idOf(1)];
      await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', giver);
      await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', taker);
      const asking = await see.rig.ask(1, ['ASKING'], ['SET', '{b}there', 2], ['GET', '{b}there']);
      return [
        await see.ask(0, 'GET', '{b}here'),
        await see.ask(0, 'GET', '{b}there'),
        await see.ask(1, 'GET', '{b}there'),
        ...asking.map((line) => see.plain(line)),
      ];
    },
    says: ['1', `ASK ${slotOfB} #1`, `MOVED ${slotOfB} #0`, 'OK', 'OK', `MOVED ${slotOfB} #0`],
  },
  {
    name: 'MIGRATE moves keys that are there, and says when there are none',
    servers: 2,
    run: async (see) => {
      await opened(see);
      await see.rig.ask(1, ['ASKING'], ['SET', '{b}1', 'old']);
      const host = see.rig.host(1);
      const migrate = (...rest: readonly string[]): Promise<string> =>
        see.ask(0, 'MIGRATE', host, see.rig.port, '', 0, 1_000, ...rest);
      return [
        await migrate('KEYS', '{b}nobody'),
        await see.ask(0, 'SET', '{b}1', 'new'),
        await see.ask(0, 'CLUSTER', 'GETKEYSINSLOT', slotOfB, 10),
        await see.ask(1, 'CLUSTER', 'COUNTKEYSINSLOT', slotOfB),
      ];
    },
    says: ['NOKEY', `ASK ${slotOfB} #1`, '', '1'],
  },
  {
    name: 'what lies at the taker is replaced only when it is said',
    servers: 2,
    run: async (see) => {
      await see.make(2);
      await see.ask(0, 'SET', '{b}1', 'new');
      const [giver, taker] = [await see.idOf(0), await see.idOf(1)];
      await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', giver);
      await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', taker);
      await see.rig.ask(1, ['ASKING'], ['SET', '{b}1', 'old']);
      const host = see.rig.host(1);
      const migrate = (...rest: readonly string[]): Promise<string> =>
        see.ask(0, 'MIGRATE', host, see.rig.port, '', 0, 1_000, ...rest);
      const lines = [await migrate('KEYS', '{b}1'), await migrate('REPLACE', 'KEYS', '{b}1')];
      const got = await see.rig.ask(1, ['ASKING'], ['GET', '{b}1']);
      return [...lines, got[1] ?? '', await see.ask(0, 'CLUSTER', 'COUNTKEYSINSLOT', slotOfB)];
    },
    says: [
      'ERR Target instance replied with error: BUSYKEY Target key name already exists.',
      'OK',
      'new',
      '0',
    ],
  },
  {
    name: 'MIGRATE to one who did not open the slot, or who is gone, moves nothing',
    servers: 2,
    run: async (see) => {
      await see.make(2);
      await see.ask(0, 'SET', '{b}1', 1);
      const host = see.rig.host(1);
      const migrate = (): Promise<string> =>
        see.ask(0, 'MIGRATE', host, see.rig.port, '', 0, 1_000, 'KEYS', '{b}1');
      const refused = await migrate();
      await see.rig.kill(1);
      const gone = await migrate();
      return [refused, gone, await see.ask(0, 'CLUSTER', 'COUNTKEYSINSLOT', slotOfB)];
    },
    says: [
      `ERR Target instance replied with error: MOVED ${slotOfB} #0`,
      'IOERR error or timeout writing to target instance',
      '1',
    ],
  },
  {
    name: 'what MIGRATE gave a frozen one it takes when it goes on, though the giver gave up and has it, too',
    servers: 2,
    run: async (see) => {
      await see.make(2);
      await see.ask(0, 'SET', '{b}1', 1);
      const [giver, taker] = [await see.idOf(0), await see.idOf(1)];
      await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', giver);
      await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', taker);
      const target = [see.rig.host(1), see.rig.port] as const;
      let gaveUp = '';
      // One that was frozen for too long takes nothing for a moment.
      await see.until('it has it', async () => {
        see.rig.freeze(1);
        gaveUp = await see.ask(0, 'MIGRATE', ...target, '', 0, 200, 'REPLACE', 'KEYS', '{b}1');
        see.rig.thaw(1);
        return (await see.ask(1, 'CLUSTER', 'COUNTKEYSINSLOT', slotOfB)) === '1';
      });
      return [gaveUp, await see.ask(0, 'CLUSTER', 'COUNTKEYSINSLOT', slotOfB)];
    },
    says: ['IOERR error or timeout reading to target instance', '1'],
  },
  {
    name: 'who opens a slot before it heard whose it is does not hear it, and takes no keys until it is told',
    servers: 3,
    run: async (see) => {
      await see.meet([0, 1]);
      await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 0, 9_999);
      await see.ask(1, 'CLUSTER', 'ADDSLOTSRANGE', 10_000, 16_383);
      await see.untilServing([0, 1]);
      await see.untilSees(1, 0, 'master 0-9999');
      const giver = await see.idOf(0);
      await see.id(2);
      see.rig.freeze(0);
      await see.ask(2, 'CLUSTER', 'MEET', see.rig.host(1), see.rig.port);
      await see.untilSees(2, 0, 'master');
      await see.ask(2, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', giver);
      see.rig.thaw(0);
      await see.untilSees(2, 0, `master 0-${slotOfB - 1},${slotOfB + 1}-9999`);
      await see.untilServing([2]);
      const write = (): Promise<readonly string[]> => see.rig.ask(2, ['ASKING'], ['SET', 'b', 1]);
      const lines = [...(await write())];
      lines.push(await see.ask(2, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', giver));
      return [...lines, ...(await write()), await ways(see, 2)];
    },
    says: [...['OK', 'CLUSTERDOWN Hash slot not served', 'OK', 'OK', 'OK'], `${slotOfB} from #0`],
  },
  {
    name: 'a follower takes slots, of which nobody hears, until they are taken away from it',
    servers: 3,
    run: async (see) => {
      await see.meet();
      await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 0, 99);
      await see.ask(2, 'CLUSTER', 'ADDSLOTSRANGE', 100, 199);
      const lines = [await see.ask(1, 'CLUSTER', 'REPLICATE', await see.idOf(0))];
      await see.untilSees(2, 1, 'slave of #0');
      await see.untilSees(1, 0, 'master 0-99');
      lines.push(await see.ask(1, 'CLUSTER', 'ADDSLOTSRANGE', 200, 299), await see.sees(1, 1));
      await see.rig.pass(nodeTimeouts(2));
      lines.push(await see.sees(0, 1), await see.sees(2, 1));
      lines.push(await see.ask(1, 'CLUSTER', 'DELSLOTSRANGE', 200, 299), await see.sees(1, 1));
      return [...lines, await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 200, 299)];
    },
    says: [
      ...['OK', 'OK', 'slave of #0 200-299', 'slave of #0', 'slave of #0'],
      ...['OK', 'slave of #0', 'OK'],
    ],
  },
  {
    name: 'a slot with keys is not given away; one without is, and its new owner has the highest epoch',
    servers: 3,
    run: async (see) => {
      await see.make(2, [[2, 0]]);
      const taker = await see.idOf(1);
      await see.ask(0, 'SET', '{b}1', 1);
      const refused = await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', taker);
      await see.ask(0, 'DEL', '{b}1');
      await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'IMPORTING', await see.idOf(0));
      await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'MIGRATING', taker);
      const lines = [
        refused,
        await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', taker),
        await see.ask(0, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', taker),
      ];
      await see.untilSees(2, 1, `master ${slotOfB},8192-16383`);
      const highest = (await see.nodes(2)).toSorted((a, b) => b.epoch - a.epoch)[0];
      return [...lines, await ways(see, 0), await ways(see, 1), see.plain(highest?.id ?? '')];
    },
    says: [
      `ERR Can't assign hashslot ${slotOfB} to a different node while I still hold keys for this hash slot.`,
      'OK',
      'OK',
      '',
      '',
      '#1',
    ],
  },
  {
    name: 'an owner learns from the taker alone that a slot is gone, and what lies there goes',
    servers: 2,
    run: async (see) => {
      const { taker } = await opened(see);
      await see.ask(1, 'CLUSTER', 'SETSLOT', slotOfB, 'NODE', taker);
      await see.untilSees(0, 0, `master 0-${slotOfB - 1},${slotOfB + 1}-8191`);
      return [await ways(see, 0), await ways(see, 1)];
    },
    says: [`${slotOfB} to #1`, ''],
  },
  {
    name: 'slots of one who is gone are taken by who strikes him out and raises his epoch',
    servers: 4,
    run: async (see) => {
      await see.make(3);
      await see.meet([0, 3]);
      await see.untilSees(2, 3, 'master');
      await see.untilSees(1, 0, 'master 0-5460');
      await see.rig.kill(0);
      for (const server of [1, 2, 3]) {
        await see.until(`${server} finds that it fails`, async () =>
          (await see.nodes(server)).some(({ flags }) => flags.has('fail')),
        );
      }
      const lines = [
        await see.ask(3, 'CLUSTER', 'ADDSLOTSRANGE', 0, 5_460),
        await see.ask(3, 'CLUSTER', 'DELSLOTSRANGE', 0, 5_460),
        await see.ask(3, 'CLUSTER', 'DELSLOTSRANGE', 0, 5_460),
        await see.ask(3, 'CLUSTER', 'ADDSLOTSRANGE', 0, 5_460),
        (await see.ask(3, 'CLUSTER', 'BUMPEPOCH')).replace(/(BUMPED|STILL) \d+/, 'has it'),
      ];
      await see.untilSees(1, 3, 'master 0-5460');
      await see.untilSees(2, 3, 'master 0-5460');
      await see.untilServing([3]);
      return [...lines, await see.ask(3, 'SET', 'b', 1), await see.sees(1, 0)];
    },
    says: [
      'ERR Slot 0 is already busy',
      'OK',
      'ERR Slot 0 is already unassigned',
      'OK',
      'has it',
      'OK',
      'master,fail',
    ],
  },
  {
    name: 'slots on their way are so yet after both were killed and came back',
    servers: 2,
    run: async (see) => {
      await opened(see);
      for (const server of [0, 1]) await see.rig.kill(server);
      for (const server of [0, 1]) await see.rig.start(server);
      await see.untilServing([0, 1]);
      return [await ways(see, 0), await ways(see, 1)];
    },
    says: [`${slotOfB} to #1`, `${slotOfB} from #0`],
  },
  {
    name: 'a master whose last slot went stays a master, with its replica',
    servers: 3,
    run: async (see) => {
      await see.meet();
      await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 0, 0);
      await see.ask(1, 'CLUSTER', 'ADDSLOTSRANGE', 1, 16_383);
      const [giver, taker] = [await see.idOf(0), await see.idOf(1)];
      await see.until(
        'it follows',
        async () => (await see.ask(2, 'CLUSTER', 'REPLICATE', giver)) === 'OK',
      );
      await see.untilServing([0, 1, 2]);
      await see.ask(1, 'CLUSTER', 'SETSLOT', 0, 'IMPORTING', giver);
      await see.ask(0, 'CLUSTER', 'SETSLOT', 0, 'MIGRATING', taker);
      await see.ask(1, 'CLUSTER', 'SETSLOT', 0, 'NODE', taker);
      await see.ask(0, 'CLUSTER', 'SETSLOT', 0, 'NODE', taker);
      await see.untilSees(2, 1, 'master 0-16383');
      await see.rig.pass(nodeTimeouts(3));
      return [await see.sees(0, 0), await see.sees(2, 2), await see.sees(1, 0)];
    },
    says: ['master', 'slave of #0', 'master'],
  },
];

const nodeTimeouts = (count: number): number => count * 1_000;
