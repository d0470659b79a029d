// Real redis-servers for one observation: processes on loopback addresses of their own, with a port of their own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RespCommandWriter, RespError, RespParser, type RespValue } from '@tweendeck/wire';
import { nodeTimeoutMs, type Rig } from '../../services/redis/src/testing/rig.ts';
import { until } from './home.ts';

const patienceMs = 120_000;
/** Their buses listen so much higher, and below 65536. */
const busAbove = 10_000;

interface Server {
  host: string;
  directory: string;
  child: ChildProcess | undefined;
}

export class RedisRig implements Rig, AsyncDisposable {
  readonly port: number;
  readonly #home: string;
  /** `127.0.net.x`. */
  readonly #net: number;
  readonly #servers: Server[] = [];
  #hosts = 0;
  #directories = 0;

  private constructor(port: number, net: number) {
    this.port = port;
    this.#net = net;
    this.#home = mkdtempSync(join(tmpdir(), 'redis-rig-'));
  }

  /** `net` tells rigs apart that run at the same time. */
  static async open(servers: number, net: number): Promise<RedisRig> {
    const rig = new RedisRig(await freePair(`127.0.${net}.1`), net);
    for (let server = 0; server < servers; server++) {
      rig.#servers.push({ host: rig.#host(), directory: rig.#directory(), child: undefined });
    }
    await Promise.all(rig.#servers.map((server) => rig.#run(server)));
    return rig;
  }

  async ask(
    server: number,
    ...commands: readonly (readonly (string | number)[])[]
  ): Promise<readonly string[]> {
    const socket = connect({ host: this.host(server), port: this.port, noDelay: true });
    try {
      return (await answersTo(socket, commands)).map(textOf);
    } finally {
      socket.destroy();
    }
  }

  async tell(
    server: number,
    ...commands: readonly (readonly (string | number)[])[]
  ): Promise<void> {
    const socket = connect({ host: this.host(server), port: this.port, noDelay: true });
    try {
      const writer = new RespCommandWriter();
      for (const command of commands) writer.write(command);
      for (const part of writer.take()) socket.write(part);
      socket.end();
      await once(socket, 'finish');
    } finally {
      socket.destroy();
    }
  }

  async kill(server: number): Promise<void> {
    await end(this.#at(server));
  }

  freeze(server: number): void {
    this.#at(server).child?.kill('SIGSTOP');
  }

  thaw(server: number): void {
    this.#at(server).child?.kill('SIGCONT');
  }

  async start(
    server: number,
    { address, volume }: { readonly address?: 'another'; readonly volume?: 'lost' } = {},
  ): Promise<void> {
    const one = this.#at(server);
    if (address === 'another') one.host = this.#host();
    if (volume === 'lost') one.directory = this.#directory();
    await this.#run(one);
  }

  host(server: number): string {
    return this.#at(server).host;
  }

  /** When it is in vain it tells how each server saw all. */
  async until(what: string, check: () => Promise<boolean>): Promise<void> {
    try {
      await until(what, check, patienceMs);
    } catch (error) {
      const views = await Promise.all(this.#servers.map((server) => this.#viewOf(server)));
      throw new Error([`${what}, at ${Date.now()}`, ...views].join('\n'), { cause: error });
    }
  }

  /** By the clock of a server that is not frozen. */
  async pass(milliseconds: number): Promise<void> {
    const lastMs = Date.now() + milliseconds;
    await until('time goes by', async () => Date.now() >= lastMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map(end));
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #viewOf(server: Server): Promise<string> {
    const at = this.#servers.indexOf(server);
    const { pid = 0, exitCode = 0, signalCode = '' } = server.child ?? {};
    const [state = ''] = /^State:.*/m.exec(processText(pid)) ?? [];
    const name = `#${at} ${server.host} pid ${pid}, ${state}, ended ${exitCode} ${signalCode}`;
    const quick = AbortSignal.timeout(1_000);
    const silent = once(quick, 'abort').then(() => ['says nothing']);
    const view = this.ask(at, ['CLUSTER', 'NODES'], ['CLUSTER', 'INFO']).catch(String);
    return `${name}\n${String(await Promise.race([view, silent]))}`;
  }

  #at(server: number): Server {
    const one = this.#servers[server];
    if (!one) throw new Error(`no server ${server}`);
    return one;
  }

  #host(): string {
    return `127.0.${this.#net}.${++this.#hosts}`;
  }

  #directory(): string {
    const directory = join(this.#home, String(++this.#directories));
    mkdirSync(directory);
    return directory;
  }

  async #run(server: Server): Promise<void> {
    const settings: Readonly<Record<string, string | number>> = {
      ...{ bind: server.host, port: this.port, dir: server.directory, save: '' },
      ...{ appendonly: 'yes', 'cluster-enabled': 'yes', 'cluster-node-timeout': nodeTimeoutMs },
      ...{ 'cluster-announce-ip': server.host, 'cluster-require-full-coverage': 'no' },
      ...{ 'cluster-allow-replica-migration': 'no', 'cluster-replica-validity-factor': 0 },
      'repl-diskless-sync-delay': 0,
    };
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const child = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'pipe'] });
    server.child = child;
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString();
    });
    const { promise: failed, reject } = Promise.withResolvers<never>();
    child.once('error', (cause) =>
      reject(new Error('redis-server is wanted: npm run doctor -- --install', { cause })),
    );
    child.once('exit', () => reject(new Error(`redis-server ended: ${said}`)));
    failed.catch(() => undefined);
    const ready = until('redis-server listens', async () =>
      said.includes('Ready to accept connections'),
    );
    await Promise.race([ready, failed]);
  }
}

async function end({ child }: Server): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function processText(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return ''; // ended
  }
}

/** A port whose bus port is free, too. */
async function freePair(host: string): Promise<number> {
  for (;;) {
    const port = await listening(host, 0);
    if (port + busAbove > 65_535) continue;
    if ((await listening(host, port + busAbove)) !== undefined) return port;
  }
}

async function listening(host: string, port: number): Promise<number> {
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

function answersTo(
  socket: Socket,
  commands: readonly (readonly (string | number)[])[],
): Promise<readonly RespValue[]> {
  return new Promise((resolve, reject) => {
    const answers: RespValue[] = [];
    const parser = new RespParser({
      value: (value) => {
        answers.push(value);
        if (answers.length === commands.length) resolve(answers);
      },
      push: () => undefined,
      fault: (fault) => reject(new Error(fault)),
    });
    socket.on('data', (chunk: Buffer) => parser.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it closed the connection')));
    const writer = new RespCommandWriter();
    for (const command of commands) writer.write(command);
    for (const part of writer.take()) socket.write(part);
  });
}

function textOf(answer: RespValue): string {
  if (answer === null) return 'nil';
  if (Buffer.isBuffer(answer)) return answer.toString('latin1');
  if (Array.isArray(answer)) return answer.map(textOf).join(' ');
  return answer instanceof RespError ? answer.message : String(answer);
}
