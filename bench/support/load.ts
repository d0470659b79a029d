// Sends load to an API server from a process of its own, written in Go so that the client is not what limits.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureGoProgram } from '../../tools/go-program.ts';

/** Where a server is and who to be there. Certificates and keys are PEM. */
export interface Endpoint {
  /** `https://HOST:PORT` */
  readonly address: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What to send; `{i}` in path and body becomes the number of the request. See bench/load/task.go. */
export interface Load {
  readonly kind?: 'requests' | 'watch';
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  readonly first?: number;
  readonly among?: number;
  /** 64 unless told otherwise. */
  readonly connections?: number;
  readonly seconds?: number;
  readonly count?: number;
  /** How many a second fall due; as many as go, if omitted. */
  readonly rate?: number;
  readonly watchPath?: string;
  readonly watchers?: number;
}

export interface Outcome {
  readonly count: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly bytes: number;
  /** How often watchers were cut off and went on. */
  readonly reopened: number;
}

/** Fails with what the program said when a request was not answered with a success. */
export async function send(endpoint: Endpoint, load: Load, signal: AbortSignal): Promise<Outcome> {
  const child = spawn(program(), { stdio: ['pipe', 'pipe', 'pipe'], signal });
  const task = { kind: 'requests', connections: 64, ...load, ...endpoint };
  child.stdin.end(JSON.stringify(task));
  const closed = once(child, 'close', { signal });
  const [output, errors] = await Promise.all([textOf(child.stdout), textOf(child.stderr), closed]);
  if (child.exitCode !== 0) throw new Error(errors.trim());
  return JSON.parse(output);
}

function program(): string {
  const module = join(import.meta.dirname, '..', 'load');
  return ensureGoProgram({ name: 'load', module, cache: 'bench', effort: 'seconds' });
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
