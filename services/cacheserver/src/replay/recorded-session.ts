// What a recording holds: the part of it that can be sent again, and how many answers are due for it.

import { UnityCacheRequestParser } from '@tweendeck/wire';

/** The largest size a client may announce. */
const valueBytesMax = 2 ** 31 - 1;

export interface RecordedSession {
  /** Whole commands only: without the quit, without what the client was cut in, without what was not understood. */
  readonly bytes: Buffer;
  readonly gets: number;
  readonly transactions: number;
}

/** Reads a recording. One without a version gives no bytes at all. */
export function readSession(recording: Buffer): RecordedSession {
  const counts = { gets: 0, transactions: 0 };
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  const parser: UnityCacheRequestParser = new UnityCacheRequestParser(
    {
      version: () => parser.pause(),
      get: () => {
        counts.gets++;
        parser.pause();
      },
      begin: () => parser.pause(),
      putStart: () => undefined,
      putBody: () => undefined,
      putEnd: () => parser.pause(),
      commit: () => {
        counts.transactions++;
        parser.pause();
      },
      quit: end,
      fault: end,
    },
    { valueBytesMax },
  );
  let at = 0;
  let whole = 0;
  while (at < recording.length && !ended) {
    parser.resume();
    at += parser.push(recording.subarray(at));
    if (!ended && !parser.midCommand && parser.greeted) whole = at;
  }
  return { bytes: recording.subarray(0, whole), ...counts };
}
