// The servers that are held against each other: the limit, ours, and the peer in four ways. Each is a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onAbort } from '@tweendeck/std';
import { peerArguments } from '../../tools/unity-cache-server/peer.ts';

export const peerKinds = ['fs', 'ram', 'fs-nodelay', 'ram-nodelay'] as const;
type PeerKind = (typeof peerKinds)[number];
export type SideKind = 'limit' | 'ours' | PeerKind;

export const sideTitles: Readonly<Record<SideKind, string>> = {
  limit: 'limit',
  ours: 'Tweendeck',
  fs: 'fs',
  ram: 'ram',
  'fs-nodelay': 'fs, no delay',
  'ram-nodelay': 'ram, no delay',
};

export interface CacheSide extends AsyncDisposable {
  readonly kind: SideKind;
  readonly title: string;
  /** Given more memory than by default. */
  readonly roomy: boolean;
  readonly port: number;
  readonly pid: number;
  /** From the start of its process until it takes connections. */
  readonly readyMs: number;
  residentBytes(): number;
  /** The most since `forgetPeak`. */
  peakBytes(): number;
  forgetPeak(): void;
}

export interface SideOptions {
  /** Where it keeps what it keeps; made when missing. */
  readonly directory: string;
  /** The peer's program; only needed for a peer. */
  readonly peer?: string | undefined;
  /** What ours may hold in memory, in bytes; its default if omitted. */
  readonly memoryBytes?: number | undefined;
}

const readyMaxMs = 120_000;

/** Starts a server and waits until it takes connections. */
export async function openSide(
  kind: SideKind,
  options: SideOptions,
  signal: AbortSignal,
): Promise<CacheSide> {
  mkdirSync(options.directory, { recursive: true });
  const port = await freePort();
  const begun = performance.now();
  const child = spawn(process.execPath, commandOf(kind, port, options), {
    cwd: options.directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  const link = onAbort(signal, () => child.kill('SIGKILL'));
  const roomy = options.memoryBytes !== undefined;
  const title = `${sideTitles[kind]}${roomy ? ', roomy' : ''}`;
  const { pid = 0 } = child;
  while (!(await takesConnections(port))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`${title} ended with ${child.exitCode}`);
    if (performance.now() - begun > readyMaxMs) throw new Error(`${title} does not come up`);
    await sleep(5);
  }
  return {
    kind,
    title,
    roomy,
    port,
    pid,
    readyMs: performance.now() - begun,
    residentBytes: () => statusBytes(pid, 'VmRSS'),
    peakBytes: () => statusBytes(pid, 'VmHWM'),
    forgetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
    async [Symbol.asyncDispose]() {
      link[Symbol.dispose]();
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

function commandOf(
  kind: SideKind,
  port: number,
  { directory, peer, memoryBytes }: SideOptions,
): readonly string[] {
  if (kind === 'limit') return [join(import.meta.dirname, 'limit-process.ts'), String(port)];
  if (kind === 'ours') {
    const program = join(import.meta.dirname, '../../apps/tweendeck/bin/tweendeck.cjs');
    const where = ['--data', directory, '--listen', `127.0.0.1:${port}`];
    const memory = memoryBytes === undefined ? [] : [`--memory=${memoryBytes}`];
    return [program, 'cacheserver', 'serve', ...where, ...memory];
  }
  if (peer === undefined) throw new Error('the peer is not installed');
  const [module, noDelay] = kind.split('-');
  const settings = { module: module === 'ram' ? module : 'fs', directory, port } as const;
  return peerArguments(peer, { ...settings, noDelay: noDelay !== undefined });
}

/** A port that nobody listens on at the moment; the peer cannot choose one itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // not yet
  } finally {
    socket.destroy();
  }
}

function statusBytes(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1_024;
}
