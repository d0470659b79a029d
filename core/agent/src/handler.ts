// Does what probes and lifecycle hooks ask for: a command, an HTTP request, a connection, a pause.

import type { Buffer } from 'node:buffer';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Container, HTTPGetAction, LifecycleHandler } from '@tweendeck/kube';
import { type Clock, isAbort, messageOf } from '@tweendeck/std';
import { settlesWithin } from './nudge.ts';
import { type GroupOptions, startGroup } from './process-group.ts';

/** The container that a handler acts on. */
export interface HandlerTarget {
  readonly clock: Clock;
  readonly container: Container;
  readonly podIP: string;
  /** How a command is run inside the container. */
  readonly command: (command: readonly string[]) => Promise<GroupOptions>;
}

export interface HandlerResult {
  readonly ok: boolean;
  /** What to tell people when it is not ok. */
  readonly message: string;
}

const outputBytesMax = 10 * 1_024;
/** For output that is still in the pipe when a command has ended. */
const drainMs = 500;

/** Runs a handler; whatever goes wrong is a result. Rejects only when the signal aborts. */
export async function runHandler(
  handler: LifecycleHandler,
  target: HandlerTarget & { readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<HandlerResult> {
  try {
    if (handler.exec) return await runCommand(handler.exec.command ?? [], target, signal);
    if (handler.httpGet) return await runHttp(handler.httpGet, target, signal);
    if (handler.tcpSocket) {
      const port = portNumber(handler.tcpSocket.port, target.container);
      return await runConnect(handler.tcpSocket.host || target.podIP, { port, ...target }, signal);
    }
    if (handler.sleep) await target.clock.sleep(handler.sleep.seconds * 1_000, signal);
    return { ok: true, message: '' };
  } catch (error) {
    if (isAbort(error, signal)) throw error;
    return { ok: false, message: messageOf(error) };
  }
}

/** The number of a port given by number or by the name of one of the container's ports. */
function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number.parseInt(port, 10);
  if (!(number > 0 && number < 65_536)) throw new Error(`couldn't find port: ${port}`);
  return number;
}

async function runCommand(
  command: readonly string[],
  target: HandlerTarget & { readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<HandlerResult> {
  const output: Buffer[] = [];
  let length = 0;
  const collect = (chunk: Buffer): void => {
    if (length < outputBytesMax) output.push(chunk.subarray(0, outputBytesMax - length));
    length += chunk.length;
  };
  const pipes: Readable[] = [];
  const group = await startGroup(await target.command(command), ({ stdout, stderr }) => {
    for (const pipe of [stdout, stderr]) pipes.push(pipe.on('data', collect));
  });
  try {
    const { clock, timeoutMs } = target;
    const ended = await settlesWithin(group.exited, { clock, delayMs: timeoutMs }, signal);
    if (!ended) {
      return { ok: false, message: `command timed out after ${timeoutMs / 1_000}s` };
    }
    const { exitCode } = await group.exited;
    const drained = Promise.all(pipes.map((pipe) => finished(pipe).catch(() => undefined)));
    await settlesWithin(drained, { clock, delayMs: drainMs }, signal);
    const text = output.map(String).join('').trim();
    return { ok: exitCode === 0, message: text || `command exited with code ${exitCode}` };
  } finally {
    group.kill('SIGKILL');
    for (const pipe of pipes) pipe.destroy();
  }
}

async function runHttp(
  action: HTTPGetAction,
  target: HandlerTarget & { readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<HandlerResult> {
  const port = portNumber(action.port, target.container);
  const secure = action.scheme === 'HTTPS';
  const host = action.host || target.podIP;
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.34', accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const answered = Promise.withResolvers<number>();
  const options = { host, port, path, headers, agent: false, rejectUnauthorized: false };
  const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
    response.destroy(); // only the status counts
    answered.resolve(response.statusCode ?? 0);
  });
  request.on('error', answered.reject);
  request.end();
  try {
    const { clock, timeoutMs } = target;
    const settled = await settlesWithin(answered.promise, { clock, delayMs: timeoutMs }, signal);
    if (!settled) {
      const why = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
      return { ok: false, message: `Get "${url}": ${why}` };
    }
    const status = await answered.promise;
    const message = `HTTP probe failed with statuscode: ${status}`;
    return { ok: status >= 200 && status < 400, message };
  } catch (error) {
    return { ok: false, message: `Get "${url}": ${messageOf(error)}` };
  } finally {
    request.destroy();
  }
}

async function runConnect(
  host: string,
  options: { readonly port: number; readonly clock: Clock; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<HandlerResult> {
  const connected = Promise.withResolvers<void>();
  const socket = connect({ host, port: options.port });
  socket.on('connect', () => connected.resolve());
  socket.on('error', connected.reject);
  try {
    const waiting = { clock: options.clock, delayMs: options.timeoutMs };
    if (!(await settlesWithin(connected.promise, waiting, signal))) {
      return { ok: false, message: `dial tcp ${host}:${options.port}: i/o timeout` };
    }
    await connected.promise;
    return { ok: true, message: '' };
  } finally {
    socket.destroy();
  }
}
