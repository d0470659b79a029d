// Whether a cluster is whole, in the words of its members and of redis-cli, not of whoever looks after it.

import { runProgram } from '../../e2e/support/kubectl.ts';
import type { Reachable } from './cluster-client.ts';
import { eventually } from './eventually.ts';

/** Waits until so many members answer, nothing is wrong, and replicas are in step with their leaders. */
export async function untilWhole(
  cluster: Reachable,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const isWhole = async (): Promise<boolean> => {
    const hosts = await cluster.members();
    if (hosts.length !== count) return false;
    for (const host of hosts) if (!(await isInStep(host))) return false;
    const check = ['--cluster', 'check', `${hosts[0]}:6379`];
    return (await runProgram('redis-cli', check)).code === 0;
  };
  await eventually(`${count} members are whole`, isWhole, signal);
}

async function isInStep(host: string): Promise<boolean> {
  const ask = async (...words: readonly string[]): Promise<string> =>
    (await runProgram('redis-cli', ['-h', host, ...words])).stdout;
  const replication = await ask('INFO', 'replication');
  if (!/role:master|master_link_status:up/.test(replication)) return false;
  if (!/cluster_state:ok/.test(await ask('CLUSTER', 'INFO'))) return false;
  return !/fail|handshake/.test(await ask('CLUSTER', 'NODES'));
}
