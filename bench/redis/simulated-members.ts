// Members of Redis clusters that say what real ones would, as far as the platform asks: no process, no network. What a real
// redis-server answers to INFO is theirs, but for their roles.

import { expiringIn, type redisClusterController } from '@tweendeck/redis';

export type OpenLink = NonNullable<Parameters<typeof redisClusterController>[0]>;
type RedisLink = Awaited<ReturnType<OpenLink>>;
type Answer = Awaited<ReturnType<RedisLink['ask']>>[number];

const slotCount = 16_384;

/** Where a member of the cluster of this number is. */
export function addressOf(cluster: number, shard: number, ordinal: number): string {
  return `10.${cluster >> 8}.${cluster & 255}.${shard * 2 + ordinal + 1}`;
}

/** All clusters are made already; whoever is told to lead does so at once. `info` is of a real server. */
export function simulatedMembers(shards: number, info: string): OpenLink {
  const heirs = new Set<string>();
  const lines = info.split('\r\n').filter((line) => !/^(role|slave|master_link)/.test(line));
  const leads = (cluster: number, shard: number, ordinal: number): boolean =>
    heirs.has(`${cluster}-${shard}`) === (ordinal === 1);
  const nodeLine = (cluster: number, at: number, self: number): string => {
    const [shard, ordinal] = [at >> 1, at & 1];
    const isLeader = leads(cluster, shard, ordinal);
    const flags = `${at === self ? 'myself,' : ''}${isLeader ? 'master' : 'slave'}`;
    const master = isLeader ? '-' : idOf(cluster, at ^ 1);
    const first = Math.round((slotCount / shards) * shard);
    const last = Math.round((slotCount / shards) * (shard + 1)) - 1;
    const where = `${addressOf(cluster, shard, ordinal)}:6379@16379`;
    const words = [idOf(cluster, at), where, flags, master, 0, 0, shard + 1, 'connected'];
    return [...words, ...(isLeader ? [`${first}-${last}`] : [])].join(' ');
  };
  const answers = (host: string): RedisLink['ask'] => {
    const [, high = 0, low = 0, last = 1] = host.split('.').map(Number);
    const [cluster, self] = [high * 256 + low, last - 1];
    const [shard, ordinal] = [self >> 1, self & 1];
    const answer = (command: string): Answer => {
      switch (command) {
        case 'CLUSTER NODES': {
          const all = Array.from({ length: shards * 2 }, (_, at) => nodeLine(cluster, at, self));
          return Buffer.from(`${all.join('\n')}\n`);
        }
        case 'CLUSTER INFO':
          return Buffer.from(`cluster_state:ok\r\ncluster_current_epoch:${shards}\r\n`);
        case 'CLUSTER FAILOVER':
          if (ordinal === 1) heirs.add(`${cluster}-${shard}`);
          else heirs.delete(`${cluster}-${shard}`);
          return 'OK';
        case 'DBSIZE':
          return 1_000;
        case 'TIME':
          return [Buffer.from('0'), Buffer.from('0')];
        default: {
          const role = leads(cluster, shard, ordinal)
            ? ['role:master', 'connected_slaves:1']
            : ['role:slave', 'master_link_status:up', 'master_sync_in_progress:0'];
          return command.startsWith('INFO') ? Buffer.from([...lines, ...role].join('\r\n')) : 'OK';
        }
      }
    };
    return (commands) =>
      Promise.resolve(
        commands.map((command) => {
          const [name = '', sub = ''] = expiringIn(command)?.command ?? command;
          return answer(name === 'CLUSTER' ? `${name} ${sub}` : String(name));
        }),
      );
  };
  return ({ host }) => Promise.resolve({ ask: answers(host), [Symbol.dispose]: () => undefined });
}

function idOf(cluster: number, at: number): string {
  return (cluster * 256 + at + 1).toString(16).padStart(40, '0');
}
