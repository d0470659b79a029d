// What a Job is told to do, in one variable of its environment; paths in it are those of its pod.

import type { Manifest } from './manifest.ts';
import type { BackupMember } from './program.ts';

/** The variable. */
export const taskVariable = 'TWEENDECK_BACKUP_TASK';
/** Where the Secret with the passwords of members is. */
export const passwordsPath = '/etc/tweendeck-auth';
/** Where the place of the files is. */
export const placePath = '/backups';

export interface FilesTask {
  readonly kind: string;
  /** Absolute. */
  readonly root: string;
  readonly folder: string;
}

export interface TakeTask extends FilesTask {
  readonly members: readonly BackupMember[];
  readonly about: Pick<Manifest, 'kind' | 'cluster' | 'namespace' | 'uid'>;
  /** Of the Backup, to whose status it tells. */
  readonly backup: string;
  readonly passwords: string | undefined;
}

export interface FillTask extends FilesTask {
  readonly members: readonly BackupMember[];
  readonly passwords: string | undefined;
  readonly resumes: boolean;
}
