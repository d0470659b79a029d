// Several streams over one connection: each piece is preceded by its channel and its length. Between our own ends only.

import type { Duplex } from 'node:stream';
import { ApiError, type StatusReason } from '@tweendeck/kube';
import { isJsonObject, messageOf } from '@tweendeck/std';
import type { RemoteExit } from '../container-exec.ts';

/** What both ends call it when they change from HTTP to this. */
export const framesProtocol = 'tweendeck-streams';

export const frameChannels = { stdin: 0, stdout: 1, stderr: 2, end: 3, size: 4 } as const;

export interface Frame {
  readonly channel: number;
  /** Empty on `stdin`: there is no more. */
  readonly data: Buffer;
}

const headBytes = 5;
const dataBytesMax = 1_024 * 1_024;

/** Resolves when more can be taken. Rejects when the connection is gone. */
export async function writeFrame(
  connection: Duplex,
  channel: number,
  data: Uint8Array,
): Promise<void> {
  let rest = data;
  do {
    const piece = rest.subarray(0, dataBytesMax);
    rest = rest.subarray(piece.length);
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(channel, 0);
    head.writeUInt32BE(piece.length, 1);
    await new Promise<void>((resolve, reject) => {
      connection.write(Buffer.concat([head, piece]), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  } while (rest.length > 0);
}

/** Reads until the other side ends. @throws Error when it breaks off within a frame, or says what is none. */
export async function* readFrames(connection: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of connection) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      if (pending.length < headBytes) break;
      const length = pending.readUInt32BE(1);
      if (length > dataBytesMax) throw new Error(`a frame of ${length} bytes is too long`);
      if (pending.length < headBytes + length) break;
      const channel = pending.readUInt8(0);
      yield { channel, data: pending.subarray(headBytes, headBytes + length) };
      pending = pending.subarray(headBytes + length);
    }
  }
  if (pending.length > 0) throw new Error('the connection broke off');
}

/** The last frame: how the process ended, or why it never began. */
export function endData(end: RemoteExit | { readonly error: unknown }): Buffer {
  if ('exitCode' in end) return Buffer.from(JSON.stringify(end));
  const { error } = end;
  const status = error instanceof ApiError ? { code: error.code, reason: error.reason } : {};
  return Buffer.from(JSON.stringify({ ...status, message: messageOf(error) }));
}

/** @throws ApiError, or Error with the message that was told. */
export function exitOf(data: Buffer): RemoteExit {
  const said: unknown = JSON.parse(data.toString());
  if (!isJsonObject(said)) throw new Error('the agent said nothing of the end');
  if (typeof said['exitCode'] === 'number') return { exitCode: said['exitCode'] };
  throw failureOf(said);
}

/** The error that a message of the other side tells of. */
export function failureOf(said: Readonly<Record<string, unknown>>): Error {
  const message = String(said['message'] ?? 'the agent failed');
  if (typeof said['code'] !== 'number') return new Error(message);
  // Both ends know the same reasons.
  return new ApiError(said['code'], String(said['reason'] ?? '') as StatusReason, message);
}
