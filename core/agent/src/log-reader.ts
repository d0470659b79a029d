// Reads a container's log back as what the program wrote: from the right place, over rotations, following if asked.

import { Buffer } from 'node:buffer';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { systemErrorCode } from '@tweendeck/std';
import { parseCriLine } from '@tweendeck/wire';
import { type LogFile, rotatedLogs } from './log-file.ts';

export interface LogReadOptions {
  /** Entries from the end; undefined: all. */
  readonly tailLines?: number | undefined;
  /** Entries before this wall time are left out, in milliseconds. */
  readonly sinceMs?: number | undefined;
  readonly timestamps?: boolean | undefined;
  readonly limitBytes?: number | undefined;
  /** The writer to follow until it closes; undefined: end at the end of the file. */
  readonly follow?: LogFile | undefined;
}

const blockBytes = 64 * 1_024;

/** The program's output, in blocks. Memory is bounded by a block and an entry; a slow reader slows only itself. */
export async function* readLog(
  path: string,
  options: LogReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const render = new Renderer(options);
  for await (const block of readFiles(path, options, signal)) {
    const text = render.render(block);
    if (text.length > 0) yield text;
    if (render.exhausted) return;
  }
}

/** The raw bytes of the log's files in order, from where the tail begins. */
async function* readFiles(
  path: string,
  options: LogReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const live = options.follow;
  let place = await startOf(path, options.tailLines);
  try {
    for (let moved = false; place; ) {
      signal.throwIfAborted();
      const ended = live?.closed ?? true;
      const seen = live?.version ?? 0;
      yield* toEnd(place);
      const next = await openAfter(path, place.inode);
      if (next && !moved) {
        moved = true; // rotated since: its last lines may have come after our end of file
        await next.file.close();
      } else if (next) {
        moved = false;
        await place.file.close();
        place = next;
      } else if (ended || !live) {
        return;
      } else {
        await live.changed(seen, signal);
      }
    }
  } finally {
    await place?.file.close();
  }
}

interface Place {
  readonly file: FileHandle;
  readonly inode: number;
  offset: number;
}

async function* toEnd(place: Place): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(blockBytes);
    const { bytesRead } = await place.file.read(buffer, 0, blockBytes, place.offset);
    if (bytesRead === 0) return;
    place.offset += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function openPlace(path: string): Promise<Place | undefined> {
  try {
    const file = await open(path, 'r');
    return { file, inode: (await file.stat()).ino, offset: 0 };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The file that follows the one with this inode; the oldest if that one is gone; undefined while it is the current one. */
async function openAfter(path: string, inode: number): Promise<Place | undefined> {
  const current = await stat(path).catch(() => undefined);
  if (current?.ino === inode) return undefined;
  return unrotated(path, async (paths) => {
    const inodes = await Promise.all(paths.map(inodeOf));
    const next = paths[inodes.indexOf(inode) + 1]; // not found: -1, hence the oldest
    return next === undefined ? undefined : openPlace(next);
  });
}

/** Where the last `lines` entries begin; the beginning of the oldest file when there are fewer, or no number is given. */
function startOf(path: string, lines: number | undefined): Promise<Place | undefined> {
  return unrotated(path, async (paths) => {
    let missing = lines ?? Number.POSITIVE_INFINITY;
    let oldest: Place | undefined;
    for (const candidate of paths.toReversed()) {
      const place = await openPlace(candidate);
      if (!place) continue;
      await oldest?.file.close();
      oldest = place;
      if (missing === Number.POSITIVE_INFINITY) continue;
      const found = await seekBack(place, missing);
      if (found.enough) return place;
      missing -= found.lines;
    }
    return oldest;
  });
}

/** Looks for a place among the files, oldest first, again and again until no rotation came between. */
async function unrotated(
  path: string,
  look: (paths: readonly string[]) => Promise<Place | undefined>,
): Promise<Place | undefined> {
  for (;;) {
    const before = (await rotatedLogs(path)).map((rotated) => rotated.path);
    const place = await look([...before, path]);
    const after = (await rotatedLogs(path)).map((rotated) => rotated.path);
    if (before.join() === after.join()) return place;
    await place?.file.close();
  }
}

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}

/** Moves the place to where its last `lines` lines begin, reading backwards. */
async function seekBack(
  place: Place,
  lines: number,
): Promise<{ readonly enough: boolean; readonly lines: number }> {
  let end = (await place.file.stat()).size;
  let found = 0;
  if (lines === 0) {
    place.offset = end;
    return { enough: true, lines: 0 };
  }
  while (end > 0) {
    const start = Math.max(0, end - blockBytes);
    const buffer = Buffer.alloc(end - start);
    await place.file.read(buffer, 0, buffer.length, start);
    for (let at = buffer.length - 1; at >= 0; at--) {
      if (buffer[at] !== 0x0a) continue;
      if (found === lines) {
        place.offset = start + at + 1;
        return { enough: true, lines };
      }
      found++;
    }
    end = start;
  }
  place.offset = 0;
  return { enough: found === lines, lines: found };
}

/** Turns blocks of CRI lines into the program's output. */
class Renderer {
  readonly #options: LogReadOptions;
  #rest: Buffer = Buffer.alloc(0);
  #atLineStart = true;
  #budget: number;

  constructor(options: LogReadOptions) {
    this.#options = options;
    this.#budget = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  get exhausted(): boolean {
    return this.#budget <= 0;
  }

  render(block: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      this.#put(pieces, bytes.subarray(start, end));
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    const text = Buffer.concat(pieces);
    const cut = text.length > this.#budget ? text.subarray(0, this.#budget) : text;
    this.#budget -= cut.length;
    return cut;
  }

  #put(pieces: Uint8Array[], line: Buffer): void {
    const entry = parseCriLine(line);
    if (!entry) return; // cut short by a crash of the machine
    const { sinceMs, timestamps } = this.#options;
    if (sinceMs !== undefined && Date.parse(entry.timestamp) < sinceMs) return;
    if (timestamps && this.#atLineStart) pieces.push(Buffer.from(`${entry.timestamp} `));
    pieces.push(entry.content);
    if (!entry.partial) pieces.push(lineFeed);
    this.#atLineStart = !entry.partial;
  }
}

const lineFeed = Buffer.from('\n');
