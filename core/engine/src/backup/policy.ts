// What a cluster says of its backups: when they are made, and from which one it is to begin. Types alone.

import { type Type, t } from '@tweendeck/kube';
import { type BackupPlace, placeFields, placeRule, placeType } from './place.ts';

/** When backups are made by themselves, and how many stay. */
export interface BackupPolicy {
  /** As of a CronJob. */
  readonly schedule: string;
  /** An IANA name; UTC unless given. */
  readonly timeZone?: string;
  readonly to: BackupPlace;
  /** Complete ones that stay. */
  readonly keep: number;
  readonly timeLimitSeconds: number;
}

/** Times are RFC 3339. */
export interface PolicyStatus {
  /** From when on the schedule counts. */
  readonly since?: string;
  /** Of the last run. */
  readonly scheduledTime?: string;
  readonly nextTime?: string;
  /** The newest that is complete. */
  readonly last?: string;
  readonly lastCompletionTime?: string;
}

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

const timeLimit = t
  .int32({ minimum: 10, maximum: 604_800 })
  .default(3_600)
  .describe('After so long an attempt is given up.');

const cronPattern =
  '^(@(yearly|annually|monthly|weekly|daily|midnight|hourly|every [0-9a-z.]+)|((CRON_)?TZ=[^ ]+ +)?([^ ]+ +){4}[^ ]+)$';

export const policyType: Type<BackupPolicy> = t.object({
  schedule: t
    .string({ pattern: cronPattern, maxLength: 100 })
    .describe('Minute, hour, day, month, weekday, as of a CronJob; or @daily, @every 6h.'),
  timeZone: t.string({ minLength: 1 }).optional().describe('An IANA name; UTC unless given.'),
  to: placeType.describe('Where files are written.'),
  keep: t
    .int32({ minimum: 1, maximum: 1_000 })
    .default(7)
    .describe('So many stay; older ones go with their files.'),
  timeLimitSeconds: timeLimit,
});

export const policyStatusType: Type<PolicyStatus> = t.object({
  since: t.time().optional(),
  scheduledTime: t.time().optional().describe('Of the last run.'),
  nextTime: t.time().optional(),
  last: t.string().optional().describe('The newest Backup that is complete.'),
  lastCompletionTime: t.time().optional(),
});

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
    timeLimitSeconds: timeLimit,
  })
  .rule('has(self.backup) != has(self.from)', { message: 'name a backup, or say where it is from' })
  .rule('self == oldSelf', { message: 'a cluster is filled once, when it is new' });

export const restoreStatusType: Type<RestoreStatus> = t.object({
  phase: t.enum(phases).optional(),
  attempts: t.int32().optional(),
  retryTime: t.time().nullable().optional(),
  message: t.string().optional(),
});
