// The agent against the real API server of the embedded home, in this process.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Client, createClient } from '@tweendeck/client';
import { eventResource, leaseResource, nodeResource, type Pod, podResource } from '@tweendeck/kube';
import { clockOf, createLogger, randomOf, silentLogger } from '@tweendeck/std';
import { openMemoryStore, openSqliteStore } from '@tweendeck/store';
import { type Agent, startAgent } from './agent.ts';
import { standardCatalogue } from './catalogue.ts';

const clock = clockOf(globalThis);
const random = randomOf(globalThis.crypto);
const tools = { clock, random, log: silentLogger };
const path = '/usr/local/bin:/usr/bin:/bin';
const web = { namespace: 'default', name: 'web' };

/** Polls the API as a user would, without sleeping longer than it takes. */
async function until<Value>(
  look: () => Promise<Value | undefined>,
  holds: (value: Value | undefined) => boolean,
  signal: AbortSignal,
): Promise<Value | undefined> {
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    await clock.sleep(5, signal);
  }
}

function ready(pod: Pod | undefined): boolean {
  return pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

async function text(blocks: AsyncIterable<Uint8Array>): Promise<string> {
  let all = '';
  for await (const block of blocks) all += String(Buffer.from(block));
  return all;
}

test('a node runs the pods an API binds to it, tells how they are, and removes what is deleted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-api-'));
  const signal = AbortSignal.timeout(20_000);
  try {
    await using store = await openSqliteStore(
      { path: join(directory, 'db'), log: silentLogger },
      signal,
    );
    let agent: Agent | undefined;
    await using server = await openApiServer(
      {
        ...tools,
        store,
        podLogs: (pod, options, logSignal) => {
          assert.ok(agent);
          return agent.logs(pod, options, logSignal);
        },
      },
      signal,
    );
    const client = createClient({
      transport: server.transport(systemUser('system:test')),
      clock,
      random,
    });
    const start = (): Promise<Agent> =>
      startAgent(
        {
          ...tools,
          client,
          nodeName: 'local',
          directory: join(directory, 'agent'),
          podRange: '127.73.7.0/24',
          catalogue: standardCatalogue({ path }),
          instance: `test-${random.uuid()}`,
          environment: { PATH: path },
        },
        signal,
      );
    const look = (): Promise<Pod | undefined> => client.get(podResource, web, signal);
    {
      await using first = await start();
      agent = first;
      await first.ready;
      await checkNode(client, 'True', signal);
      await client.create(podResource, podOf('echo hello; exec sleep 60'), {}, signal);
      const pod = await until(look, ready, signal);
      assert.equal(pod?.status?.podIP, '127.73.7.1');
      const log = (): Promise<string> => text(client.logs(web, {}, signal));
      assert.equal(await until(log, (said) => said !== '', signal), 'hello\n');
      const events = await client.list(eventResource, { namespace: 'default' }, signal);
      const about = events.items.filter(({ involvedObject }) => involvedObject.name === 'web');
      assert.ok(about.some(({ reason }) => reason === 'Created'));
    }
    await checkNode(client, 'False', signal);
    assert.equal(ready(await look()), false);
    {
      await using second = await start();
      agent = second;
      const pod = await until(look, ready, signal);
      assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 1);
      assert.equal(
        pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason,
        undefined,
      );
      assert.equal(pod?.status?.podIP, '127.73.7.1');
      await client.delete(podResource, web, { graceSeconds: 2 }, signal);
      await until(look, (found) => found === undefined, signal);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('an agent may be disposed at any moment of its start', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-brief-'));
  const signal = AbortSignal.timeout(20_000);
  const said: string[] = [];
  const log = createLogger({
    clock,
    format: 'text',
    level: 'error',
    write: (line) => said.push(line),
  });
  try {
    await using store = openMemoryStore();
    await using server = await openApiServer({ ...tools, store }, signal);
    const transport = server.transport(systemUser('system:test'));
    for (let turns = 0; turns < 60; turns += 4) {
      await using _agent = await startAgent(
        {
          clock,
          random,
          log,
          client: createClient({ transport, clock, random }),
          nodeName: 'local',
          directory,
          podRange: '127.73.8.0/24',
          catalogue: standardCatalogue({ path }),
          instance: `test-${random.uuid()}`,
          environment: { PATH: path },
        },
        signal,
      );
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    }
    assert.deepEqual(said, []);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function checkNode(client: Client, readiness: string, signal: AbortSignal): Promise<void> {
  const node = await client.get(nodeResource, { name: 'local' }, signal);
  const condition = node?.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(condition?.status, readiness);
  assert.equal(node?.metadata.labels?.['kubernetes.io/hostname'], 'local');
  assert.ok(Number(node?.status?.allocatable?.['cpu']) > 0);
  const lease = await client.get(
    leaseResource,
    { namespace: 'kube-node-lease', name: 'local' },
    signal,
  );
  assert.equal(lease?.spec.holderIdentity, 'local');
}

function podOf(script: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: web,
    spec: {
      nodeName: 'local',
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'app', image: 'busybox', command: ['sh', '-c', script] }],
    },
  } as const;
}
