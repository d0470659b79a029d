// What a cluster says of its backups: when they are made, and from which one it is to begin. Types alone.

import { type Type, t } from '@tweendeck/kube';
import { type BackupPlace, placeFields, placeRule } from './place.ts';

/** Where a new cluster has its data from. */
export interface RestoreSpec {
  /** A Backup of the namespace. */
  readonly backup?: string;
  readonly from?: BackupPlace & { readonly folder: string };
  readonly timeLimitSeconds: number;
}

const phases = ['Pending', 'Running', 'Complete', 'Failed'] as const;

export interface RestoreStatus {
  readonly phase?: (typeof phases)[number];
  readonly attempts?: number;
  /** Before it nothing is tried again; RFC 3339. */
  readonly retryTime?: string | null;
  readonly message?: string;
}

const segment = '[A-Za-z0-9][A-Za-z0-9._-]*';

export const restoreType: Type<RestoreSpec> = t
  .object({
    backup: t.string({ minLength: 1 }).optional().describe('The name of a Backup.'),
    from: t
      .object({
        ...placeFields,
        folder: t
          .string({ pattern: `^${segment}(/${segment})*$`, maxLength: 512 })
          .describe('Below the place: NAMESPACE/NAME of the Backup, as in its status.'),
      })
      .rule(placeRule.rule, { message: placeRule.message })
      .optional()
      .describe('Where its files are, when there is no such object any more.'),
    timeLimitSeconds: t
      .int32({ minimum: 10, maximum: 604_800 })
      .default(3_600)
      .describe('After so long an attempt is given up.'),
  })
  .rule('has(self.backup) != has(self.from)', { message: 'name a backup, or say where it is from' })
  .rule('self == oldSelf', { message: 'a cluster is filled once, when it is new' });

export const restoreStatusType: Type<RestoreStatus> = t.object({
  phase: t.enum(phases).optional(),
  attempts: t.int32().optional(),
  retryTime: t.time().nullable().optional(),
  message: t.string().optional(),
});
