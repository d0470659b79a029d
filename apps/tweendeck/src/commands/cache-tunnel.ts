// `tweendeck cache tunnel`: gives clients that speak only the cache protocol TLS, a certificate and a token.

import { createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { checkFar, type FarCache, reach, trustFault } from '@tweendeck/cacheserver/data-plane';
import { aborted, messageOf, PlatformError } from '@tweendeck/std';
import { parseHostPort } from '../cache-address.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';

export async function run({ world, options }: Invocation): Promise<number> {
  const near = parseHostPort(options.text('listen') ?? '127.0.0.1:8126', 8_126);
  const far = farOf(options);
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    join(client, far, (message) => world.writeError(message));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new PlatformError('CLI_LISTEN_FAILED', `listening on ${near.host}:${near.port}`, {
          hint: 'Choose another address with --listen.',
          cause,
        }),
      ),
    );
    server.listen(near, resolve);
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : near.port;
  world.write(`clients connect to ${near.host}:${port}`);
  await aborted(world.signal);
  server.close();
  for (const client of open) client.destroy();
  return 0;
}

/** Throws CLI_USAGE, and CACHE_TLS_UNUSABLE for files that cannot be used. */
function farOf(options: OptionValues): FarCache {
  const server = options.text('server');
  if (server === undefined) throw usage('say which cache server with --server');
  const tls = {
    caFile: options.text('ca'),
    certificateFile: options.text('cert'),
    keyFile: options.text('key'),
    tokenFile: options.text('token-file'),
    serverName: options.text('server-name'),
  };
  const far = { ...parseHostPort(server, 8_126), tls };
  checkFar(far);
  return far;
}

/** Files are read for each client: what is renewed counts for the next one. */
function join(client: Socket, far: FarCache, complain: (message: string) => void): void {
  const failed = (error: unknown): void => {
    const fault = trustFault(far, error, { secured: false });
    complain(fault?.message ?? `${far.host}:${far.port}: ${messageOf(error)}`);
    client.destroy();
  };
  client.pause();
  try {
    const halves = { allowHalfOpen: true }; // what is due still comes behind the client's end
    const server = reach(far, (ready) => splice(client, ready), halves);
    server.setNoDelay(true);
    server.once('error', failed);
    client.once('error', () => server.destroy());
    client.once('close', () => server.destroySoon());
    server.once('close', () => client.destroySoon());
  } catch (error) {
    failed(error);
  }
}

/** Each side's end is passed on, and whatever breaks one breaks the other. */
function splice(client: Socket, server: Socket): void {
  const done = (): void => undefined;
  pipeline(client, server, done);
  pipeline(server, client, done);
}
