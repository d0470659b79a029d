// What is said of a Backup: status, condition, event. Pure.

import type { ConditionInput } from '@tweendeck/controller';
import { timestampOf } from '@tweendeck/std';
import type { BackupStatus } from './backup-kind.ts';
import type { BackupStep } from './plan-backup.ts';

export interface BackupWords {
  readonly fields: Partial<BackupStatus>;
  readonly condition: ConditionInput;
  readonly event?: readonly ['Normal' | 'Warning', reason: string, message: string];
}

export interface WordsInput {
  readonly step: Exclude<BackupStep, { readonly do: 'rest' | 'pause' }>;
  readonly folder: string;
  readonly startTime: string | undefined;
  /** Why the pod of the attempt does not begin. */
  readonly podWaits: string | undefined;
  readonly nowMs: number;
}

export function backupWords({ step, folder, startTime, podWaits, nowMs }: WordsInput): BackupWords {
  const now = timestampOf(nowMs);
  switch (step.do) {
    case 'wait':
      return {
        fields: { phase: 'Pending', folder },
        condition: incomplete(step.reason, step.message),
      };
    case 'begin': {
      const { attempt } = step;
      return {
        fields: {
          ...{ phase: 'Running', folder, attempts: attempt, retryTime: null },
          startTime: startTime ?? now,
        },
        condition: incomplete('Running', `attempt ${attempt} is under way`),
        event: ['Normal', 'Started', `attempt ${attempt} begins`],
      };
    }
    case 'watch': {
      const message = podWaits ?? `attempt ${step.attempt} is under way`;
      return { fields: {}, condition: incomplete('Running', message) };
    }
    case 'complete': {
      const message = `all files are in ${folder}`;
      return {
        fields: { phase: 'Complete', completionTime: now, progress: null },
        condition: { type: 'Complete', status: 'True', reason: 'Complete', message },
        event: ['Normal', 'Complete', message],
      };
    }
    case 'retry': {
      const message = `attempt ${step.attempt}: ${step.why}`;
      return {
        fields: { phase: 'Pending', retryTime: timestampOf(step.atMs), progress: null },
        condition: incomplete('AttemptFailed', message),
        event: ['Warning', 'AttemptFailed', message],
      };
    }
    case 'fail':
      return {
        fields: { phase: 'Failed', folder, completionTime: now, progress: null },
        condition: incomplete(step.reason, step.message),
        event: ['Warning', 'Failed', step.message],
      };
  }
}

function incomplete(reason: string, message: string): ConditionInput {
  return { type: 'Complete', status: 'False', reason, message };
}
