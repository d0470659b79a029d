// The errors that callers of a store on disk get.

import { PlatformError } from '@tweendeck/std';

import type { Fault } from './sqlite-faults.ts';

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
    case 'damaged-records':
      return new PlatformError('STORE_RECORDS_DAMAGED', message, {
        hint: `Restore ${path} from a backup, or set these records aside and go on without them.`,
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

/** The end of the database's thread that nobody asked for. */
export function threadError(path: string, message: string): PlatformError {
  return new PlatformError('STORE_FAILED', `${path}: the thread of the database: ${message}`, {
    hint: 'Open the store again; if it happens again, report it with the log.',
  });
}
