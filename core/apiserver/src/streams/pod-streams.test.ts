// Opens a real listener on a free port of this machine, with certificates in a temporary directory.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { aborted, clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { metadataPolicy } from '../audit/policy.ts';
import { type HttpsFront, listenHttps } from '../https-front.ts';
import { type ApiCertificates, ensureCertificates } from '../pki/certificates.ts';
import { RawWebSocket } from '../testing/raw-websocket.ts';
import { TestServer } from '../testing/test-server.ts';
import type { PodStreamSource } from './pod-streams.ts';

const clock = clockOf(globalThis);
const random = randomOf(globalThis.crypto);
const signal = new AbortController().signal;
const pods = '/api/v1/namespaces/default/pods';

/** Says what it was asked for, echoes, and ends with the number of its words. */
const source: PodStreamSource = {
  async exec(pod, { container, command, tty }, streams, gone) {
    if (command[0] === 'wait') await aborted(gone);
    await streams.stdout(
      Buffer.from(`${pod.metadata.name}/${container} ${command}${tty ? ' tty' : ''}`),
    );
    for await (const chunk of streams.stdin ?? []) await streams.stdout(chunk);
    return { exitCode: command.length };
  },
  attach: async () => ({ exitCode: 0 }),
};

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

interface Malformed {
  readonly name: string;
  readonly say: (client: RawWebSocket) => void;
  readonly code: number;
}

interface Refusal {
  readonly name: string;
  readonly path: string;
  readonly status: number;
  readonly message: string | RegExp;
  readonly protocols?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const container = (name: string) => ({ name, image: 'x' });

describe('commands in pods', () => {
  const events: { stage: string; verb: string; responseStatus?: { code: number } }[] = [];
  const opened = new AsyncDisposableStack();
  let server: TestServer;
  let front: HttpsFront;
  let certificates: ApiCertificates;

  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tweendeck-streams-'));
    opened.defer(() => rm(directory, { recursive: true }));
    const made = { clock, random, hosts: ['127.0.0.1', 'localhost'] };
    certificates = await ensureCertificates(directory, made, signal);
    server = opened.use(
      await TestServer.open({
        systemPolicy: true,
        podStreams: source,
        podSessionsMax: 2,
        audit: {
          policy: metadataPolicy,
          sink: { write: (line) => void events.push(JSON.parse(line)) },
        },
      }),
    );
    const listening = { host: '127.0.0.1', port: 0, certificates, clock, log: silentLogger };
    front = opened.use(await listenHttps(server.server, listening, signal));
    for (const [name, containers, nodeName] of [
      ['one', ['main'], 'here'],
      ['two', ['a', 'b'], 'here'],
      ['homeless', ['main'], undefined],
    ] as const) {
      const spec = { containers: containers.map(container), nodeName };
      const made = await server.create(pods, { metadata: { name }, spec });
      assert.equal(made.status, 201, made.text);
    }
  });
  after(() => opened.disposeAsync());

  const open = (
    path: string,
    options: { protocols?: string; method?: string; headers?: Record<string, string> } = {},
  ) =>
    RawWebSocket.open({
      host: '127.0.0.1',
      port: front.port,
      ca: certificates.authority,
      cert: certificates.adminCertificate,
      key: certificates.adminKey,
      path: `${pods}/${path}`,
      protocols: 'v5.channel.k8s.io',
      ...options,
    });

  test('a command is run, and its end told', async () => {
    events.length = 0;
    using client = await open('one/exec?command=echo&command=x&stdin=true&stdout=true&stderr=true');
    assert.equal(client.status, 101);
    assert.match(client.head, /sec-websocket-protocol: v5\.channel\.k8s\.io/i);
    client.send(Buffer.from('\0hello'));
    client.send(Buffer.from([255, 0]));
    const said = await client.all();
    assert.deepEqual(said.slice(0, 3), ['1 ', '1 one/main echo,x', '1 hello']);
    assert.match(said[3] ?? '', /^3 .*"reason":"ExitCode","message":"2"/);
    assert.equal(said[4], 'close 1000');
    while (events.length < 3) await new Promise(setImmediate);
    assert.deepEqual(
      events.map(({ stage, verb, responseStatus }) => [stage, verb, responseStatus?.code]),
      [
        ['RequestReceived', 'get', undefined],
        ['ResponseStarted', 'get', 101],
        ['ResponseComplete', 'get', 101],
      ],
    );
  });

  for (const { name, say, code } of [
    {
      name: 'an end without a stream',
      say: (client) => client.send(Buffer.from([255])),
      code: 1002,
    },
    {
      name: 'a frame without a mask',
      say: (client) => client.socket.write(Buffer.from([0x82, 1, 0])),
      code: 1002,
    },
    {
      name: 'a frame of a kind that is not there',
      say: (client) => client.send(Buffer.from([0]), 5),
      code: 1002,
    },
    {
      name: 'a frame that is too large',
      say: (client) => {
        const size = Buffer.alloc(8);
        size.writeBigUInt64BE(BigInt(33 * 1024 * 1024));
        client.socket.write(Buffer.concat([Buffer.from([0x82, 0xff]), size, Buffer.alloc(4)]));
      },
      code: 1009,
    },
  ] as readonly Malformed[]) {
    test(`${name} ends the session and nothing else`, async () => {
      using client = await open('one/exec?command=wait&stdin=1&stdout=1');
      assert.equal(client.status, 101);
      say(client);
      assert.deepEqual(await client.all(), ['1 ', `close ${code}`]);
      const { status } = await server.get(`${pods}/one`);
      assert.equal(status, 200);
    });
  }

  test('streams that are not there are passed over', async () => {
    using client = await open('one/exec?command=x&stdin=1&stdout=1');
    for (const channel of [1, 2, 3, 5, 200]) client.send(Buffer.from([channel, 120]));
    client.send(Buffer.from([4, 120]));
    client.send(Buffer.alloc(0));
    client.send(Buffer.from('\0hi'));
    client.send(Buffer.from([255, 1]));
    client.send(Buffer.from([255, 0]));
    client.send(Buffer.from('\0too late'));
    const said = await client.all();
    assert.deepEqual(said.slice(0, 3), ['1 ', '1 one/main x', '1 hi']);
  });

  test('base64 is spoken to those who ask for it', async () => {
    using client = await open('one/exec?command=x&stdout=1', {
      protocols: 'v4.base64.channel.k8s.io',
    });
    const [, said] = await client.all();
    assert.equal(said, `1${Buffer.from('one/main x').toString('base64')}`);
  });

  for (const { name, path, status, message, ...request } of [
    {
      name: 'a pod that is not there',
      path: 'none/exec?command=x&stdout=1',
      status: 404,
      message: 'pods "none" not found',
    },
    {
      name: 'a container that is not there',
      path: 'one/exec?command=x&stdout=1&container=y',
      status: 400,
      message: 'container y is not valid for pod one',
    },
    {
      name: 'one of several containers',
      path: 'two/exec?command=x&stdout=1',
      status: 400,
      message: 'a container name must be specified for pod two, choose one of: [a b]',
    },
    {
      name: 'a pod without a node',
      path: 'homeless/exec?command=x&stdout=1',
      status: 400,
      message: 'pod homeless does not have a host assigned',
    },
    {
      name: 'no command',
      path: 'one/exec?stdout=1',
      status: 400,
      message: 'you must specify at least one command for the container',
    },
    {
      name: 'no stream',
      path: 'one/exec?command=x&stdout=false',
      status: 400,
      message: 'you must specify at least 1 of stdin, stdout, stderr',
    },
    {
      name: 'a dry run',
      path: 'one/exec?command=x&stdout=1&dryRun=All',
      status: 400,
      message: 'dryRun is not supported',
    },
    {
      name: 'streams that nobody knows',
      path: 'one/exec?command=x&stdout=1',
      protocols: 'v9.channel.k8s.io',
      status: 403,
      message: /requested protocol\(s\) are not supported: \[v9\.channel\.k8s\.io\]/,
    },
    {
      name: 'SPDY',
      path: 'one/exec?command=x&stdout=1',
      method: 'POST',
      headers: { upgrade: 'SPDY/3.1', 'content-length': '0' },
      status: 400,
      message: /streams over WebSockets .* not over SPDY\/3\.1; kubectl does so from version 1\.31/,
    },
    {
      name: 'no upgrade',
      path: 'one/exec?command=x&stdout=1',
      headers: { connection: 'close' },
      status: 400,
      message: 'Upgrade request required',
    },
  ] as readonly Refusal[]) {
    test(`${name} is refused with a Status`, async () => {
      const headers = { connection: 'Upgrade, close', ...request.headers };
      using client = await open(path, { ...request, headers });
      assert.equal(client.status, status, client.head);
      const body = JSON.parse((await client.rest()).replace(/^[0-9a-f]+\r\n/, ''));
      assert.equal(body.kind, 'Status');
      if (typeof message === 'string') assert.equal(body.message, message);
      else assert.match(body.message, message);
    });
  }

  test('a request that is no proper WebSocket request is refused', async () => {
    using client = await open('one/exec?command=x&stdout=1', {
      headers: { 'sec-websocket-version': '7' },
    });
    assert.equal(client.status, 400);
  });

  test('one session too many is refused, and there is room again when one ends', async () => {
    const path = 'one/exec?command=wait&stdout=1';
    using first = await open(path);
    using second = await open(path);
    await first.next();
    await second.next();
    using third = await open(path);
    assert.equal(third.status, 429);
    first.socket.destroy();
    for (;;) {
      using again = await open(path);
      if (again.status === 101) break;
    }
  });

  test('webhooks are asked, may change what is run, and may say no', async () => {
    const asked: Record<string, unknown>[] = [];
    const hook = createServer({
      cert: certificates.servingCertificate,
      key: certificates.servingKey,
    });
    const review = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
      const { request, ...type } = JSON.parse(await textOf(incoming));
      asked.push(request);
      const patch = [{ op: 'replace', path: '/command', value: ['changed'] }];
      const answer =
        incoming.url?.startsWith('/mutate') === true
          ? { allowed: true, patchType: 'JSONPatch', patch: btoa(JSON.stringify(patch)) }
          : { allowed: request.object.container !== 'main', status: { message: 'not in there' } };
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(JSON.stringify({ ...type, response: { uid: request.uid, ...answer } }));
    };
    hook.on('request', (incoming, outgoing) => {
      review(incoming, outgoing).catch((error) => incoming.destroy(error));
    });
    hook.listen(0, '127.0.0.1');
    await once(hook, 'listening');
    await using _closed = { [Symbol.asyncDispose]: () => closed(hook) };
    const { port } = hook.address() as AddressInfo;
    const configure = async (kind: string, path: string): Promise<void> => {
      const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods/exec'] };
      const webhook = {
        name: `${path}.example.com`,
        clientConfig: {
          url: `https://127.0.0.1:${port}/${path}`,
          caBundle: Buffer.from(certificates.authority).toString('base64'),
        },
        rules: [{ ...rule, operations: ['CONNECT'] }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
      };
      const made = await server.create(
        `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`,
        { metadata: { name: path }, webhooks: [webhook] },
      );
      assert.equal(made.status, 201, made.text);
    };
    await configure('mutating', 'mutate');
    await configure('validating', 'validate');
    using client = await open('one/exec?command=x&command=y&stdout=true&tty=true');
    assert.deepEqual((await client.all()).slice(0, 2), ['1 ', '1 one/main changed tty']);
    const { operation, subResource, kind, object, name, options } = asked[0] ?? {};
    assert.deepEqual(
      { operation, subResource, kind, object, name, options },
      {
        operation: 'CONNECT',
        subResource: 'exec',
        kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
        object: {
          kind: 'PodExecOptions',
          apiVersion: 'v1',
          stdout: true,
          tty: true,
          command: ['x', 'y'],
        },
        name: 'one',
        options: null,
      },
    );
    using refused = await open('one/exec?command=x&stdout=true&container=main');
    assert.equal(refused.status, 400);
    const { message } = JSON.parse(await refused.rest());
    assert.match(message, /"validate\.example\.com" denied the request: not in there/);
  });

  test('who may only read may not run anything', async () => {
    const user = { name: 'reader', groups: ['system:authenticated'] };
    const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['get'] }];
    const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    await server.create(`${roles}/roles`, { metadata: { name: 'reader' }, rules });
    await server.create(`${roles}/rolebindings`, {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }],
    });
    const path = `${pods}/one/exec?command=x&stdout=1`;
    const { status, json } = await server.ask('GET', path, { user });
    assert.equal(status, 403);
    assert.equal(
      json.message,
      'pods "one" is forbidden: User "reader" cannot create resource "pods/exec" in API group "" in the namespace "default"',
    );
  });
});
