// Observations of members that fail, are taken over from, and come back.

import type { Observation } from './observations.ts';
import { nodeTimeoutMs, type Observer } from './rig.ts';

const allSlots = '0-16383';
const thirds = ['0-5460', '5461-10922', '10923-16383'];

/** Three masters, 0 to 2, and a replica of each, 3 to 5. */
async function threeOfTwo(see: Observer): Promise<void> {
  await see.make(3, [
    [3, 0],
    [4, 1],
    [5, 2],
  ]);
}

export const failureObservations: readonly Observation[] = [
  {
    name: 'a killed master is followed by its replica, and comes back as that one follows',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.ask(0, 'SET', 'b', 1);
      await see.until('the replica has it', async () => (await see.ask(3, 'DBSIZE')) === '1');
      await see.rig.kill(0);
      await see.untilSees(1, 0, `master,fail ${thirds[0]}`);
      await see.untilLeads(3);
      await see.untilSees(1, 3, `master ${thirds[0]}`);
      const lines = [await see.sees(1, 0), await see.ask(3, 'GET', 'b')];
      await see.rig.start(0);
      await see.untilSees(1, 0, 'slave of #3');
      await see.untilSynced(0);
      return [...lines, await see.ask(0, 'DBSIZE')];
    },
    says: ['master,fail', '1', '1'],
  },
  {
    name: 'what a frozen one was told it does in order when it goes on, though nobody waits for it',
    servers: 3,
    run: async (see) => {
      await see.make(3);
      const told = [await see.idOf(1), 'nobody', await see.idOf(2)].map(
        (id) => ['CLUSTER', 'SETSLOT', 0, 'MIGRATING', id] as const,
      );
      see.rig.freeze(0);
      for (const command of told) await see.rig.tell(0, command);
      see.rig.thaw(0);
      const ways = async (): Promise<string> => {
        const [, way = ''] = /\[0->-(\S+)\]/.exec(await see.ask(0, 'CLUSTER', 'NODES')) ?? [];
        return way;
      };
      await see.until('it did it', async () => (await ways()) !== '');
      return [await ways()];
    },
    says: ['#2'],
  },
  {
    name: 'a killed replica is told as failing, and comes back',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.rig.kill(3);
      await see.untilSees(1, 3, 'slave,fail of #0');
      await see.rig.start(3);
      await see.untilSees(1, 3, 'slave of #0');
      await see.untilSynced(3);
      return [await see.info(1, 'cluster_state')];
    },
    says: ['ok'],
  },
  {
    name: 'whose master fails has to be forced, and who leads hands over to nobody',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      const lines = [await see.ask(1, 'CLUSTER', 'FAILOVER')];
      await see.rig.kill(0);
      await see.until('it says so', async () =>
        /^ERR Master is down/.test(await see.ask(3, 'CLUSTER', 'FAILOVER')),
      );
      return [...lines, 'ERR Master is down or failed, please use CLUSTER FAILOVER FORCE'];
    },
    says: [
      'ERR You should send CLUSTER FAILOVER to a replica',
      'ERR Master is down or failed, please use CLUSTER FAILOVER FORCE',
    ],
  },
  {
    name: 'a master hands over, follows, and nothing is lost',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      for (let key = 0; key < 20; key++) await see.ask(0, 'SET', `{b}${key}`, key);
      const lines = [await see.ask(3, 'CLUSTER', 'FAILOVER')];
      await see.untilLeads(3);
      await see.untilSees(1, 0, 'slave of #3');
      await see.untilSynced(0);
      return [
        ...lines,
        await see.sees(1, 3),
        await see.ask(3, 'DBSIZE'),
        await see.ask(0, 'DBSIZE'),
      ];
    },
    says: ['OK', `master ${thirds[0]}`, '20', '20'],
  },
  {
    name: 'without most masters nothing is served and nobody is elected, not even by force; one takeover is enough',
    servers: 6,
    run: async (see) => {
      await threeOfTwo(see);
      await see.ask(2, 'SET', 'a', 1);
      await see.rig.kill(0);
      await see.rig.kill(1);
      await see.until(
        'nothing is served',
        async () => (await see.info(2, 'cluster_state')) === 'fail',
      );
      const lines = [
        await see.ask(2, 'GET', 'a'),
        await see.ask(3, 'CLUSTER', 'FAILOVER', 'FORCE'),
      ];
      await see.rig.pass(nodeTimeoutMs * 6);
      lines.push(await see.sees(3, 3), await see.sees(4, 4));
      lines.push(await see.ask(3, 'CLUSTER', 'FAILOVER', 'TAKEOVER'), await see.sees(3, 3));
      await see.untilLeads(4);
      await see.untilServing([2, 3, 4]);
      return [...lines, await see.ask(2, 'GET', 'a')];
    },
    says: [
      'CLUSTERDOWN The cluster is down',
      'OK',
      'slave of #0',
      'slave of #1',
      'OK',
      `master ${thirds[0]}`,
      '1',
    ],
  },
  {
    name: 'a takeover needs nobody, also while the master lives, who follows then',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      const lines = [await see.ask(3, 'CLUSTER', 'FAILOVER', 'TAKEOVER')];
      await see.untilSees(1, 0, 'slave of #3');
      return [...lines, await see.sees(1, 3)];
    },
    says: ['OK', `master ${thirds[0]}`],
  },
  {
    name: 'of two replicas the one that has more is elected',
    servers: 5,
    run: async (see) => {
      await see.make(3, [
        [3, 0],
        [4, 0],
      ]);
      await see.rig.kill(4);
      for (let key = 0; key < 5; key++) await see.ask(0, 'SET', `{b}${key}`, key);
      await see.until('one has all', async () => (await see.ask(3, 'DBSIZE')) === '5');
      await see.rig.kill(0);
      await see.rig.start(4);
      await see.untilLeads(3);
      await see.untilSees(4, 4, 'slave of #3');
      await see.untilSynced(4);
      return [await see.ask(4, 'DBSIZE')];
    },
    says: ['5'],
  },
  {
    name: 'a frozen master is failing, and one without a replica is well again when it goes on',
    servers: 3,
    run: async (see) => {
      await see.make(3);
      see.rig.freeze(0);
      await see.untilSees(1, 0, `master,fail ${thirds[0]}`);
      const lines = [await see.info(1, 'cluster_state')];
      see.rig.thaw(0);
      await see.untilSees(1, 0, `master ${thirds[0]}`);
      await see.untilServing([0]);
      return [...lines, await see.sees(0, 1)];
    },
    says: ['ok', `master ${thirds[1]}`],
  },
  {
    name: 'without anybody to confirm it a failing member may fail only',
    servers: 3,
    run: async (see) => {
      await see.make(3);
      await see.rig.kill(0);
      await see.rig.kill(1);
      await see.until('both may fail', async () =>
        (await Promise.all([see.sees(2, 0), see.sees(2, 1)])).every((seen) => /fail\?/.test(seen)),
      );
      await see.rig.pass(nodeTimeoutMs * 3);
      return [await see.sees(2, 0), await see.ask(2, 'SET', 'a', 1)];
    },
    says: [`master,fail? ${thirds[0]}`, 'CLUSTERDOWN The cluster is down'],
  },
  {
    name: 'one that comes back at another address is found by itself',
    servers: 3,
    run: async (see) => {
      await see.make(3);
      await see.rig.kill(0);
      await see.rig.start(0, { address: 'another' });
      await see.untilKnown();
      await see.untilServing([0, 1, 2]);
      return [await see.sees(1, 0)];
    },
    says: [`master ${thirds[0]}`],
  },
  {
    name: 'all that come back at other addresses find each other only when they are made to meet',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.ask(0, 'SET', 'b', 1);
      await see.until('the replica has it', async () => (await see.ask(3, 'DBSIZE')) === '1');
      const ids = await Promise.all(see.all.map((server) => see.id(server)));
      for (const server of see.all) await see.rig.kill(server);
      for (const server of see.all) await see.rig.start(server, { address: 'another' });
      await see.rig.pass(nodeTimeoutMs * 8);
      const stale = (await see.nodes(1)).filter(({ id }) => id === ids[0])[0]?.host;
      const lines = [`found by itself: ${stale === see.rig.host(0)}`];
      for (const other of [1, 2, 3])
        await see.ask(0, 'CLUSTER', 'MEET', see.rig.host(other), see.rig.port);
      await see.untilKnown();
      await see.untilServing(see.all);
      const leads = (await see.sees(1, 0)).startsWith('master') ? 0 : 3;
      return [...lines, await see.sees(1, leads), await see.ask(leads, 'GET', 'b')];
    },
    says: ['found by itself: false', `master ${thirds[0]}`, '1'],
  },
  {
    name: 'who lost its volume and comes back at its address is another one, which nobody is elected over; its replica copies the nothing that is there, and leads when it is forced',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.ask(0, 'SET', 'b', 1);
      await see.until('the replica has it', async () => (await see.ask(3, 'DBSIZE')) === '1');
      const old = await see.idOf(0);
      await see.rig.kill(0);
      await see.rig.start(0, { volume: 'lost' });
      const isSame = (await see.id(0)) === old;
      await see.untilSees(3, old, `master,noaddr ${thirds[0]}`);
      await see.until('its data are gone', async () => (await see.ask(3, 'DBSIZE')) === '0');
      await see.rig.pass(nodeTimeoutMs * 4);
      const lines = [`same id: ${isSame}`, await see.sees(3, 3), await see.sees(1, old)];
      lines.push(await see.ask(3, 'CLUSTER', 'FAILOVER'));
      lines.push(await see.ask(3, 'CLUSTER', 'FAILOVER', 'FORCE'));
      await see.untilLeads(3);
      await see.untilSees(1, 3, `master ${thirds[0]}`);
      return [...lines, await see.ask(3, 'GET', 'b')];
    },
    says: [
      ...['same id: false', 'slave of #0', `master,noaddr ${thirds[0]}`],
      'ERR Master is down or failed, please use CLUSTER FAILOVER FORCE',
      ...['OK', 'nil'],
    ],
  },
  {
    name: 'who lost its volume and comes back elsewhere is another one: its replica is elected',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.ask(0, 'SET', 'b', 1);
      await see.until('the replica has it', async () => (await see.ask(3, 'DBSIZE')) === '1');
      const old = await see.idOf(0);
      await see.rig.kill(0);
      await see.rig.start(0, { address: 'another', volume: 'lost' });
      await see.untilLeads(3);
      await see.untilSees(1, 3, `master ${thirds[0]}`);
      return [await see.sees(1, old), await see.ask(3, 'GET', 'b'), await see.ask(0, 'DBSIZE')];
    },
    says: ['master,fail', '1', '0'],
  },
  {
    name: 'nobody stays followed whose master went while it was away: it follows who leads now',
    servers: 5,
    run: async (see) => {
      await see.make(3, [
        [3, 0],
        [4, 0],
      ]);
      await see.rig.kill(4);
      await see.untilSees(1, 4, 'slave,fail of #0');
      await see.ask(3, 'CLUSTER', 'FAILOVER');
      await see.untilLeads(3);
      await see.untilSees(1, 0, 'slave of #3');
      await see.rig.start(4);
      await see.untilSees(1, 4, 'slave of #3');
      await see.untilSynced(4);
      return [await see.sees(4, 4)];
    },
    says: ['slave of #3'],
  },
  {
    name: 'nor when it hears first that its master follows, and then who leads',
    servers: 5,
    run: async (see) => {
      await see.make(3, [
        [3, 0],
        [4, 0],
      ]);
      await see.rig.kill(4);
      await see.untilSees(1, 4, 'slave,fail of #0');
      await see.ask(3, 'CLUSTER', 'FAILOVER');
      await see.untilLeads(3);
      await see.untilSees(1, 0, 'slave of #3');
      for (const server of [1, 2, 3]) see.rig.freeze(server);
      await see.rig.start(4);
      await see.untilSees(4, 0, 'slave of #3');
      for (const server of [1, 2, 3]) see.rig.thaw(server);
      await see.untilSees(4, 4, 'slave of #3');
      await see.untilSynced(4);
      return [await see.sees(4, 3)];
    },
    says: [`master ${thirds[0]}`],
  },
  {
    name: 'who follows is told again whom to follow, and copies from where that one is now',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.rig.kill(0);
      await see.rig.kill(3);
      for (const server of [0, 3]) await see.rig.start(server, { address: 'another' });
      await see.untilKnown();
      // It may have heard of the address by gossip, and go on to copy from the old one: in three of twelve tries.
      const again = await see.ask(3, 'CLUSTER', 'REPLICATE', await see.idOf(0));
      await see.untilSynced(3);
      return [again, `from there: ${(await see.info(3, 'master_host')) === see.rig.host(0)}`];
    },
    says: ['OK', 'from there: true'],
  },
  {
    name: 'a master that comes back after its slots went to two others stays a master, and its keys go',
    servers: 4,
    run: async (see) => {
      await see.make(3, [[3, 0]]);
      await see.ask(0, 'SET', 'b', 1);
      await see.until('the replica has it', async () => (await see.ask(3, 'DBSIZE')) === '1');
      await see.rig.kill(0);
      await see.untilLeads(3);
      await see.untilSees(1, 3, `master ${thirds[0]}`);
      const [giver, taker] = [await see.idOf(3), await see.idOf(1)];
      await see.ask(1, 'CLUSTER', 'SETSLOT', 7, 'IMPORTING', giver);
      await see.ask(3, 'CLUSTER', 'SETSLOT', 7, 'MIGRATING', taker);
      await see.ask(1, 'CLUSTER', 'SETSLOT', 7, 'NODE', taker);
      await see.ask(3, 'CLUSTER', 'SETSLOT', 7, 'NODE', taker);
      await see.untilSees(2, 1, 'master 7,5461-10922');
      // Whom it hears first decides: the one with all slots but one would not be followed any more.
      see.rig.freeze(1);
      await see.rig.start(0);
      await see.untilSees(0, 3, 'master 0-6,8-5460');
      see.rig.thaw(1);
      await see.untilSees(1, 0, 'master');
      await see.untilSees(0, 0, 'master');
      await see.untilServing([0]);
      const lines = [await see.ask(3, 'GET', 'b'), await see.ask(0, 'GET', 'b')];
      return [...lines, await see.ask(0, 'DBSIZE')];
    },
    says: ['1', 'MOVED 3300 #3', '0'],
  },
  {
    name: 'the offset of a server begins anew with its process',
    servers: 2,
    run: async (see) => {
      await see.make(1, [[1, 0]]);
      for (let key = 0; key < 20; key++) await see.ask(0, 'SET', `${key}`, 'x'.repeat(50));
      const before = Number(await see.info(0, 'master_repl_offset'));
      // While the disk is busy with what came before, up to two seconds of writes wait in the server.
      await see.until('it is in the log', async () =>
        ['', '0'].includes(await see.info(0, 'aof_buffer_length')),
      );
      await see.rig.kill(0);
      await see.rig.start(0);
      const after = Number(await see.info(0, 'master_repl_offset'));
      return [`less: ${after < before}`, `keys: ${await see.ask(0, 'DBSIZE')}`];
    },
    says: ['less: true', 'keys: 20'],
  },
  {
    name: 'all slots are one master’s: alone it serves at once',
    servers: 2,
    run: async (see) => {
      await see.make(1, [[1, 0]]);
      return [await see.sees(1, 0), await see.info(1, 'cluster_size')];
    },
    says: [`master ${allSlots}`, '1'],
  },
];
