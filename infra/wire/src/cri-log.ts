// The log line format of the Container Runtime Interface: `<RFC 3339 with nanoseconds> <stream> <P|F> <content>\n`.
// F closes a line of the program; P is a piece of one that was too long, or that the program left unfinished.

import { Buffer } from 'node:buffer';

export type CriStream = 'stdout' | 'stderr';

export interface CriEntry {
  /** RFC 3339 with nine digits of fraction, in UTC. */
  readonly timestamp: string;
  readonly stream: CriStream;
  /** The content goes on in the next entry of the same stream. */
  readonly partial: boolean;
  /** Without the line end; any bytes but a line feed. */
  readonly content: Uint8Array;
}

/** Content of one entry at most, in bytes: longer lines are cut into partial entries. */
export const criContentMax: number = 16 * 1_024;

/** The timestamp of an entry; wall time is known to the millisecond only. */
export function criTimestamp(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000000Z`;
}

/** Turns what a program writes to one stream into entries. Holds back an unfinished line, 16 KiB at most. */
export class CriEncoder {
  readonly #stream: CriStream;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: CriStream) {
    this.#stream = stream;
  }

  /** Whole entries for what is complete after `chunk`; empty when nothing is. */
  encode(chunk: Uint8Array, wallMs: number): Buffer {
    const bytes = this.#rest.length === 0 ? viewOf(chunk) : Buffer.concat([this.#rest, chunk]);
    const pieces: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, start);
      const lineEnd = end < 0 ? bytes.length : end;
      while (lineEnd - start > criContentMax) {
        this.#put(pieces, { tag: 'P', wallMs }, bytes.subarray(start, start + criContentMax));
        start += criContentMax;
      }
      if (end < 0) break;
      this.#put(pieces, { tag: 'F', wallMs }, bytes.subarray(start, end));
      start = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(start)); // a copy: the chunk belongs to the caller
    return Buffer.concat(pieces);
  }

  /** The unfinished line, as a partial entry; empty when there is none. */
  end(wallMs: number): Buffer {
    const pieces: Buffer[] = [];
    if (this.#rest.length > 0) this.#put(pieces, { tag: 'P', wallMs }, this.#rest);
    this.#rest = Buffer.alloc(0);
    return Buffer.concat(pieces);
  }

  #put(
    pieces: Buffer[],
    head: { readonly tag: 'P' | 'F'; readonly wallMs: number },
    content: Buffer,
  ): void {
    const prefix = `${criTimestamp(head.wallMs)} ${this.#stream} ${head.tag} `;
    pieces.push(Buffer.from(prefix), content, lineFeed);
  }
}

const lineFeed = Buffer.from('\n');

/** Reads one line (without its line feed); undefined when it is not of this format. Tags after the first are ignored. */
export function parseCriLine(line: Uint8Array): CriEntry | undefined {
  const bytes = viewOf(line);
  const first = bytes.indexOf(0x20);
  const second = first < 0 ? -1 : bytes.indexOf(0x20, first + 1);
  if (second < 0) return undefined;
  const third = bytes.indexOf(0x20, second + 1);
  const timestamp = bytes.toString('latin1', 0, first);
  const stream = bytes.toString('latin1', first + 1, second);
  const tag = bytes.toString('latin1', second + 1, third < 0 ? bytes.length : third).split(':')[0];
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(timestamp)) return undefined;
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  if (tag !== 'P' && tag !== 'F') return undefined;
  const content = third < 0 ? bytes.subarray(bytes.length) : bytes.subarray(third + 1);
  return { timestamp, stream, partial: tag === 'P', content };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
