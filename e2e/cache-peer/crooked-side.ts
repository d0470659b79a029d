// A server that answers as ours does but for one thing, to see that a comparison finds it.

import { connect, createServer } from 'node:net';
import type { Side } from './sides.ts';

/** In front of `port`: the body of each file `r` of one byte is another one. */
export async function crookedSide(port: () => number): Promise<Side & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const inner = connect({ port: port(), host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    client.pipe(inner);
    inner.on('data', (chunk: Buffer) => client.write(crooked(chunk)));
    inner.once('end', () => client.end());
    inner.once('close', () => client.destroySoon());
    client.once('close', () => inner.destroy());
    client.on('error', () => undefined);
    inner.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    name: 'crooked',
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

const header = Buffer.from('+r0000000000000001');

function crooked(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk);
  for (let at = copy.indexOf(header); at >= 0; at = copy.indexOf(header, at + 1)) {
    const body = at + 50;
    if (body < copy.length) copy[body] = (copy[body] ?? 0) ^ 1;
  }
  return copy;
}
