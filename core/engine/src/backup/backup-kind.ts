// The kind Backup: the data of a cluster as they were at one time, in files.

import { type Condition, defineKind, type Kind, type KindObject, t } from '@tweendeck/kube';
import { platformGroup, platformVersion } from '../cluster-kind.ts';
import type { BackupFile } from './manifest.ts';
import { type BackupPlace, placeType } from './place.ts';

export interface BackupSpec {
  readonly cluster: { readonly kind: string; readonly name: string };
  readonly to: BackupPlace;
  /** Files stay when the object goes. */
  readonly keepFiles?: boolean;
  /** For each attempt. */
  readonly timeLimitSeconds: number;
  /** In place of the platform's own. */
  readonly image?: string;
}

const phases = ['Pending', 'Running', 'Complete', 'Failed'] as const;

export interface BackupStatus {
  readonly phase?: (typeof phases)[number];
  readonly observedGeneration?: number;
  /** Below the place: `NAMESPACE/NAME`. */
  readonly folder?: string;
  readonly attempts?: number;
  /** Before it nothing is tried again; RFC 3339. */
  readonly retryTime?: string | null;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly engineVersion?: string;
  /** `2 of 3 files, 120 MiB`. */
  readonly progress?: string | null;
  readonly bytes?: number;
  readonly size?: string;
  readonly keys?: number;
  readonly files?: readonly BackupFile[];
  readonly conditions?: readonly Condition[];
}

export type BackupObject = KindObject<BackupSpec, BackupStatus>;

/** Their Jobs are called after them: `NAME-remove-9`, and names have 63 characters. */
const nameLengthMax = 54;

const fixed = { message: 'a backup stays what it was begun as: make another one' } as const;

/** Addresses Backups, and gives their CustomResourceDefinition. */
export const backupKind: Kind<BackupSpec, BackupStatus> = defineKind<BackupSpec, BackupStatus>({
  ...{ group: platformGroup, version: platformVersion, kind: 'Backup', plural: 'backups' },
  shortNames: ['bkp'],
  categories: ['tweendeck'],
  description: 'The data of a middleware cluster as they were at one time, in files.',
  spec: t.object({
    cluster: t
      .object({ kind: t.string({ minLength: 1 }), name: t.string({ minLength: 1 }) })
      .rule('self == oldSelf', fixed)
      .describe('Of which; in the same namespace.'),
    to: placeType.rule('self == oldSelf', fixed).describe('Where its files are written.'),
    keepFiles: t
      .boolean()
      .optional()
      .describe(
        'Whether files stay when the object is deleted. They go with it unless it is true.',
      ),
    timeLimitSeconds: t
      .int32({ minimum: 10, maximum: 604_800 })
      .default(3_600)
      .describe('After so long an attempt is given up.'),
    image: t.string({ minLength: 1 }).optional().describe("In place of the platform's own."),
  }),
  status: t.object({
    phase: t.enum(phases).optional(),
    observedGeneration: t.int64().optional(),
    folder: t.string().optional().describe('Below the place.'),
    attempts: t.int32().optional(),
    retryTime: t.time().nullable().optional(),
    startTime: t.time().optional(),
    completionTime: t.time().optional(),
    engineVersion: t.string().optional(),
    progress: t.string().nullable().optional(),
    bytes: t.int64().optional(),
    size: t.string().optional(),
    keys: t.int64().optional(),
    files: t
      .list(
        t.object({
          name: t.string(),
          holds: t.string(),
          bytes: t.int64(),
          keys: t.int64(),
          sha256: t.string(),
          member: t.string().describe('Who gave it.'),
          offset: t
            .int64()
            .describe("Of its leader's stream of writes: all up to there are in it."),
          startTime: t.time(),
          endTime: t.time(),
        }),
      )
      .optional(),
    conditions: t.conditions().optional(),
  }),
  columns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.cluster.kind' },
    { name: 'Cluster', type: 'string', jsonPath: '.spec.cluster.name' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Size', type: 'string', jsonPath: '.status.size' },
    { name: 'Keys', type: 'integer', jsonPath: '.status.keys' },
    { name: 'Progress', type: 'string', jsonPath: '.status.progress', priority: 1 },
    { name: 'Folder', type: 'string', jsonPath: '.status.folder', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  rules: [
    {
      rule: `size(self.metadata.name) <= ${nameLengthMax}`,
      message: `names have at most ${nameLengthMax} characters, so that those of Jobs fit into DNS`,
    },
  ],
});

/** Where its files are below its place. */
export function folderOf({
  name,
  namespace = 'default',
}: {
  readonly name: string;
  readonly namespace?: string | undefined;
}): string {
  return `${namespace}/${name}`;
}
