// What is seen of one member of a Redis cluster.

import type { Cluster, MemberView } from '@tweendeck/engine';
import { passwordQuestions, takesAll } from '../credentials.ts';
import { clockMsIn, clockQuestion } from '../expiring.ts';
import { parseInfo } from '../info.ts';
import { type Memory, memoryIn } from '../memory.ts';
import type { RedisLink } from '../redis-link.ts';
import { settingsIn, settingsQuestions } from '../settings.ts';
import { type ClusterNode, parseClusterNodes } from './cluster-nodes.ts';
import { isLogWritten } from './fence.ts';
import { fencedPort } from './seen.ts';
import { slotsHeld } from './slots.ts';

export interface RedisFacts {
  /** What its own clock showed before it said the rest, in milliseconds. */
  readonly clockMs: number;
  /** By which the members know it; it outlives pods as long as its data does. */
  readonly id: string;
  /** All that it knows, itself among them. */
  readonly nodes: readonly ClusterNode[];
  readonly self: ClusterNode;
  readonly keys: number;
  /** Of a replica: bytes of the stream it has; of a master: bytes it wrote. */
  readonly offset: number;
  readonly memory: Memory;
  /** Of a replica: where it copies from, which may be an address that its master had. */
  readonly copiesFrom: string | undefined;
  /** Whether it takes writes for its slots as far as it can tell. */
  readonly clusterOk: boolean;
  /** The highest that it has heard of: whose is higher knows more. */
  readonly currentEpoch: number;
  /** Whether it listens where neither replicas nor clients look for it, as it started without a log of writes. */
  readonly isFenced: boolean;
  /** All that `INFO` says. */
  readonly info: ReadonlyMap<string, string>;
}

export const utf8 = (value: unknown): string =>
  (value instanceof Uint8Array ? Buffer.from(value) : (value ?? '')).toString();

/** Reads, in one go. */
export async function observeMember(
  link: RedisLink,
  { passwords, settings = {} }: Pick<Cluster<unknown>, 'passwords' | 'settings'>,
  signal: AbortSignal,
): Promise<MemberView<RedisFacts>> {
  const questions = [
    clockQuestion,
    ...[['CLUSTER', 'NODES'], ['INFO'], ['CLUSTER', 'INFO'], ['DBSIZE']],
  ];
  const [clock = null, nodesText, infoText, clusterText, size, ...rest] = await link.ask(
    [...questions, ...(passwords ? passwordQuestions : []), ...settingsQuestions(settings)],
    signal,
  );
  const account = rest.splice(0, passwords ? passwordQuestions.length : 0);
  const takesPasswords = passwords && { takesPasswords: takesAll(passwords, account) };
  const view = viewOf({
    clockMs: clockMsIn(clock),
    nodes: parseClusterNodes(utf8(nodesText)),
    info: parseInfo(utf8(infoText)),
    cluster: parseInfo(utf8(clusterText)),
    keys: Number(size),
  });
  return {
    ...{ ...view, ...takesPasswords, settings: settingsIn(settings, rest[0] ?? null) },
    settling: isLogWritten(view.facts.info) ? [] : ['appendonly'],
  };
}

interface Said extends Pick<RedisFacts, 'clockMs'> {
  readonly nodes: readonly ClusterNode[];
  readonly info: ReadonlyMap<string, string>;
  readonly cluster: ReadonlyMap<string, string>;
  readonly keys: number;
}

/** Throws when it does not know itself. */
function viewOf({ clockMs, nodes, info, cluster, keys }: Said): MemberView<RedisFacts> {
  const self = nodes.find(({ flags }) => flags.has('myself'));
  if (self === undefined) throw new Error('it does not know itself');
  const isReplica = self.masterId !== undefined;
  const number = (name: string): number => Number(info.get(name) ?? 0);
  const linked = info.get('master_link_status') === 'up' && number('master_sync_in_progress') === 0;
  const loading = number('loading') === 1;
  const offset = number(isReplica ? 'slave_repl_offset' : 'master_repl_offset');
  const version = info.get('redis_version');
  const isFenced = number('tcp_port') === fencedPort;
  const lag = isFenced ? 'not let in yet' : isReplica ? lagOf(info) : undefined;
  const leads = slotsHeld(self.slots) > 0 && !isFenced;
  return {
    role: isReplica ? 'follower' : leads ? 'leader' : 'unknown',
    synced: !loading && (isReplica ? linked : leads),
    ...(version === undefined ? {} : { version }),
    ...(lag === undefined ? {} : { lag }),
    facts: {
      ...{ clockMs, id: self.id, nodes, self, keys, offset, isFenced },
      memory: memoryIn(info),
      copiesFrom: isReplica ? info.get('master_host') : undefined,
      clusterOk: cluster.get('cluster_state') === 'ok',
      currentEpoch: Number(cluster.get('cluster_current_epoch') ?? 0),
      info,
    },
  };
}

function lagOf(info: ReadonlyMap<string, string>): string | undefined {
  if (info.get('master_link_status') !== 'up') return 'no link to its leader';
  const seconds = info.get('master_last_io_seconds_ago');
  return seconds === undefined ? undefined : `heard from its leader ${seconds} s ago`;
}
