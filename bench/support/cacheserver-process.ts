// One server to be measured: `cache DIRECTORY`, or `null`, which counts bytes and answers from one constant buffer.

import { createServer, type Socket } from 'node:net';
import { serveCache } from '@tweendeck/cacheserver';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';

const [kind, directory = ''] = process.argv.slice(2);
const say = (port: number | undefined): void => void process.stdout.write(`${port}\n`);

/** The least a server can do: find where requests end, and write as many bytes as are due. */
function answerNothing(socket: Socket): void {
  socket.setNoDelay(true);
  const bodies = Buffer.alloc(1_048_576);
  let bodyLeft = 0;
  let held: Buffer = Buffer.alloc(0);
  let greeted = false;
  socket.on('error', () => undefined);
  socket.on('data', (received: Buffer) => {
    const chunk = held.length > 0 ? Buffer.concat([held, received]) : received;
    let at = 0;
    let due = 0;
    if (!greeted) {
      greeted = true;
      at = 8;
      due = 8;
    }
    while (at < chunk.length) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= taken;
        at += taken;
        continue;
      }
      const [first, second] = [chunk[at], chunk[at + 1]];
      const length = first === 0x70 ? 18 : second === 0x65 ? 2 : 34;
      if (second === undefined || chunk.length - at < length) break;
      if (first === 0x70) {
        bodyLeft = Number.parseInt(chunk.toString('latin1', at + 2, at + 18), 16);
        size = bodyLeft;
      } else if (first === 0x67) {
        // Asks for a: the size of the last put, unless the id is the absent one. Other types miss.
        due += second === 0x61 && chunk[at + 2] !== 0x0f ? 50 + size : 34;
      }
      at += length;
    }
    held = chunk.subarray(at);
    for (; due > 0; due -= Math.min(due, bodies.length)) {
      socket.write(due < bodies.length ? bodies.subarray(0, due) : bodies);
    }
  });
}

let size = 1_024;

if (kind === 'null') {
  const server = createServer(answerNothing).listen(0, '127.0.0.1', () => {
    const address = server.address();
    say(typeof address === 'object' ? address?.port : undefined);
  });
} else {
  await serveCache(
    {
      directory,
      listen: [{ host: '127.0.0.1', port: 0 }],
      storageBytes: 2 * 2 ** 30,
      memoryBytes: 64 * 2 ** 20,
      onReady: (server) => say(server.addresses[0]?.port),
      clock: clockOf(globalThis),
      random: randomOf(globalThis.crypto),
      log: silentLogger,
    },
    new AbortController().signal,
  );
}
