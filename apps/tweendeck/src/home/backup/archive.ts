// Backups as files: a tar archive, so that anybody can look into one; its first member says what the others are.

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

const blockBytes = 512;

/** A member of an archive that is being written. */
export interface ArchiveFile {
  /** In the archive; 100 bytes of ASCII at most. */
  readonly name: string;
  readonly content: { readonly path: string } | { readonly bytes: Uint8Array };
}

export interface ArchiveMember {
  readonly name: string;
  readonly size: number;
}

/** How long the archive of members of these sizes is. */
export function archiveBytes(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + blockBytes + padded(size), 2 * blockBytes);
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}

/** An archive piece by piece. Sizes are those that the files had when they were looked at: they must not change. */
export async function* archiveOf(
  files: readonly ArchiveFile[],
  nowMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const { name, content } of files) {
    const size = 'bytes' in content ? content.bytes.byteLength : (await stat(content.path)).size;
    yield header({ name, size }, nowMs);
    if ('bytes' in content) yield content.bytes;
    else yield* createReadStream(content.path, { highWaterMark: 256 * 1024 });
    yield Buffer.alloc(padded(size) - size);
  }
  yield Buffer.alloc(2 * blockBytes);
}

/** The header of a regular file in ustar. */
function header({ name, size }: ArchiveMember, nowMs: number): Uint8Array {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, 100, 'latin1');
  block.write('0000600\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  block.write(`${octal(size, 11)}\0`, 124, 'latin1');
  block.write(`${octal(Math.floor(nowMs / 1_000), 11)}\0`, 136, 'latin1');
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(`${octal(sumOf(block), 6)}\0 `, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function sumOf(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

/** Thrown for what is no archive, or not the whole of one. */
export class ArchiveFault extends Error {}

/** Reads an archive from its beginning to its end; each member's bytes must be read before the next is asked for. */
export class ArchiveReader {
  readonly #file: FileHandle;
  #position = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The next member; undefined at the end. @throws ArchiveFault. */
  async next(): Promise<ArchiveMember | undefined> {
    const block = await this.#read(blockBytes);
    if (block.every((byte) => byte === 0)) return undefined;
    const sum = Number.parseInt(block.toString('latin1', 148, 154), 8);
    block.fill(' ', 148, 156);
    if (block.toString('latin1', 257, 262) !== 'ustar' || sum !== sumOf(block)) {
      throw new ArchiveFault('it is no tar archive, or damaged');
    }
    const name = block.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(block.toString('latin1', 124, 135), 8);
    if (!(size >= 0)) throw new ArchiveFault(`the size of ${name} cannot be read`);
    return { name, size };
  }

  /** The bytes of the member that was just given, and what is between it and the next. */
  async *bytes({ size }: ArchiveMember): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = size; left > 0; ) {
      const piece = await this.#read(Math.min(left, 256 * 1024));
      left -= piece.byteLength;
      yield piece;
    }
    await this.#read(padded(size) - size);
  }

  async #read(length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await this.#file.read(buffer, filled, length - filled, this.#position);
      if (bytesRead === 0) throw new ArchiveFault('it ends before its end: it was cut off');
      filled += bytesRead;
      this.#position += bytesRead;
    }
    return buffer;
  }
}

/** SHA-256 of a file, in hex. */
export async function fileSum(path: string): Promise<string> {
  const hash: Hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Syncs a file, so that it is on disk when this returns. */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
