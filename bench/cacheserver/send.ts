// Sends load to a cache from a process of its own, written in Go so that the client is not what limits.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureGoProgram } from '../../tools/go-program.ts';
import type { CacheSide } from './sides.ts';

/** Keys with files of the same sizes; 0: no such file. */
export interface KeySet {
  readonly first: number;
  readonly keys: number;
  readonly a?: number;
  readonly i?: number;
  readonly r?: number;
  readonly weight?: number;
}

/** What to send; see bench/cacheserver/load/task.go. */
export interface CacheLoad {
  readonly connections: number;
  readonly depth: number;
  readonly sets: readonly KeySet[];
  readonly types: string;
  readonly random?: boolean;
  readonly puts?: number;
  readonly misses?: number;
  readonly warmup?: number;
  readonly seconds?: number;
  readonly count?: number;
  readonly wave?: boolean;
  readonly pieces?: 1 | 3;
  readonly check?: boolean;
}

export interface CacheOutcome {
  readonly count: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Of files, in both directions. */
  readonly bytes: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Seconds of processor while it ran. */
  readonly serverCpu: number;
  readonly clientCpu: number;
  /** Answers that are not what was stored, and what is wrong with the first one. */
  readonly wrong: number;
  readonly why: string;
  /** Operations that ended with their connection. */
  readonly lost: number;
}

/** Fails with what the program said when a server does not speak the protocol. */
export async function sendTo(
  { port, pid, kind, title }: CacheSide,
  load: CacheLoad,
  signal: AbortSignal,
): Promise<CacheOutcome> {
  const child = spawn(program(), { stdio: ['pipe', 'pipe', 'pipe'], signal });
  child.stdin.end(JSON.stringify({ ...load, port, process: pid, empty: kind === 'limit' }));
  const closed = once(child, 'close', { signal });
  const [output, errors] = await Promise.all([textOf(child.stdout), textOf(child.stderr), closed]);
  if (child.exitCode !== 0) throw new Error(`${title}: ${errors.trim()}`);
  return JSON.parse(output);
}

/** The bytes of gets, as the load program would send them: file by file, over and over. */
export function getRequests(set: KeySet, type: 'a' | 'i' | 'r', count: number): Buffer {
  const requests: Buffer[] = [];
  for (let turn = 0; turn < count; turn++) {
    requests.push(Buffer.from(`g${type}`), idOf(set, set.first + (turn % set.keys)));
  }
  return Buffer.concat(requests);
}

/** See bench/cacheserver/load/keys.go. */
function idOf({ a = 0, i = 0, r = 0 }: KeySet, number: number): Buffer {
  const id = Buffer.alloc(32);
  const low = mixed(BigInt(number));
  id.writeBigUInt64LE(low, 0);
  id.writeBigUInt64LE(mixed(~BigInt(number)), 8);
  for (const [index, size] of [a, i, r].entries()) {
    id.writeUInt32LE((size ^ id.readUInt32LE(4 * index)) >>> 0, 16 + 4 * index);
  }
  id.writeUInt32LE(Number(BigInt.asUintN(32, mixed(low))), 28);
  return id;
}

function mixed(number: bigint): bigint {
  const wide = (value: bigint): bigint => BigInt.asUintN(64, value);
  let value = wide(number + 0x9e3779b97f4a7c15n);
  value = wide((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n);
  value = wide((value ^ (value >> 27n)) * 0x94d049bb133111ebn);
  return value ^ (value >> 31n);
}

function program(): string {
  const module = join(import.meta.dirname, 'load');
  return ensureGoProgram({ name: 'cacheload', module, cache: 'bench', effort: 'seconds' });
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
