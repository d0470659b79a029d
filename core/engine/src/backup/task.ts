// What a Job is told to do, in one variable of its environment; paths in it are those of its pod.

import type { Manifest } from './manifest.ts';
import type { S3Place } from './place.ts';
import type { BackupMember } from './program.ts';

/** The variable. */
export const taskVariable = 'TWEENDECK_BACKUP_TASK';
/** Where the Secret with the passwords of members is. */
export const passwordsPath = '/etc/tweendeck-auth';
/** Where the certificate of who vouches for members is. */
export const authorityPath = '/etc/tweendeck-tls';
/** Where the keys of a store that speaks S3 are. */
export const s3KeysPath = '/etc/tweendeck-s3';
/** Where the place of the files is. */
export const placePath = '/backups';

export interface FilesTask {
  readonly kind: string;
  readonly folder: string;
  /** Absolute; of a place with directories. */
  readonly root?: string;
  /** `secretName` is where the keys are, as a path. */
  readonly s3?: S3Place;
}

/** How members are spoken with. */
export interface MembersTask extends FilesTask {
  readonly members: readonly BackupMember[];
  /** Of the directory with passwords. */
  readonly passwords?: string;
  /** `authority` is the path of a PEM file. */
  readonly tls?: { readonly authority: string; readonly serverName: string };
}

export interface TakeTask extends MembersTask {
  readonly about: Pick<Manifest, 'kind' | 'cluster' | 'namespace' | 'uid'>;
  /** Of the Backup, to whose status it tells. */
  readonly backup: string;
}

export interface FillTask extends MembersTask {
  readonly resumes: boolean;
}
