// Gets, puts and misses of the cache's data plane, each beside the loopback's own limit in the same run.
// Arguments: `--seconds N` for each cell (default 1), `--recovery KEYS` (default 1000000, 0 leaves it out).

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCacheStore } from '@tweendeck/cacheserver';
import { clockOf, onAbort, randomOf, silentLogger } from '@tweendeck/std';
import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';

type Operation = 'get' | 'put' | 'miss';

interface Cell {
  readonly operation: Operation;
  readonly sizeBytes: number;
  readonly connections: number;
  readonly depth: number;
}

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Keys that are asked for; together they fit in the page cache. */
const keys = 512;
const { performance } = globalThis;

export async function run(
  options: { readonly args: readonly string[]; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-cache-'));
  const seconds = numberArgument(options.args, '--seconds', 1);
  const recoveryKeys = numberArgument(options.args, '--recovery', 1_000_000);
  try {
    await using cache = await startServer(['cache', join(directory, 'cells')], signal);
    await using limit = await startServer(['null'], signal);
    options.write('operation  size  conns depth |  cache/s   p50 ms   p99 ms |  limit/s | ratio');
    for (const sizeBytes of [1_024, 65_536]) {
      await fill(cache.port, sizeBytes);
      await fill(limit.port, sizeBytes); // tells it the size
      for (const operation of ['get', 'put', 'miss'] as const) {
        if (operation === 'miss' && sizeBytes > 1_024) continue;
        for (const connections of [1, 8]) {
          for (const depth of [1, 64]) {
            signal.throwIfAborted();
            const cell = { operation, sizeBytes, connections, depth };
            const top = await measure(limit.port, cell, seconds);
            options.write(rowText(cell, await measure(cache.port, cell, seconds), top));
          }
        }
      }
    }
    if (recoveryKeys > 0) await recovery(join(directory, 'recovery'), recoveryKeys, options.write);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function rowText(
  { operation, sizeBytes, connections, depth }: Cell,
  cache: Measured,
  limit: Measured,
): string {
  const rate = (value: number): string => Math.round(value).toString().padStart(8);
  const ratio = `${((cache.perSecond / limit.perSecond) * 100).toFixed(0)} %`;
  return [
    operation.padEnd(9),
    `${sizeBytes / 1_024}k`.padStart(5),
    connections.toString().padStart(6),
    depth.toString().padStart(5),
    `| ${rate(cache.perSecond)} ${cache.p50Ms.toFixed(3).padStart(8)} ${cache.p99Ms.toFixed(3).padStart(8)}`,
    `| ${rate(limit.perSecond)} | ${ratio.padStart(5)}`,
  ].join(' ');
}

function numberArgument(args: readonly string[], name: string, standard: number): number {
  const at = args.indexOf(name);
  return at < 0 ? standard : Number(args[at + 1]);
}

// Load.

function keyOf(number: number): Buffer {
  const id = Buffer.alloc(32, 0x5a);
  id.writeUInt32LE(number, 8);
  return id;
}

const absent = Buffer.alloc(32, 0x0f);

/** What one operation sends, and how many bytes answer it. A put ends with a get that misses: the fence. */
function exchangeOf(
  { operation, sizeBytes }: Cell,
  key: number,
): { request: Buffer; answerBytes: number } {
  if (operation === 'get')
    return { request: unityCacheGet('a', keyOf(key)), answerBytes: 50 + sizeBytes };
  if (operation === 'miss') return { request: unityCacheGet('a', absent), answerBytes: 34 };
  return { request: putOf(key, sizeBytes), answerBytes: 34 };
}

function putOf(key: number, sizeBytes: number): Buffer {
  const body = Buffer.alloc(sizeBytes, key % 256);
  return Buffer.concat([
    unityCacheBegin(keyOf(key)),
    unityCachePut('a', sizeBytes),
    body,
    Buffer.from('te'),
    unityCacheGet('i', absent),
  ]);
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.write('000000fe');
  await new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve());
    socket.once('error', reject);
  });
  return socket;
}

async function fill(port: number, sizeBytes: number): Promise<void> {
  const socket = await open(port);
  let received = 0;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received === keys * 34) resolve();
    });
  });
  for (let key = 0; key < keys; key++) socket.write(putOf(key, sizeBytes));
  await done;
  socket.destroy();
}

async function measure(port: number, cell: Cell, seconds: number): Promise<Measured> {
  const sockets = await Promise.all(Array.from({ length: cell.connections }, () => open(port)));
  const exchanges = Array.from({ length: keys }, (_, key) => exchangeOf(cell, key));
  const startMs = performance.now() + seconds * 250; // a quarter to warm up
  const endMs = startMs + seconds * 1_000;
  const latenciesMs: number[] = [];
  await Promise.all(
    sockets.map((socket, index) =>
      drive(socket, { cell, exchanges, first: index * 37, startMs, endMs, latenciesMs }),
    ),
  );
  latenciesMs.sort((left, right) => left - right);
  const at = (part: number): number => latenciesMs[Math.floor(latenciesMs.length * part)] ?? 0;
  return { perSecond: latenciesMs.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

interface Drive {
  readonly cell: Cell;
  readonly exchanges: readonly { readonly request: Buffer; readonly answerBytes: number }[];
  readonly first: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly latenciesMs: number[];
}

/** Keeps `depth` operations on their way until the time is over. */
function drive(
  socket: Socket,
  { cell, exchanges, first, startMs, endMs, latenciesMs }: Drive,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const answerBytes = exchanges[0]?.answerBytes ?? 0;
    const sentMs: number[] = [];
    let next = first;
    let pending = 0;
    const send = (count: number): void => {
      const requests: Buffer[] = [];
      const nowMs = performance.now();
      for (let index = 0; index < count; index++) {
        const exchange = exchanges[next++ % exchanges.length];
        if (exchange) requests.push(exchange.request);
        sentMs.push(nowMs);
      }
      socket.write(requests.length === 1 ? (requests[0] ?? '') : Buffer.concat(requests));
    };
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed the connection')));
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.length;
      const nowMs = performance.now();
      let answered = 0;
      while (pending >= answerBytes) {
        pending -= answerBytes;
        answered++;
        const sent = sentMs.shift() ?? nowMs;
        if (sent >= startMs && nowMs < endMs) latenciesMs.push(nowMs - sent);
      }
      if (nowMs >= endMs) {
        socket.removeAllListeners('close');
        socket.destroy();
        resolve();
      } else if (answered > 0) send(answered);
    });
    send(cell.depth);
  });
}

// Recovery.

/** Time to ready with many small entries, and what a key costs in memory. */
async function recovery(
  directory: string,
  count: number,
  write: (line: string) => void,
): Promise<void> {
  const options = {
    directory,
    storageBytes: 8 * 2 ** 30,
    memoryBytes: 0,
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    log: silentLogger,
  };
  const never = new AbortController().signal;
  {
    await using store = await openCacheStore(options, never);
    const body = Buffer.alloc(100, 1);
    const id = Buffer.alloc(32, 2);
    for (let key = 0; key < count; key++) {
      id.writeUInt32LE(key, 0);
      const upload = store.begin(id, 0);
      upload.startFile('i', body.length);
      await upload.write(body);
      upload.endFile();
      await upload.commit();
    }
  }
  await using store = await openCacheStore(options, never);
  const { keys: found, tookMs } = store.recovery;
  const perKey = (store.stats().indexBytes / found).toFixed(0);
  write(`recovery of ${found} entries: ready after ${tookMs} ms; ${perKey} bytes of index a key`);
}

// Servers, each in a process of its own.

async function startServer(
  args: readonly string[],
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly port: number }> {
  const program = join(import.meta.dirname, 'support', 'cacheserver-process.ts');
  const child: ChildProcess = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const link = onAbort(signal, () => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => reject(new Error(`${args[0]} did not come up`)));
  });
  return {
    port: Number(line),
    async [Symbol.asyncDispose]() {
      link[Symbol.dispose]();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
  };
}
