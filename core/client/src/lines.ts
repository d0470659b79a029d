// Splits a stream of bytes into lines, whatever pieces it comes in.

import { PlatformError } from '@tweendeck/std';

/** One object of Kubernetes is 3 MiB at most (a request body); this leaves room for what an event adds. */
const lineBytesMax = 16 * 1_024 * 1_024;

/**
 * The lines of `body`, decoded as UTF-8, without their ends; empty lines are skipped. A last line without an end is a
 * broken stream: CLIENT_UNREACHABLE. A line of more than 16 MiB: CLIENT_ANSWER_TOO_LARGE.
 */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  lengthMax: number = lineBytesMax,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let begun: Uint8Array[] = [];
  let begunLength = 0;
  const grow = (length: number): void => {
    begunLength += length;
    if (begunLength > lengthMax)
      throw new PlatformError(
        'CLIENT_ANSWER_TOO_LARGE',
        `an event of a watch is longer than ${lengthMax} bytes`,
      );
  };
  for await (const piece of body) {
    let start = 0;
    for (;;) {
      const end = piece.indexOf(10, start);
      if (end < 0) break;
      grow(end - start);
      const rest = piece.subarray(start, end);
      const line = begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
      begun = [];
      begunLength = 0;
      start = end + 1;
      if (line.length > 0) yield decoder.decode(line);
    }
    if (start === piece.length) continue;
    grow(piece.length - start);
    begun.push(piece.subarray(start));
  }
  if (begun.length > 0)
    throw new PlatformError('CLIENT_UNREACHABLE', 'the watch broke in the middle of an event');
}
