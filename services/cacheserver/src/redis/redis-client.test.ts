import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { RespError, RespParser, type RespValue, respReply } from '@tweendeck/wire';
import { RedisClient } from './redis-client.ts';
import { defaultRedisConnection, type RedisConnectionSettings } from './redis-settings.ts';

type Answer = RespValue | 'silence' | 'hang up' | 'garbage';

/** A server that answers as it is told, and keeps what it was asked. */
class FakeRedis implements AsyncDisposable {
  readonly asked: string[] = [];
  answer: (command: string) => Answer = (command) => (command === 'PING' ? 'PONG' : command);
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async open(): Promise<FakeRedis> {
    const fake = new FakeRedis();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens at TCP
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    const parser = new RespParser({
      value: (value) => {
        const command = Array.isArray(value) ? value.map(String).join(' ') : '?';
        this.asked.push(command);
        const answer = this.answer(command);
        if (answer === 'hang up') socket.destroy();
        else if (answer === 'garbage') socket.write('HTTP/1.1 400 Bad Request\r\n');
        else if (answer !== 'silence') socket.write(respReply(answer));
      },
      push: () => undefined,
      fault: () => socket.destroy(),
    });
    socket.on('data', (chunk: Buffer) => parser.push(chunk));
  }
}

function clientOf(fake: FakeRedis, changes: Partial<RedisConnectionSettings> = {}): RedisClient {
  const address = { host: '127.0.0.1', port: fake.port };
  const quick = { timeoutMs: 100, connectTimeoutMs: 200, retryBaseMs: 5, retryMaxMs: 20 };
  return new RedisClient(
    { ...defaultRedisConnection, ...quick, address, ...changes },
    { clock: clockOf(globalThis), random: randomOf(globalThis.crypto), log: silentLogger },
  );
}

/** Until the server lets it in again. */
async function usable(client: RedisClient): Promise<void> {
  while (client.stats().state !== 'ready') await new Promise(setImmediate);
}

test('answers come in the order of the commands, also of those handed over while it connects', async () => {
  await using fake = await FakeRedis.open();
  using client = clientOf(fake);
  const answers = Array.from({ length: 50 }, (_, at) => client.call(['ECHO', at]));
  assert.deepEqual(
    await Promise.all(answers),
    Array.from({ length: 50 }, (_, at) => `ECHO ${at}`),
  );
  assert.deepEqual(await client.pipeline([['A'], ['B', Buffer.alloc(3, 'x')]]), ['A', 'B xxx']);
  assert.equal(fake.connections, 1);
  assert.equal(client.stats().waiting, 0);
});

test('shows user and password before anything else, and selects its database', async () => {
  await using fake = await FakeRedis.open();
  using client = clientOf(fake, { user: 'me', password: () => 'secret', database: 4 });
  await client.call(['GET', 'x']);
  assert.deepEqual(fake.asked, ['AUTH me secret', 'PING', 'SELECT 4', 'GET x']);
});

test('an error of the server is an answer, and the connection goes on', async () => {
  await using fake = await FakeRedis.open();
  using client = clientOf(fake);
  fake.answer = (command) => (command === 'BAD' ? new RespError('OOM full') : 'OK');
  assert.deepEqual(await client.pipeline([['BAD'], ['GOOD']]), [new RespError('OOM full'), 'OK']);
  assert.equal(client.stats().failures, 0);
});

for (const { name, answer, code, message } of [
  { name: 'hangs up', answer: 'hang up', code: 'CACHE_REDIS_AWAY', message: /closed|ECONNRESET/ },
  { name: 'says nothing', answer: 'silence', code: 'CACHE_REDIS_TIMEOUT', message: /is silent/ },
  {
    name: 'speaks otherwise',
    answer: 'garbage',
    code: 'CACHE_REDIS_MALFORMED',
    message: /kind-unknown/,
  },
] as const) {
  test(`a server that ${name} fails all that is due, is left alone and tried again`, async () => {
    await using fake = await FakeRedis.open();
    using client = clientOf(fake);
    await client.call(['WARM']);
    fake.answer = (command) =>
      command === 'X 1' ? answer : command === 'PING' ? 'PONG' : 'silence';
    const due = [client.call(['X', 0]), client.call(['X', 1]), client.call(['X', 2])];
    for (const one of due) await assert.rejects(one, { code, message });
    assert.equal(client.usable, false);
    await assert.rejects(client.call(['NOW']), { code: 'CACHE_REDIS_AWAY' });
    fake.answer = () => 'back';
    await usable(client);
    assert.equal(await client.call(['LATER']), 'back');
    assert.ok(!fake.asked.includes('NOW'), 'nothing is sent late');
    assert.equal(fake.asked.filter((command) => command === 'X 1').length, 1, 'nor twice');
  });
}

test('whoever is not let in hears why, and asks for the password again', async () => {
  await using fake = await FakeRedis.open();
  let passwords = 0;
  using client = clientOf(fake, { password: () => `secret ${++passwords}` });
  fake.answer = (command) => (command === 'AUTH secret 1' ? new RespError('WRONGPASS no') : 'OK');
  await assert.rejects(client.call(['GET']), {
    code: 'CACHE_REDIS_REFUSED',
    message: /WRONGPASS no/,
  });
  await usable(client);
  assert.equal(await client.call(['GET']), 'OK');
});

test('a password that cannot be read is a failure like any other', async () => {
  await using fake = await FakeRedis.open();
  let readable = false;
  const password = (): string => {
    if (!readable) throw new Error('ENOENT');
    return 'secret';
  };
  using client = clientOf(fake, { password });
  await assert.rejects(client.call(['GET']), { code: 'CACHE_REDIS_AWAY', message: /ENOENT/ });
  readable = true;
  await usable(client);
});

test('nobody there: what waits fails, later commands fail at once', async () => {
  const fake = await FakeRedis.open();
  using client = clientOf(fake);
  await fake[Symbol.asyncDispose]();
  await assert.rejects(client.call(['GET']), { code: 'CACHE_REDIS_AWAY', message: /ECONNREFUSED/ });
  assert.equal(client.usable, false);
});

test('no more waits than may', async () => {
  await using fake = await FakeRedis.open();
  using client = clientOf(fake, { commandsMax: 3 });
  const due = [client.call(['A']), client.pipeline([['B'], ['C']])];
  await assert.rejects(client.call(['D']), { code: 'CACHE_REDIS_BUSY' });
  assert.deepEqual(await Promise.all(due), ['A', ['B', 'C']]);
  using slow = clientOf(fake, { queuedBytesMax: 1_000 });
  const first = slow.call(['SET', Buffer.alloc(2_000)]);
  await assert.rejects(slow.call(['GET']), { code: 'CACHE_REDIS_BUSY' });
  await first;
});

test('a closed client ends what is due and takes nothing more', async () => {
  await using fake = await FakeRedis.open();
  const client = clientOf(fake);
  fake.answer = (command) => (command === 'PING' ? 'PONG' : 'silence');
  const due = client.call(['GET']);
  client[Symbol.dispose]();
  await assert.rejects(due, { code: 'CACHE_REDIS_AWAY' });
  await assert.rejects(client.call(['GET']), { code: 'CACHE_REDIS_AWAY' });
});
