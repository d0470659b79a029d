// Bodies on their way in: never more of one in memory than may be, nor of all together.

import type { IncomingMessage } from 'node:http';
import { ApiError } from '@tweendeck/kube';
import type { Clock } from '@tweendeck/std';
import { bodyBytesMax } from '../body.ts';
import { badRequest, tooLarge, tooManyRequests } from '../failures.ts';

/** Reads the body of a request, asking before each part whether there is room. @throws ApiError RequestEntityTooLarge, TooManyRequests; the rest of the body then goes nowhere. */
export type BodyReader = (take: (bytes: number) => boolean) => Promise<Uint8Array>;

/** By its headers, as RFC 9112 section 6 has it. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Whether a body says of itself that it is too large. */
export function isAnnouncedTooLarge({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > bodyBytesMax;
}

export function bodyReader(incoming: IncomingMessage): BodyReader {
  return (take) => {
    if (isAnnouncedTooLarge(incoming)) return Promise.reject(tooLarge(bodyBytesMax));
    const encoding = incoming.headers['content-encoding'] ?? 'identity';
    // Upstream too reads no compressed bodies: nothing to inflate, so nothing that inflates.
    if (encoding !== 'identity') {
      return Promise.reject(
        new ApiError(
          415,
          'UnsupportedMediaType',
          `the content encoding ${JSON.stringify(encoding)} is not supported`,
        ),
      );
    }
    return read(incoming, take);
  };
}

function read(incoming: IncomingMessage, take: (bytes: number) => boolean): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (run: () => void): void => {
      incoming.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      incoming.on('error', () => undefined); // nobody waits for it any more
      run();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.byteLength;
      const failure =
        size > bodyBytesMax
          ? tooLarge(bodyBytesMax)
          : take(chunk.byteLength)
            ? undefined
            : tooManyRequests('too many bodies of requests are in memory, please try again later');
      if (!failure) chunks.push(chunk);
      else settle(() => reject(failure));
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks, size)));
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(badRequest('the body broke off')));
    incoming.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

/** How long, and how much of it, the rest of a refused body is read and thrown away: a client that is still writing would not see its answer. */
const lingerMs = 500;

/** Lets a client finish, or stop, that has its answer before its body was read. */
export async function linger(
  incoming: IncomingMessage,
  clock: Pick<Clock, 'timer'>,
): Promise<void> {
  if (incoming.complete || incoming.destroyed) return;
  const over = Promise.withResolvers<void>();
  using _timer = clock.timer(lingerMs, () => over.resolve());
  incoming.once('end', over.resolve).once('close', over.resolve);
  incoming.resume();
  await over.promise;
}
