// Every code this package can raise, and what it means to the reader.

export const storeErrors: Readonly<Record<string, string>> = {
  STORE_CONFLICT:
    'A key was not at the revision the write expected, so the whole commit was refused. Read it again and decide anew.',
  STORE_COMPACTED:
    'The history asked for was forgotten by compaction. Start again from a fresh list.',
  STORE_FUTURE_REVISION:
    'The revision asked for does not exist yet. It comes from another store, or this one was restored from an older copy; start again from a fresh list.',
  STORE_CLOSED:
    'The store is closed, or stopped after a failure named in the message. Open it again.',
  STORE_OVERLOADED:
    'More writes wait for the disk than may wait. Try again later, and look at the speed of the disk.',
  STORE_KEY_INVALID: 'A key is empty, too long, or no valid Unicode text.',
  STORE_VALUE_TOO_LARGE: 'A value is larger than the store takes. Store less under one key.',
  STORE_COMMIT_TOO_LARGE: 'One commit has more mutations than the store takes. Split it.',
  STORE_IN_USE:
    'Another process has the store file open. Stop it, or choose another data directory.',
  STORE_DAMAGED:
    'The store file cannot be read as one of ours. Restore it from a backup, or move it away to start empty.',
  STORE_RECORDS_DAMAGED:
    'Records in the store file are not as they were written: a disk or a hand changed them. The message names their keys. Restore a backup, or start with --set-aside-damaged: the records are kept in the file where nobody reads them, and their keys are deleted.',
  STORE_BACKUP_FAILED:
    'The store could not be copied. The cause says why; a full disk is the usual one. The store itself goes on.',
  STORE_FORMAT_UNKNOWN:
    'The store file was written by a newer version of the program. Run that version.',
  STORE_UNWRITABLE:
    'The store file or its directory cannot be created or written. Check owner, permissions and mount options.',
  STORE_FULL:
    'The disk, or the size the store may have, is used up; the write was refused and nothing changed. Free space, then try again.',
  STORE_FAILED:
    'The disk failed while writing, so the store stopped itself: whether the last writes took effect shows when it is opened again.',
};
