// Sends recordings to a cache again, many at once, and tells what came back: a load, and a comparison.

import { readdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Clock, messageOf, onAbort, PlatformError } from '@tweendeck/std';
import { UnityCacheReplyParser } from '@tweendeck/wire';
import { isRecording } from '../dataplane/recorder.ts';
import { type RecordedSession, readSession } from './recorded-session.ts';

export interface ReplayOptions {
  /** Recordings, or directories of them. */
  readonly paths: readonly string[];
  readonly host: string;
  readonly port: number;
  /** Sessions at once. */
  readonly connections: number;
  /** How often every recording is sent. */
  readonly rounds: number;
  /** A server that says nothing for so long fails the session; default 60 s. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
}

/** What a session got. */
export interface ReplayedSession {
  readonly hits: number;
  readonly misses: number;
  readonly receivedBytes: number;
  /** Over all answers in their order: two servers that hold the same give the same. */
  readonly crc: number;
}

export interface ReplayResult {
  readonly sessions: number;
  readonly gets: number;
  readonly hits: number;
  readonly misses: number;
  readonly transactions: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly tookMs: number;
  readonly failures: readonly { readonly recording: string; readonly reason: string }[];
  /** The last outcome of each recording, by its file name. */
  readonly outcomes: Readonly<Record<string, ReplayedSession>>;
}

const writeBytes = 256 * 1_024;

/** Replays everything; a session that fails is told and the others go on. Throws CACHE_REPLAY_UNREADABLE. */
export async function replayRecordings(
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayResult> {
  const files = await recordingsAt(options.paths);
  const startedMs = options.clock.monotonicMs();
  const failures: { recording: string; reason: string }[] = [];
  const outcomes: Record<string, ReplayedSession> = {};
  const sum = {
    sessions: 0,
    gets: 0,
    hits: 0,
    misses: 0,
    transactions: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
  const due = Array.from({ length: options.rounds }, () => files).flat();
  const work = async (): Promise<void> => {
    for (let file = due.shift(); file !== undefined; file = due.shift()) {
      signal.throwIfAborted();
      const recording = basename(file);
      const session = readSession(await readOrThrow(file));
      sum.sessions++;
      try {
        const got = await replaySession(session, options, signal);
        outcomes[recording] = got;
        sum.gets += session.gets;
        sum.hits += got.hits;
        sum.misses += got.misses;
        sum.transactions += session.transactions;
        sum.sentBytes += session.bytes.length;
        sum.receivedBytes += got.receivedBytes;
      } catch (error) {
        signal.throwIfAborted();
        failures.push({ recording, reason: messageOf(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: options.connections }, work));
  return { ...sum, tookMs: options.clock.monotonicMs() - startedMs, failures, outcomes };
}

/** One connection; resolves when all answers came. */
async function replaySession(
  { bytes, gets }: RecordedSession,
  { host, port, timeoutMs = 60_000, clock }: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayedSession> {
  const got = { hits: 0, misses: 0, receivedBytes: 0, crc: 0 };
  if (bytes.length === 0) return got;
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  done.catch(() => undefined); // whoever waits races against it
  const socket = connect({ host, port, noDelay: true });
  using _link = onAbort(signal, (reason) => reject(reason));
  let progressMs = clock.monotonicMs();
  let timer = clock.timer(timeoutMs, look);
  function look(): void {
    const silentMs = clock.monotonicMs() - progressMs;
    if (silentMs >= timeoutMs) reject(new Error(`nothing moved for ${timeoutMs} ms`));
    else timer = clock.timer(timeoutMs - silentMs, look);
  }
  const answered = (): void => {
    if (got.hits + got.misses === gets) resolve();
  };
  const add = (part: Buffer): void => {
    got.crc = crc32(part, got.crc);
  };
  const parser = new UnityCacheReplyParser({
    version: answered,
    hit: (type, sizeBytes, id) => {
      got.hits++;
      add(Buffer.from(`+${type}${sizeBytes}`));
      add(id);
    },
    body: add,
    end: answered,
    miss: (type, id) => {
      got.misses++;
      add(Buffer.from(`-${type}`));
      add(id);
      answered();
    },
    fault: (fault) => reject(new Error(`the server answered wrongly: ${fault}`)),
  });
  socket.on('data', (chunk: Buffer) => {
    progressMs = clock.monotonicMs();
    got.receivedBytes += chunk.length;
    parser.push(chunk);
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the server closed the connection')));
  try {
    for (let at = 0; at < bytes.length; at += writeBytes) {
      if (socket.write(bytes.subarray(at, at + writeBytes))) continue;
      const drained = new Promise<void>((go) => socket.once('drain', go));
      const ended = done.then(() => new Promise<never>(() => undefined)); // only its failure counts here
      await Promise.race([drained, ended]);
      progressMs = clock.monotonicMs();
    }
    await done;
    return got;
  } finally {
    timer[Symbol.dispose]();
    socket.destroy();
  }
}

async function recordingsAt(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    try {
      if ((await stat(path)).isDirectory()) {
        const names = (await readdir(path)).filter(isRecording).sort();
        found.push(...names.map((name) => join(path, name)));
      } else found.push(path);
    } catch (cause) {
      throw unreadable(path, cause);
    }
  }
  if (found.length === 0) throw unreadable(paths.join(', '), new Error('there are no recordings'));
  return found;
}

async function readOrThrow(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): PlatformError {
  return new PlatformError('CACHE_REPLAY_UNREADABLE', `${path} cannot be replayed`, {
    hint: 'Name files that a recorder wrote, or directories of them.',
    cause,
  });
}
