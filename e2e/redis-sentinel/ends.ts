// How a RedisSentinel ends; and one that speaks TLS.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { secretResource } from '@tweendeck/kube';
import { redisPort, sentinelPort } from '../support/declared-sentinel.ts';
import { RedisCaller } from '../support/redis-caller.ts';
import type { SentinelHome } from './sentinel-home.ts';

export async function casesOfEnds(context: TestContext, home: SentinelHome): Promise<void> {
  const { sessions, writer } = home;

  await context.test('deleted, it leaves nothing', async () => {
    await writer.stop();
    await home.kubectl(['delete', 'rsen', 'sessions']);
    await sessions.until('nothing is left', async () => (await sessions.podCount()) === 0);
  });

  await context.test('over TLS a leader that is killed is followed, too', async () => {
    const set = home.other('tls');
    await home.declare('tls', { tls: { mode: 'required' }, options: { downAfterMs: 1_000 } });
    /** Not this pod; the member whose pod it was may lead again with another. */
    const leads = (gone?: string) =>
      set.until('somebody leads, and all take part', async () => {
        const { members = [] } = await set.settled();
        const name = members.find(({ role }) => role === 'leader')?.name;
        const pod = (await set.pods('data')).find(({ member }) => member === name);
        return pod !== undefined && pod.uid !== gone && pod;
      });
    const first = await leads();
    const ref = { namespace: 'default', name: 'tls-tls' };
    const secret = await set.client.get(secretResource, ref, set.signal);
    const ca = Buffer.from(secret?.data?.['ca.crt'] ?? '', 'base64').toString();
    const tls = { ca, servername: 'tls.default.svc' };
    const word = await set.password();
    const askPod = async (host: string, port: number, ...command: readonly string[]) => {
      const caller = new RedisCaller(host, port, tls);
      caller.logIn(word);
      try {
        return String(await caller.call(...command));
      } finally {
        caller.close();
      }
    };
    assert.equal(await askPod(first.ip, redisPort, 'SET', 'a', '1'), 'OK');
    const [sentinel] = await set.pods('sentinels');
    assert.match(
      await askPod(sentinel?.ip ?? '', sentinelPort, 'SENTINEL', 'CKQUORUM', 'default.tls'),
      /^OK/,
    );
    assert.equal(await askPod(first.ip, redisPort, 'WAIT', '2', '2000'), '2');
    await home.kubectl(['delete', 'pod', first.pod, '--grace-period=0', '--force']);
    // What the status says may be of before.
    const second = await set.until('it says so itself', async () => {
      const pod = await leads(first.uid);
      const role = await askPod(pod.ip, redisPort, 'ROLE').catch(() => '');
      return role.startsWith('master') && pod;
    });
    assert.equal(await askPod(second.ip, redisPort, 'GET', 'a'), '1');
    await home.kubectl(['delete', 'rsen', 'tls']);
  });
}
