// A container's log file: whole CRI lines appended in order, rotated by size, and followed by readers in this process.

import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Nudge } from './nudge.ts';

export interface LogLimits {
  /** A file is rotated before it would grow beyond this, in bytes. */
  readonly bytesMax: number;
  /** Files kept of one run, the current one included; the oldest goes first. */
  readonly filesMax: number;
}

export const standardLogLimits: LogLimits = { bytesMax: 10 * 1_024 * 1_024, filesMax: 5 };

/** The one writer of a log file. `append` calls are done one after another; awaiting them is the back-pressure. */
export class LogFile implements AsyncDisposable {
  readonly path: string;
  readonly #limits: LogLimits;
  #file: FileHandle;
  #size: number;
  #closed = false;
  readonly #nudge = new Nudge();
  #tail: Promise<void> = Promise.resolve();

  private constructor(path: string, limits: LogLimits, opened: { file: FileHandle; size: number }) {
    this.path = path;
    this.#limits = limits;
    this.#file = opened.file;
    this.#size = opened.size;
  }

  static async open(path: string, limits: LogLimits): Promise<LogFile> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a', 0o640);
    return new LogFile(path, limits, { file, size: (await file.stat()).size });
  }

  /** Counts appends and the close: what a follower has seen when it compares two values. */
  get version(): number {
    return this.#nudge.version;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves as soon as `version` is no longer `seen`. */
  changed(seen: number, signal: AbortSignal): Promise<void> {
    return this.#nudge.changed(seen, signal);
  }

  /** Appends whole lines. Rejects when the disk refuses; the file stays usable. */
  append(lines: Uint8Array): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    const appended = this.#tail.then(() => this.#append(lines));
    this.#tail = appended.catch(() => undefined);
    return appended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
    this.#nudge.notify();
  }

  async #append(lines: Uint8Array): Promise<void> {
    if (this.#size > 0 && this.#size + lines.length > this.#limits.bytesMax) await this.#rotate();
    try {
      await this.#file.appendFile(lines);
    } catch (error) {
      await this.#file.truncate(this.#size); // a full disk takes half a line: the next one must not stick to it
      throw error;
    }
    this.#size += lines.length;
    this.#nudge.notify();
  }

  async #rotate(): Promise<void> {
    const rotated = await rotatedLogs(this.path);
    const last = rotated.at(-1)?.number ?? 0;
    const aside = `${this.path}.${String(last + 1).padStart(6, '0')}`;
    const previous = this.#file;
    await rename(this.path, aside);
    try {
      this.#file = await open(this.path, 'a', 0o640);
    } catch (error) {
      await rename(aside, this.path); // for the next try
      throw error;
    }
    this.#size = 0;
    await previous.close();
    const surplus = rotated.length + 2 - this.#limits.filesMax;
    for (const { path } of rotated.slice(0, Math.max(0, surplus))) await rm(path, { force: true });
  }
}

/** Earlier files of a log, oldest first: `0.log.000001`, `0.log.000002`, ... */
export async function rotatedLogs(
  path: string,
): Promise<readonly { readonly path: string; readonly number: number }[]> {
  const directory = dirname(path);
  const prefix = `${basename(path)}.`;
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(directory, name), number: Number(name.slice(prefix.length)) }))
    .sort((left, right) => left.number - right.number);
}
