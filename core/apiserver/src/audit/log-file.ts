// The audit log as a file: a line each, written before the request goes on, in files of limited size and number.

import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Logger, messageOf, PlatformError } from '@tweendeck/std';

export interface AuditLogOptions {
  readonly path: string;
  /** A file that has grown to this many bytes is put aside. Default 100 MiB. */
  readonly bytesMax?: number;
  /** Files put aside that are kept: `PATH.1` is the youngest. Default 10. */
  readonly filesMax?: number;
  readonly log: Logger;
}

/** Takes lines of the audit log. Never throws: what cannot be written is told in the log of the program. */
export interface AuditSink extends Disposable {
  readonly write: (line: string) => void;
}

const bytesMaxDefault = 100 * 1024 * 1024;

/** Opens the file, to add to it. @throws PlatformError APISERVER_AUDIT_LOG_UNWRITABLE. */
export function openAuditLog(options: AuditLogOptions): AuditSink {
  return new AuditLogFile(options);
}

class AuditLogFile implements AuditSink {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #filesMax: number;
  readonly #log: Logger;
  #file: number | undefined;
  #size = 0;
  #failing = false;

  constructor({ path, bytesMax = bytesMaxDefault, filesMax = 10, log }: AuditLogOptions) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#filesMax = filesMax;
    this.#log = log;
    try {
      this.#open();
    } catch (cause) {
      throw new PlatformError('APISERVER_AUDIT_LOG_UNWRITABLE', `${path}: ${messageOf(cause)}`, {
        cause,
        hint: 'Name a file in a folder that is there and may be written to, with --audit-log.',
      });
    }
  }

  // Synchronous on purpose: what a client was answered is in the log, whatever happens next.
  readonly write = (line: string): void => {
    try {
      if (this.#file === undefined) this.#open();
      const bytes = Buffer.from(`${line}\n`);
      if (this.#size > 0 && this.#size + bytes.length > this.#bytesMax) this.#rotate();
      if (this.#file === undefined) return;
      this.#size += writeSync(this.#file, bytes);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#log.error('the audit log cannot be written', { error });
      this.#failing = true; // said once, until it works again
    }
  };

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): void {
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#size = fstatSync(this.#file).size;
  }

  #rotate(): void {
    this[Symbol.dispose]();
    rmSync(`${this.#path}.${this.#filesMax}`, { force: true });
    for (let age = this.#filesMax - 1; age >= 1; age--) this.#rename(`.${age}`, `.${age + 1}`);
    if (this.#filesMax > 0) this.#rename('', '.1');
    else rmSync(this.#path, { force: true });
    this.#open();
  }

  #rename(from: string, to: string): void {
    try {
      renameSync(`${this.#path}${from}`, `${this.#path}${to}`);
    } catch (error) {
      if (!messageOf(error).startsWith('ENOENT')) throw error;
    }
  }
}
