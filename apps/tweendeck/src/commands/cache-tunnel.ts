// `tweendeck cache tunnel`: gives clients that speak only the cache protocol TLS, a certificate and a token.

import { readFile } from 'node:fs/promises';
import { createServer, isIP, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { aborted, messageOf, PlatformError } from '@tweendeck/std';
import { type HostPort, parseHostPort } from '../cache-address.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';

/** What is shown to the server for each client. */
interface Far {
  readonly address: HostPort;
  readonly tls: ConnectionOptions;
  /** The line that shows the token; empty without one. */
  readonly line: string;
}

export async function run({ world, options }: Invocation): Promise<number> {
  const near = parseHostPort(options.text('listen') ?? '127.0.0.1:8126', 8_126);
  const far = await farOf(options);
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

async function farOf(options: OptionValues): Promise<Far> {
  const server = options.text('server');
  if (server === undefined) throw usage('say which cache server with --server');
  const address = parseHostPort(server, 8_126);
  const pem = async (name: string): Promise<Buffer | undefined> => {
    const path = options.text(name);
    return path === undefined ? undefined : read(path);
  };
  const [ca, cert, key, secret] = await Promise.all(['ca', 'cert', 'key', 'token-file'].map(pem));
  const token = secret?.toString('latin1').split('\n', 1)[0]?.trim();
  const tls: ConnectionOptions = {
    ...address,
    minVersion: 'TLSv1.2',
    ...(isIP(address.host) ? {} : { servername: address.host }),
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
  };
  return { address, tls, line: token === undefined ? '' : `TWEENDECK-TOKEN ${token}\n` };
}

function join(
  client: Socket,
  { address, tls, line }: Far,
  complain: (message: string) => void,
): void {
  const options = { ...tls, allowHalfOpen: true }; // what is due still comes behind the client's end
  const server = connect(options);
  server.setNoDelay(true);
  client.pause();
  server.once('secureConnect', () => {
    if (line !== '') server.write(line);
    // Each side's end is passed on, and whatever breaks one breaks the other.
    const done = (): void => undefined;
    pipeline(client, server, done);
    pipeline(server, client, done);
  });
  server.once('error', (error) => {
    complain(`${address.host}:${address.port}: ${messageOf(error)}`);
    client.destroy();
  });
  client.once('error', () => server.destroy());
  client.once('close', () => server.destroySoon());
  server.once('close', () => client.destroySoon());
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new PlatformError('CLI_FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
