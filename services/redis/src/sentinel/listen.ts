// Hears from a Sentinel when something changes in its set.

import { abortable } from '@tweendeck/std';
import { RespCommandWriter, RespError, RespParser, type RespValue } from '@tweendeck/wire';
import { dial } from '../dial.ts';
import type { RedisAddress } from '../redis-link.ts';

/** What Sentinels publish that a pass should look at. */
const channels = [
  ...['+switch-master', '+reboot', '+sdown', '-sdown', '+failover-end'],
  ...['+slave', '+sentinel', '-failover-abort-no-good-slave'],
] as const;

/** Calls `changed` for each of them, and when it begins to hear; ends with the connection or the signal. */
export async function listenToSentinel(
  address: RedisAddress,
  changed: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { socket } = dial(address);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  // Of its passwords one is taken; where none is, whoever comes next knows others.
  const { passwords = [] } = address;
  let unsaid = passwords.length;
  const heard = (value: RespValue): void => {
    if (unsaid-- > 0) return;
    if (value instanceof RespError) socket.destroy();
    else changed();
  };
  const parser = new RespParser({
    value: heard,
    push: changed,
    fault: () => socket.destroy(),
  });
  socket.on('data', (chunk: Buffer) => parser.push(chunk));
  socket.on('error', () => undefined); // told by its close
  socket.on('close', () => resolve());
  const writer = new RespCommandWriter();
  for (const password of passwords) writer.write(['AUTH', password]);
  writer.write(['SUBSCRIBE', ...channels]);
  for (const part of writer.take()) socket.write(part);
  try {
    await abortable(ended, signal);
  } finally {
    socket.destroy();
  }
}
