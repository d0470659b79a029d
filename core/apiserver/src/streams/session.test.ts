import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { aborted, seededRandom, silentLogger } from '@tweendeck/std';
import { negotiateProtocol } from './channels.ts';
import { runSession, type SessionServer, type WantedStreams } from './session.ts';
import type { MessageSocket } from './upgrade.ts';

/** A client at the other end of a socket, in memory. It takes what it is sent only while `takes`. */
class Client {
  readonly got: string[] = [];
  paused = false;
  closedWith: number | undefined;
  takes = true;
  #hears: ((data: Buffer) => void) | undefined;
  #gone: (() => void) | undefined;
  readonly socket: MessageSocket = {
    listen: ({ message, gone }) => {
      this.#hears = message;
      this.#gone = gone;
    },
    send: async (message) => {
      if (!this.takes) await new Promise(() => undefined);
      this.got.push(Buffer.from(message).toString('latin1'));
    },
    pause: () => (this.paused = true),
    resume: () => (this.paused = false),
    ping: () => undefined,
    close: (code) => {
      this.closedWith ??= code;
      this.leave();
    },
    terminate: () => this.leave(),
  };

  say(...bytes: readonly number[]): void {
    this.#hears?.(Buffer.from(bytes));
  }

  leave(): void {
    this.#gone?.();
  }
}

const all: WantedStreams = { stdin: true, stdout: true, stderr: true };

function begin(serve: SessionServer, wants: WantedStreams = all) {
  const client = new Client();
  const clock = new SimClock({ random: seededRandom(1) });
  const protocol = negotiateProtocol('v5.channel.k8s.io');
  assert.ok(protocol);
  const stopping = new AbortController();
  const options = { protocol, wants, clock, log: silentLogger, serve, failing: 'it failed' };
  const done = runSession(client.socket, options, stopping.signal);
  return { client, clock, stopping, done };
}

test('a session echoes, ends with its input, and tells so', async () => {
  const { client, done } = begin(async ({ stdin, stdout }) => {
    for await (const chunk of stdin ?? []) await stdout(chunk);
    return { exitCode: 0 };
  });
  client.say(0, 104, 105);
  client.say(255, 0);
  await done;
  assert.deepEqual(client.got, ['\x01', '\x01hi', '\x03{"metadata":{},"status":"Success"}']);
  assert.equal(client.closedWith, 1000);
});

test('a client that is not read is stopped, and goes on when it is', async () => {
  const read = Promise.withResolvers<void>();
  let bytes = 0;
  const { client, done } = begin(async ({ stdin }) => {
    await read.promise;
    for await (const chunk of stdin ?? []) bytes += chunk.byteLength;
    return { exitCode: 0 };
  });
  const chunk = new Uint8Array(100 * 1024);
  for (let count = 0; count < 3; count++) client.say(...chunk);
  assert.equal(client.paused, true);
  read.resolve();
  client.say(255, 0);
  await done;
  assert.equal(bytes, 3 * (chunk.byteLength - 1));
  assert.equal(client.paused, false);
});

test('a client that does not read holds its process back, until it is gone', async () => {
  let written = 0;
  const { client, done } = begin(async ({ stdout }) => {
    for (;;) {
      await stdout(Buffer.alloc(1024));
      written++;
      if (written === 3) client.takes = false;
    }
  });
  await new Promise(setImmediate);
  assert.equal(written, 3);
  client.leave();
  await done;
  assert.equal(written, 3);
});

for (const { name, say } of [
  { name: 'an end without a stream', say: [255] },
  { name: 'an end of a stream that is not there', say: [255, 9] },
]) {
  test(`${name} ends the session`, async () => {
    const { client, done } = begin(async (_, signal) => {
      await aborted(signal);
      return { exitCode: 137 };
    });
    client.say(...say);
    await done;
    assert.equal(client.closedWith, 1002);
  });
}

test('a session that nobody uses ends after four hours', async () => {
  const { client, clock, done } = begin(async (_, signal) => {
    await aborted(signal);
    return { exitCode: 137 };
  });
  await clock.advance(3 * 60 * 60_000);
  client.say(0, 1);
  await clock.advance(3 * 60 * 60_000);
  assert.equal(client.closedWith, undefined);
  await clock.advance(60 * 60_000 + 60_000);
  await done;
  assert.deepEqual(client.got, ['\x01']);
});

test('when the server stops, so does the session', async () => {
  const { client, stopping, done } = begin(async (_, signal) => {
    await aborted(signal);
    return { exitCode: 137 };
  });
  stopping.abort();
  await done;
  assert.equal(client.closedWith, 1001);
});

test('what never began is told, on the lowest stream that there is', async () => {
  const refuse: SessionServer = async () => {
    throw new ApiError(500, 'InternalError', 'container not found ("x")');
  };
  const { client, done } = begin(refuse, { stdin: true, stdout: false, stderr: false });
  await done;
  assert.equal(client.got[0], '\x03');
  assert.match(client.got[1] ?? '', /unable to upgrade connection: container not found/);
});
