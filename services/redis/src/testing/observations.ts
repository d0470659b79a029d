// What redis-servers 7.0 do, as far as the platform relies on it: commands to fresh servers, and what is seen then. The same
// table runs against the pretended servers of this folder and, in `e2e/`, against real ones.

import { expiringObservations } from './observations-expiring.ts';
import { failureObservations } from './observations-failures.ts';
import { slotObservations } from './observations-slots.ts';
import { nodeTimeoutMs, type Observer } from './rig.ts';

export interface Observation {
  readonly name: string;
  readonly servers: number;
  /** Lines in which servers are `#0`, `#1` ... */
  readonly run: (see: Observer) => Promise<readonly string[]>;
  readonly says: readonly string[];
}

const knowing: readonly Observation[] = [
  {
    name: 'a fresh server is a master of nothing, and serves nothing',
    servers: 1,
    run: async (see) => {
      const id = await see.id(0);
      return [
        await see.sees(0, id),
        await see.ask(0, 'GET', 'a'),
        `${await see.info(0, 'cluster_state')} ${await see.info(0, 'cluster_known_nodes')}`,
        `${await see.info(0, 'cluster_current_epoch')} ${await see.ask(0, 'DBSIZE')}`,
      ];
    },
    says: ['master', 'CLUSTERDOWN Hash slot not served', 'fail 1', '0 0'],
  },
  {
    name: 'who was met by one is known by all soon, and knows all',
    servers: 4,
    run: async (see) => {
      await see.meet();
      return [await see.sees(1, 2), await see.sees(3, 1), await see.info(2, 'cluster_known_nodes')];
    },
    says: ['master', 'master', '4'],
  },
  {
    name: 'nobody is followed who is not known yet, who follows himself, or who is oneself',
    servers: 3,
    run: async (see) => {
      const ids = await Promise.all(see.all.map((server) => see.id(server)));
      const unknown = await see.ask(0, 'CLUSTER', 'REPLICATE', ids[1] ?? '');
      await see.meet();
      const lines = [unknown, await see.ask(1, 'CLUSTER', 'REPLICATE', ids[0] ?? '')];
      await see.untilSees(2, 1, 'slave of #0');
      lines.push(await see.ask(2, 'CLUSTER', 'REPLICATE', ids[1] ?? ''));
      return [...lines, await see.ask(2, 'CLUSTER', 'REPLICATE', ids[2] ?? '')];
    },
    says: [
      'ERR Unknown node #1',
      'OK',
      'ERR I can only replicate a master, not a replica.',
      "ERR Can't replicate myself",
    ],
  },
  {
    name: 'slots are given once: who knows of an owner refuses',
    servers: 2,
    run: async (see) => {
      await see.meet();
      const first = await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 0, 10);
      const again = await see.ask(0, 'CLUSTER', 'ADDSLOTSRANGE', 5, 20);
      await see.untilSees(1, 0, 'master 0-10');
      return [first, again, await see.ask(1, 'CLUSTER', 'ADDSLOTSRANGE', 10, 30)];
    },
    says: ['OK', 'ERR Slot 5 is already busy', 'ERR Slot 10 is already busy'],
  },
  {
    name: 'epochs of masters that met become different ones',
    servers: 3,
    run: async (see) => {
      await see.make(3);
      const epochs = async (server: number): Promise<string> =>
        (await see.nodes(server))
          .map(({ epoch }) => epoch)
          .sort()
          .join(' ');
      await see.until(
        'all have epochs',
        async () => new Set((await epochs(0)).split(' ')).size === 3,
      );
      return ['all differ'];
    },
    says: ['all differ'],
  },
  {
    name: 'a replica has what its master has, and counts as in step',
    servers: 2,
    run: async (see) => {
      await see.make(1, [[1, 0]]);
      await see.ask(0, 'SET', 'a', 1);
      await see.ask(0, 'SET', 'b', 2);
      await see.until('it has both', async () => (await see.ask(1, 'DBSIZE')) === '2');
      const [master, replica] = [await see.info(0, 'role'), await see.info(1, 'role')];
      const equal =
        (await see.info(0, 'master_repl_offset')) === (await see.info(1, 'slave_repl_offset'));
      return [master, replica, await see.info(0, 'connected_slaves'), `equal offsets: ${equal}`];
    },
    says: ['master', 'slave', '1', 'equal offsets: true'],
  },
  {
    name: 'a replica sends clients to its master, for reading too',
    servers: 2,
    run: async (see) => {
      await see.make(1, [[1, 0]]);
      return [await see.ask(1, 'GET', 'a'), await see.ask(1, 'SET', 'a', 1)];
    },
    says: ['MOVED 15495 #0', 'MOVED 15495 #0'],
  },
  {
    name: 'a replica changes its master although it has keys, a master with keys or slots follows nobody',
    servers: 3,
    run: async (see) => {
      await see.make(2, [[2, 0]]);
      await see.ask(1, 'SET', 'a', 1);
      await see.ask(0, 'SET', 'b', 1);
      await see.until('the replica has it', async () => (await see.ask(2, 'DBSIZE')) === '1');
      const [other, id] = [await see.idOf(1), await see.idOf(0)];
      return [
        await see.ask(1, 'CLUSTER', 'REPLICATE', id),
        await see.ask(2, 'CLUSTER', 'REPLICATE', other),
      ];
    },
    says: ['ERR To set a master the node must be empty and without assigned slots.', 'OK'],
  },
  {
    name: 'a master with keys is not reset',
    servers: 1,
    run: async (see) => {
      await see.make(1);
      await see.ask(0, 'SET', 'a', 1);
      return [await see.ask(0, 'CLUSTER', 'RESET'), await see.ask(0, 'CLUSTER', 'RESET', 'HARD')];
    },
    says: [
      "ERR CLUSTER RESET can't be called with master nodes containing keys",
      "ERR CLUSTER RESET can't be called with master nodes containing keys",
    ],
  },
  {
    name: 'nobody forgets himself, his master, or whom he does not know',
    servers: 2,
    run: async (see) => {
      await see.make(1, [[1, 0]]);
      const [master, replica] = [await see.idOf(0), await see.idOf(1)];
      return [
        await see.ask(0, 'CLUSTER', 'FORGET', master),
        await see.ask(1, 'CLUSTER', 'FORGET', master),
        await see.ask(0, 'CLUSTER', 'FORGET', '0'.repeat(40)),
        await see.ask(0, 'CLUSTER', 'FORGET', replica),
      ];
    },
    says: [
      "ERR I tried hard but I can't forget myself...",
      "ERR Can't forget my master!",
      `ERR Unknown node ${'0'.repeat(40)}`,
      'OK',
    ],
  },
  {
    name: 'who was forgotten is not learnt of again from others, and comes back by a meeting',
    servers: 3,
    run: async (see) => {
      await see.meet();
      await see.ask(0, 'CLUSTER', 'FORGET', await see.id(2));
      await see.rig.pass(nodeTimeoutMs * 4);
      const banned = await see.sees(0, 2);
      await see.ask(0, 'CLUSTER', 'MEET', see.rig.host(2), see.rig.port);
      await see.untilSees(0, 2, 'master');
      return [banned, await see.sees(1, 2)];
    },
    says: ['unknown', 'master'],
  },
];

export const observations: readonly Observation[] = [
  ...knowing,
  ...slotObservations,
  ...failureObservations,
  ...expiringObservations,
];
