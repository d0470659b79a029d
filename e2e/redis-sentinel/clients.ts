// Clients of the field, as their users have them, that ask Sentinels where the leader is: through the loss of one, and through
// a change of all members.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { RedisClientProgram } from '../redis-clients/client.ts';
import type { RedisClientOfTheField } from '../redis-clients/programs.ts';
import { ensurePython } from '../support/python-environment.ts';
import { killRedisAt } from '../support/redis-processes.ts';
import type { SentinelHome } from './sentinel-home.ts';

/** Before the loss of a leader: what it acknowledged then may be lost, since it copies to replicas after it answered. */
const atRiskMs = 1_000;

export async function casesOfClients(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions } = home;

  await context.test('clients of the field lose nothing that was acknowledged', async () => {
    await using stack = new AsyncDisposableStack();
    const service = { host: await sessions.clusterIp('sentinels'), password: sessions.word };
    const clients = programs(sessions.masterName).map((program) =>
      stack.use(new RedisClientProgram(program, service)),
    );
    let before = clients.map(({ failed }) => failed);
    const goOn = async (what: string): Promise<void> => {
      await Promise.all(clients.map((client) => client.goesOn()));
      const failed = clients.map((one, at) => `${one.name} ${one.failed - (before[at] ?? 0)}`);
      context.diagnostic(`${what}: writes that failed: ${failed.join(', ')}`);
      before = clients.map((one) => one.failed);
    };
    await goOn('begun');
    const old = (await sessions.pods('data')).find(({ role }) => role === 'leader');
    assert.ok(old);
    const lostMs = Date.now();
    killRedisAt(old.ip);
    await home.kubectl(['delete', 'pod', old.pod, '--grace-period=0', '--force']);
    await home.hasOneLeader();
    await goOn('leader lost');
    const uids = new Set((await sessions.pods()).map(({ uid }) => uid));
    await sessions.patch({ restart: 'for clients' });
    await sessions.until('all pods are others', async () => {
      const now = await sessions.pods();
      return now.length === 6 && now.every(({ uid }) => !uids.has(uid));
    });
    await home.hasOneLeader();
    await goOn('rolled');
    for (const client of clients) {
      const { writes, read, lost, failures } = await client.finish();
      context.diagnostic(`${client.name}: ${writes} writes, ${read} read back, ${told(failures)}`);
      const isExcused = ({ atMs }: { readonly atMs: number }): boolean =>
        atMs >= lostMs - atRiskMs && atMs <= lostMs + atRiskMs;
      assert.deepEqual(
        lost.filter((write) => !isExcused(write)),
        [],
      );
      assert.ok(lost.length <= 5, `${lost.length} that were acknowledged as the leader went`);
      assert.ok(read > 500, `only ${read} keys were read back`);
    }
    await home.nothingLost(context, 'with clients of the field');
  });
}

function programs(masterName: string): readonly RedisClientOfTheField[] {
  const requirements = join(import.meta.dirname, '../redis-clients/python/requirements.txt');
  const python = ensurePython(requirements, 'redis-py, seconds');
  const childOf = (file: string): readonly string[] => [
    join(import.meta.dirname, file),
    masterName,
  ];
  return [
    {
      name: 'ioredis',
      program: { program: process.execPath, args: childOf('ioredis-child.ts') },
    },
    {
      name: 'redis-py',
      program: { program: python, args: ['-B', ...childOf('sentinel_writing.py')] },
    },
  ];
}

function told(failures: Readonly<Record<string, number>>): string {
  return Object.entries(failures)
    .map(([text, count]) => `${count} × ${text}`)
    .join('; ');
}
