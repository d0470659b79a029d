// Answers on their way out: no faster than they are read, and not for ever.

import type { ServerResponse } from 'node:http';
import { type ApiResponse, WholeBody } from '@tweendeck/kube';
import { type Clock, onAbort } from '@tweendeck/std';

export interface Sending {
  readonly outgoing: ServerResponse;
  readonly headOnly: boolean;
  readonly clock: Pick<Clock, 'timer'>;
  /** How long a reader may take nothing while something waits for him; then his connection is closed. */
  readonly stallMs: number;
  /** Called when a connection is closed because of its reader. */
  readonly onCut: () => void;
  /** Called before the answer is ended, with all of it written. */
  readonly beforeEnd?: () => Promise<void>;
}

/** What is handed to a socket at once: a reader that stalls holds this much, and not a whole list. */
const pieceBytes = 64 * 1024;

/** Writes an answer; returns when it is out or nobody is there to read it. */
export async function send(
  response: ApiResponse,
  sending: Sending,
  signal: AbortSignal,
): Promise<void> {
  const { outgoing, headOnly, beforeEnd } = sending;
  if (outgoing.destroyed) return;
  outgoing.writeHead(response.status, {
    'cache-control': 'no-cache, private',
    ...response.headers,
  });
  if (headOnly) {
    outgoing.end();
    return;
  }
  const { body, cut } = response;
  if (body instanceof WholeBody && !beforeEnd) {
    await ended(sending, body.bytes);
    return;
  }
  outgoing.flushHeaders(); // a watch has begun, even if nothing happens for an hour
  using _cut = cut && onAbort(cut, () => cutOff(sending));
  for await (const chunk of body) {
    for (let start = 0; start < chunk.byteLength; start += pieceBytes) {
      if (outgoing.destroyed) return;
      const piece =
        chunk.byteLength <= pieceBytes ? chunk : chunk.subarray(start, start + pieceBytes);
      if (!outgoing.write(piece)) await drained(sending, signal);
    }
  }
  await beforeEnd?.();
  await ended(sending);
}

function cutOff({ outgoing, onCut }: Sending): void {
  if (outgoing.destroyed) return;
  onCut();
  outgoing.destroy();
}

/** Ends the answer, with its last bytes, and waits until it is out, or the connection is gone. */
async function ended(sending: Sending, bytes?: Uint8Array): Promise<void> {
  const { outgoing, clock, stallMs } = sending;
  if (outgoing.destroyed) return; // then nothing is called back any more
  using _timer = clock.timer(stallMs, () => cutOff(sending), { keepAlive: false });
  await new Promise<void>((resolve) => {
    outgoing.on('close', resolve); // comes after the end, too
    outgoing.end(bytes);
  });
}

/** Waits until the socket takes more; a client that is gone, or takes nothing, ends the wait too. */
async function drained(sending: Sending, signal: AbortSignal): Promise<void> {
  const { outgoing, clock, stallMs } = sending;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _timer = clock.timer(stallMs, () => cutOff(sending), { keepAlive: false });
  using _gone = onAbort(signal, () => resolve());
  outgoing.once('drain', resolve).once('close', resolve);
  await promise;
  outgoing.off('drain', resolve).off('close', resolve);
}
