// What a failure of SQLite or of the file system means to a store, in a form that passes between threads.

import { messageOf, PlatformError, systemErrorCode } from '@tweendeck/std';

export type FaultKind = 'in-use' | 'damaged' | 'newer-format' | 'unwritable' | 'full' | 'failed';

export interface Fault {
  readonly kind: FaultKind;
  readonly message: string;
}

/** Thrown on the database's thread where the store itself, not SQLite, finds the fault. */
export class StoreFault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html). */
const kindsOfResult: Readonly<Record<number, FaultKind>> = {
  3: 'unwritable', // SQLITE_PERM
  5: 'in-use', // SQLITE_BUSY
  6: 'in-use', // SQLITE_LOCKED
  8: 'unwritable', // SQLITE_READONLY
  11: 'damaged', // SQLITE_CORRUPT
  13: 'full', // SQLITE_FULL
  14: 'unwritable', // SQLITE_CANTOPEN
  26: 'damaged', // SQLITE_NOTADB
};

const kindsOfSystemError: Readonly<Record<string, FaultKind>> = {
  EACCES: 'unwritable',
  EEXIST: 'unwritable', // a file where a directory should be
  EISDIR: 'unwritable',
  ENAMETOOLONG: 'unwritable',
  ENOENT: 'unwritable',
  ENOTDIR: 'unwritable',
  EPERM: 'unwritable',
  EROFS: 'unwritable',
  EDQUOT: 'full',
  ENOSPC: 'full',
};

export function faultOf(error: unknown): Fault {
  return { kind: kindOf(error), message: messageOf(error) };
}

/** The error a caller of the store gets; `path` is the store's file. */
export function errorOf(fault: Fault, path: string): PlatformError {
  const message = `${path}: ${fault.message}`;
  switch (fault.kind) {
    case 'in-use':
      return new PlatformError('STORE_IN_USE', message, {
        hint: 'Stop the other process, or choose another data directory.',
      });
    case 'damaged':
      return new PlatformError('STORE_DAMAGED', message, {
        hint: `Restore ${path} from a backup, or move it and ${path}-wal away to start empty.`,
      });
    case 'newer-format':
      return new PlatformError('STORE_FORMAT_UNKNOWN', message, {
        hint: 'Run the version of the program that wrote it, or a newer one.',
      });
    case 'unwritable':
      return new PlatformError('STORE_UNWRITABLE', message, {
        hint: 'Check that the directory exists, belongs to you and is not mounted read-only.',
      });
    case 'full':
      return new PlatformError('STORE_FULL', message, {
        hint: 'Free space on the disk, then try again; nothing was changed.',
      });
    case 'failed':
      return new PlatformError('STORE_FAILED', message, {
        hint: 'Look at the health of the disk, then open the store again.',
      });
  }
}

function kindOf(error: unknown): FaultKind {
  if (error instanceof StoreFault) return error.kind;
  if (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number') {
    return kindsOfResult[error.errcode & 0xff] ?? 'failed';
  }
  return kindsOfSystemError[systemErrorCode(error) ?? ''] ?? 'failed';
}
