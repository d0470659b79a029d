// The limit: the least that a server in Node can do. It finds where requests end, and writes as many bytes as are due
// from one constant buffer. Ids tell the sizes of their files (bench/cacheserver/load/keys.go).

import { createServer, type Socket } from 'node:net';

const bodies = Buffer.alloc(1_048_576);
const versionBytes = 8;
const idBytes = 32;
const letter = { g: 0x67, p: 0x70, a: 0x61, i: 0x69, e: 0x65 };

const hidden = (id: Buffer, at: number): number =>
  (id.readUInt32LE(at + 16) ^ id.readUInt32LE(at)) >>> 0;

/** 0 for a file that is not there. */
function sizeOf(type: number, chunk: Buffer, idAt: number): number {
  if (type === letter.a) return hidden(chunk, idAt);
  return hidden(chunk, idAt + (type === letter.i ? 4 : 8));
}

function serve(socket: Socket): void {
  socket.setNoDelay(true);
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
      at = versionBytes;
      due = versionBytes;
    }
    while (at < chunk.length) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= taken;
        at += taken;
        continue;
      }
      const [first, second] = [chunk[at], chunk[at + 1]];
      const length = first === letter.p ? 18 : second === letter.e ? 2 : 2 + idBytes;
      if (second === undefined || chunk.length - at < length) break;
      if (first === letter.p) {
        bodyLeft = Number.parseInt(chunk.toString('latin1', at + 2, at + 18), 16);
      } else if (first === letter.g) {
        const size = sizeOf(second, chunk, at + 2);
        due += size > 0 ? 18 + idBytes + size : 2 + idBytes;
      }
      at += length;
    }
    held = chunk.subarray(at);
    for (; due > 0; due -= Math.min(due, bodies.length)) {
      socket.write(due < bodies.length ? bodies.subarray(0, due) : bodies);
    }
  });
}

createServer(serve).listen(Number(process.argv[2]), '127.0.0.1');
