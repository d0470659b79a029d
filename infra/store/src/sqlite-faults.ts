// What a failure of SQLite or of the file system means to a store, in a form that passes between threads. Like all that
// runs on the database's thread it imports nothing of ours but its siblings: what the thread loads costs memory twice.

export type FaultKind =
  | 'in-use'
  | 'damaged'
  | 'damaged-records'
  | 'newer-format'
  | 'unwritable'
  | 'full'
  | 'failed';

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
  return { kind: kindOf(error), message: error instanceof Error ? error.message : String(error) };
}

function kindOf(error: unknown): FaultKind {
  if (error instanceof StoreFault) return error.kind;
  if (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number') {
    return kindsOfResult[error.errcode & 0xff] ?? 'failed';
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return kindsOfSystemError[code] ?? 'failed';
}
