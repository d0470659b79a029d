// Whose data can be backed up, and the programs that carry them.

import type { Controller } from '@tweendeck/controller';
import {
  type BackupProgram,
  backupController,
  clusterBackupsController,
  type DirectoryRule,
} from '@tweendeck/engine';
import { redisBackupPrograms, redisBackups } from '@tweendeck/redis';

/** By kind. */
export const backupPrograms: Readonly<Record<string, BackupProgram>> = redisBackupPrograms;

/** `directories`: whether backups may be written to directories of machines, as only where all is on one. */
export function backupControllers(directories: DirectoryRule): readonly Controller[] {
  return [
    backupController({ engines: redisBackups, directories }),
    ...redisBackups.map((engine) => clusterBackupsController(engine, directories)),
  ];
}
