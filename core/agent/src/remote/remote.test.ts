// The API server's way to an agent in another process, over real TLS on loopback.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { ensureCertificates, issueNodeCertificate } from '@tweendeck/apiserver';
import { ApiError, type Node, type Pod } from '@tweendeck/kube';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import type { RemoteStreams } from '../container-exec.ts';
import { openAgentFront } from './agent-front.ts';
import { readFrames, writeFrame } from './frames.ts';
import type { PodAccess } from './pod-access.ts';
import { remoteAgents } from './remote-agent.ts';

const tools = { clock: clockOf(globalThis), random: randomOf(globalThis.crypto) };
const { signal } = new AbortController();
const metadata = {
  namespace: 'default',
  name: 'p',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '',
};
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { nodeName: 'two', containers: [{ name: 'main' }] },
};

/** Runs what the test says; exec echoes its input in upper case and ends with the number of its arguments. */
const served: PodAccess = {
  logs: async (_, { container, tailLines }) =>
    (async function* () {
      yield Buffer.from(`${container} `);
      yield Buffer.from(`${tailLines}\n`);
    })(),
  async exec(_, { command }, { stdin, stdout, stderr }) {
    if (command[0] === 'missing') throw new Error('no such program');
    for await (const chunk of stdin ?? [])
      await stdout(Buffer.from(String(Buffer.from(chunk)).toUpperCase()));
    await stderr(Buffer.from('done'));
    return { exitCode: command.length };
  },
  attach: async () => {
    throw new ApiError(404, 'NotFound', 'container not found');
  },
};

async function open(): Promise<
  AsyncDisposable & { readonly access: PodAccess; readonly asNode: PodAccess }
> {
  const opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-remote-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const certificates = await ensureCertificates(directory, { ...tools, hosts: ['x'] }, signal);
  const issued = await issueNodeCertificate(directory, { ...tools, nodeName: 'two' }, signal);
  assert.ok(issued);
  const door = { host: '127.0.0.1', port: 0, ...issued, log: silentLogger };
  const front = opened.use(await openAgentFront(door, signal));
  front.serve(served, (namespace, name) =>
    `${namespace}/${name}` === 'default/p' ? pod : undefined,
  );
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadata, name: 'two' },
    spec: {},
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: front.port } },
    },
  };
  const { authority, agentsCertificate: certificate, agentsKey: key } = certificates;
  const find = async (name: string): Promise<Node | undefined> =>
    name === 'gone' ? undefined : node;
  return {
    access: remoteAgents({ authority, certificate, key, node: find }),
    asNode: remoteAgents({ ...issued, node: find }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

function streams(input: readonly string[]) {
  const said = { stdout: '', stderr: '' };
  const take = (name: 'stdout' | 'stderr') => async (chunk: Uint8Array) => {
    said[name] += Buffer.from(chunk).toString();
  };
  const remote: RemoteStreams = {
    stdin: (async function* () {
      for (const text of input) yield Buffer.from(text);
    })(),
    stdout: take('stdout'),
    stderr: take('stderr'),
    sizes: (async function* () {})(),
  };
  return { said, remote };
}

test('logs come over, and what is asked of them goes over', async () => {
  await using home = await open();
  const lines = await home.access.logs(pod, { container: 'main', tailLines: 3 }, signal);
  assert.equal(await textOf(lines), 'main 3\n');
});

test('a command gets its input, and tells its output and its end', async () => {
  await using home = await open();
  const { said, remote } = streams(['a', 'b'.repeat(2_000_000)]);
  const target = { container: 'main', tty: false, command: ['one', 'two words', ''] };
  assert.deepEqual(await home.access.exec(pod, target, remote, signal), { exitCode: 3 });
  assert.equal(said.stdout, `A${'B'.repeat(2_000_000)}`);
  assert.equal(said.stderr, 'done');
});

test('failures come over as what they are', async () => {
  await using home = await open();
  const { access } = home;
  const target = { container: 'main', tty: false };
  const missing = access.exec(pod, { ...target, command: ['missing'] }, streams([]).remote, signal);
  await assert.rejects(
    missing,
    (error: Error) => !(error instanceof ApiError) && error.message === 'no such program',
  );
  await assert.rejects(
    access.attach(pod, target, streams([]).remote, signal),
    (error) => error instanceof ApiError && error.code === 404,
  );
  const other = { ...pod, metadata: { ...metadata, uid: 'another' } };
  await assert.rejects(
    access.logs(other, { container: 'main' }, signal),
    /pod "default_p" does not exist/,
  );
  const elsewhere = { ...pod, spec: { ...pod.spec, nodeName: 'gone' } };
  await assert.rejects(
    access.logs(elsewhere, { container: 'main' }, signal),
    /nodes "gone" not found/,
  );
});

test('only the API server comes in, and only the node itself is spoken to', async () => {
  await using home = await open();
  await assert.rejects(
    home.asNode.logs(pod, { container: 'main' }, signal),
    (error) => error instanceof ApiError && error.code === 403,
  );
  const impostor = { ...pod, spec: { ...pod.spec, nodeName: 'three' } };
  await assert.rejects(home.access.logs(impostor, { container: 'main' }, signal), /three/);
});

test('frames arrive whole, however they are cut', async () => {
  const line = new PassThrough();
  const sent = Duplex.from({ writable: line, readable: new PassThrough() });
  await writeFrame(sent, 1, Buffer.from('hello'));
  await writeFrame(sent, 0, Buffer.alloc(0));
  const bytes: Buffer = line.read();
  const cut = (async function* () {
    for (const byte of bytes) yield Buffer.from([byte]);
  })();
  const got: string[] = [];
  for await (const { channel, data } of readFrames(cut)) got.push(`${channel}:${data}`);
  assert.deepEqual(got, ['1:hello', '0:']);
});
