// Every code that engine can raise.

export const engineErrors: Readonly<Record<string, string>> = {
  ENGINE_BACKUP_DAMAGED:
    'A file of a backup is not what was written: its length, checksum or content is another. Nothing of it is restored; take another backup.',
  ENGINE_BACKUP_FILE_MISSING:
    'A file of a backup is not where it should be, or there is no manifest: then there is no whole backup.',
  ENGINE_BACKUP_FOLDER_TAKEN:
    'Where a backup is to be written are the files of another one of the same name. They are left alone; choose another name.',
  ENGINE_BACKUP_NOT_EMPTY:
    'A cluster that was to be filled from a backup holds something already. Nothing was changed; only a new cluster is filled.',
  ENGINE_BACKUP_NOT_WHOLE:
    'While a backup was read, what it consists of moved from one part to another. It is tried again.',
  ENGINE_BACKUP_OTHER_KIND:
    'A cluster was to be filled from a backup of another kind. The message has both.',
  ENGINE_BACKUP_STORE_FAILED:
    'The place of a backup cannot be read or written: it is full, or refuses. The message has its words.',
  ENGINE_MEMBERS_UNREACHABLE:
    'Members of a cluster run, and none of them can be asked from this machine: what the controllers would do cannot be told. The message has an address and what came of it.',
};
