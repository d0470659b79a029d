// The servers that have to answer alike: ours, and Unity's own with each of its two stores. Each is a process that can be
// stopped and started again over what it stored.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type PeerModule, peerArguments } from '../../tools/unity-cache-server/peer.ts';

export type SideName = 'ours' | PeerModule;

/** Somewhere to connect to. */
export interface Side {
  readonly name: string;
  readonly port: number;
}

export interface ServerSide extends Side, AsyncDisposable {
  readonly name: SideName;
  /** Stops it by this signal, and starts it over the same directory; the port is another one then. */
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export interface SideOptions {
  /** Made when missing. */
  readonly directory: string;
  /** The peer's program. */
  readonly peer: string;
}

const ownProgram = join(import.meta.dirname, '../../apps/tweendeck/bin/tweendeck.cjs');
const startMaxMs = 60_000;

/** Resolves when it takes connections. */
export async function openSide(name: SideName, options: SideOptions): Promise<ServerSide> {
  mkdirSync(options.directory, { recursive: true });
  let running = await start(name, options);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  return {
    name,
    get port() {
      return running.port;
    },
    async restart(signal) {
      await stop(signal);
      running = await start(name, options);
    },
    [Symbol.asyncDispose]: () => stop('SIGKILL'),
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(name: SideName, { directory, peer }: SideOptions): Promise<Running> {
  const where = ['--data', directory, '--listen', '127.0.0.1:0', '--drain-seconds', '1'];
  const settings = { noDelay: true, directory, port: 0 };
  const args =
    name === 'ours'
      ? [ownProgram, 'cacheserver', 'serve', ...where]
      : peerArguments(peer, { ...settings, module: name });
  const child = spawn(process.execPath, args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const told: string[] = [];
  const serving = new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      if (told.length < 20) told.push(line);
      const [, port] = /(?:cache serving|ready on).*?127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
    const fail = (why: string): void => reject(new Error(`${name} ${why}: ${told.join('\n')}`));
    child.once('exit', (code) => fail(`ended with ${code}`));
    setTimeout(() => fail('does not come up'), startMaxMs).unref();
  });
  try {
    return { child, port: await serving };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
