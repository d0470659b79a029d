import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clock, clockOf, silentLogger } from '@tweendeck/std';
import { ofPod } from './cluster-access.ts';

const server = { host: '10.96.0.1', port: '443' };

/** A clock that stands until it is moved. */
function standingClock(): Clock & { nowMonotonicMs: number } {
  const clock = { ...clockOf(globalThis), nowMonotonicMs: 0 };
  return Object.assign(clock, { monotonicMs: () => clock.nowMonotonicMs });
}

type InPod = (directory: string, clock: ReturnType<typeof standingClock>) => Promise<void>;

async function inPod(run: InPod): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-pod-'));
  try {
    await writeFile(join(directory, 'ca.crt'), 'authority\n');
    await writeFile(join(directory, 'namespace'), 'here');
    await writeFile(join(directory, 'token'), 'first\n');
    await run(directory, standingClock());
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('a pod speaks with its token, and with the next one when the file was replaced', () =>
  inPod(async (directory, clock) => {
    const { connection, namespace } = ofPod(server, { directory, clock, log: silentLogger });
    assert.equal(namespace, 'here');
    assert.deepEqual([connection.server, connection.ca], ['https://10.96.0.1:443', 'authority']);
    const { token } = connection;
    assert.ok(typeof token === 'function');
    await writeFile(join(directory, 'token'), 'second');
    assert.equal(token(), 'first');
    clock.nowMonotonicMs += 60_000;
    assert.equal(token(), 'second');
    await rm(join(directory, 'token'));
    clock.nowMonotonicMs += 60_000;
    assert.equal(token(), 'second', 'a token that cannot be read leaves the one before');
  }));

for (const file of ['ca.crt', 'namespace', 'token']) {
  test(`without ${file} a pod has no credentials`, () =>
    inPod(async (directory, clock) => {
      await rm(join(directory, file));
      const open = (): unknown => ofPod(server, { directory, clock, log: silentLogger });
      assert.throws(open, { code: 'CLUSTER_CREDENTIALS_UNREADABLE' });
      await writeFile(join(directory, file), ' \n');
      assert.throws(open, { code: 'CLUSTER_CREDENTIALS_UNREADABLE' });
    }));
}
