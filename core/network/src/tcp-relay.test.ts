// Bytes through a relay, on real sockets of this machine.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { clockOf, silentLogger } from '@tweendeck/std';
import { TcpRelay } from './tcp-relay.ts';

const host = '127.0.0.1';

/** A server whose answer is its name and then what it heard, in full, once the client has said all. */
async function namedServer(name: string, seen: Socket[] = []): Promise<Server & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    seen.push(socket);
    socket.on('error', () => undefined);
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

async function freePort(): Promise<number> {
  await using server = createServer().listen(0, host);
  await once(server, 'listening');
  return portOf(server);
}

async function say(port: number, text: string | Buffer): Promise<Buffer> {
  const socket = connect({ host, port });
  socket.end(text);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part);
  return Buffer.concat(parts);
}

const relayOf = (): TcpRelay => new TcpRelay({ clock: clockOf(globalThis), log: silentLogger });

test('connections go to targets in turn, and are heard to their end both ways', async () => {
  await using first = await namedServer('first');
  await using second = await namedServer('second');
  await using relay = relayOf();
  const port = await freePort();
  const targets = [first, second].map((server) => ({ host, port: portOf(server) }));
  assert.deepEqual(await relay.set('n/s', [{ host, port, targets }]), []);
  const answers = [await say(port, 'a'), await say(port, 'b'), await say(port, 'c')];
  assert.deepEqual(answers.map(String).sort(), ['first:a', 'first:c', 'second:b']);
  const large = Buffer.alloc(8_000_000, 'x');
  const answer = await say(port, large);
  assert.ok(answer.subarray(answer.indexOf(':') + 1).equals(large));
});

test('a target that is away is passed over; without any, clients are refused', async () => {
  await using there = await namedServer('there');
  await using relay = relayOf();
  const port = await freePort();
  const away = { host, port: await freePort() };
  await relay.set('n/s', [{ host, port, targets: [away, { host, port: portOf(there) }] }]);
  assert.equal(String(await say(port, 'a')), 'there:a');
  await relay.set('n/s', [{ host, port, targets: [away] }]);
  await assert.rejects(say(port, 'a'), { code: 'ECONNRESET' });
  await relay.set('n/s', []);
  await assert.rejects(say(port, 'a'), { code: 'ECONNREFUSED' });
});

test('other targets are for new connections; an address that goes takes its connections along', async () => {
  await using before = await namedServer('before');
  await using after = await namedServer('after');
  await using relay = relayOf();
  const port = await freePort();
  await relay.set('n/s', [{ host, port, targets: [{ host, port: portOf(before) }] }]);
  const staying = connect({ host, port });
  assert.equal(String((await once(staying, 'data'))[0]), 'before:');
  await relay.set('n/s', [{ host, port, targets: [{ host, port: portOf(after) }] }]);
  staying.write('still here');
  assert.equal(String((await once(staying, 'data'))[0]), 'still here');
  assert.equal(String(await say(port, 'a')), 'after:a');
  await relay.set('n/s', []);
  await once(staying, 'close');
});

test('an address belongs to one Service, and is told when somebody else has it', async () => {
  await using server = await namedServer('server');
  await using relay = relayOf();
  const targets = [{ host, port: portOf(server) }];
  const port = await freePort();
  await relay.set('n/first', [{ host, port, targets }]);
  const [taken] = await relay.set('n/second', [{ host, port, targets }]);
  assert.match(taken ?? '', /it belongs to n\/first/);
  const [inUse] = await relay.set('n/third', [{ host, port: portOf(server), targets }]);
  assert.match(inUse ?? '', /EADDRINUSE/);
  await relay.set('n/first', []);
  assert.deepEqual(await relay.set('n/second', [{ host, port, targets }]), []);
});

test('a client that breaks off takes its connection to the target along', async () => {
  const seen: Socket[] = [];
  await using server = await namedServer('server', seen);
  await using relay = relayOf();
  const port = await freePort();
  await relay.set('n/s', [{ host, port, targets: [{ host, port: portOf(server) }] }]);
  const client = connect({ host, port });
  await once(client, 'data');
  const [socket] = seen;
  assert.ok(socket);
  const closed = once(socket, 'close');
  client.resetAndDestroy();
  await closed;
});
