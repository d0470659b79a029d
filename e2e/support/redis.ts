// A real redis-server of a test's own, which it can stop, freeze and start again.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from './home.ts';

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** Started again with what it had on its disk. */
  start(): Promise<void>;
  /** At once, as when its machine dies. */
  kill(): Promise<void>;
  /** It stays there and says nothing. */
  freeze(): void;
  thaw(): void;
  /** What it answers to a line, as bytes. */
  ask(line: string): Promise<string>;
}

export async function startRedis(...options: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'redis-'));
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  let child: ChildProcess | undefined;
  const server: RedisServer = {
    port,
    async start() {
      const started = spawn('redis-server', [...fixed, ...options], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      let said = '';
      started.stdout.on('data', (text: Buffer) => {
        said += text.toString();
      });
      const { promise: failed, reject } = Promise.withResolvers<never>();
      started.once('error', (cause) =>
        reject(new Error('redis-server is wanted: npm run doctor -- --install', { cause })),
      );
      started.once('exit', () => reject(new Error(`redis-server ended: ${said}`)));
      failed.catch(() => undefined);
      const ready = until('redis-server listens', async () =>
        said.includes('Ready to accept connections'),
      );
      await Promise.race([ready, failed]);
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    ask: (line) => ask(port, line),
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

async function ask(port: number, line: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.end(`${line}\r\n`);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}
