// Figures that clusters of every engine have: how they are called and what they mean.

import type { MetricHead } from './telemetry.ts';

function counter(name: string, help: string): MetricHead {
  return { name: `cluster_${name}`, type: 'counter', help };
}

function gauge(name: string, help: string): MetricHead {
  return { name, type: 'gauge', help };
}

type Heads<Key extends string> = Readonly<Record<Key, MetricHead>>;

/** What is counted of a cluster. */
export type Counter =
  | 'passes'
  | 'passesFailed'
  | 'observeFailures'
  | 'leaderChanges'
  | `steps${'Run' | 'Done' | 'Failed' | 'Overdue'}`;

/** Of a cluster; labels `kind`, `namespace`, `name`. */
export const clusterCounters: Heads<Counter> = {
  passes: counter('passes', 'Looks of the controller at the cluster.'),
  passesFailed: counter('passes_failed', 'Those that ended with an error.'),
  observeFailures: counter('observe_failures', 'Members asked that gave no answer.'),
  leaderChanges: counter('leader_changes', 'Times that another member was seen to lead a shard.'),
  stepsRun: counter('steps_run', 'Steps begun, or taken up again.'),
  stepsDone: counter('steps_done', 'Steps begun that are planned no more.'),
  stepsFailed: counter('steps_failed', 'Steps that ended with an error, and are tried again.'),
  stepsOverdue: counter('steps_overdue', 'Steps that were planned for longer than they may take.'),
};

/** Of a cluster; labels `kind`, `namespace`, `name`, and those that are named. */
export const clusterGauges: Heads<
  | 'phase'
  | 'condition'
  | 'trouble'
  | 'membersWanted'
  | 'membersReady'
  | 'stepsAhead'
  | 'stepStarted'
  | 'lastPass'
> = {
  phase: gauge('cluster_phase', 'By phase: 1 for the one that the cluster is in.'),
  condition: gauge('cluster_condition', 'By condition: 1 while it is true, 0 while it is not.'),
  trouble: gauge('cluster_trouble', 'By reason: 1 while something is wrong that needs a person.'),
  membersWanted: gauge('cluster_members_wanted', 'By group: members that the spec asks for.'),
  membersReady: gauge('cluster_members_ready', 'By group and role: members that take part.'),
  stepsAhead: gauge('cluster_steps_ahead', 'Steps that are planned.'),
  stepStarted: gauge(
    'cluster_step_started_timestamp_seconds',
    'By step: since when the step under way is planned.',
  ),
  lastPass: gauge('cluster_last_pass_timestamp_seconds', 'When the last pass ended.'),
};

/** Of a member; labels `kind`, `namespace`, `name`, `member`. */
export const memberGauges: Heads<'info' | 'up' | 'ready'> = {
  info: gauge('member_info', 'By group, shard, role, host and version: 1.'),
  up: gauge('member_up', 'Whether it answered when it was asked last.'),
  ready: gauge('member_ready', 'Whether it takes part.'),
};

/** By kind. */
export const observeDuration: Pick<MetricHead, 'name' | 'help'> = {
  name: 'observe_duration_seconds',
  help: 'How long all members of a cluster took to answer, or were waited for.',
};

/** Of one value each. */
export const usualHeads: readonly MetricHead[] = [
  ...Object.values(clusterCounters),
  ...Object.values(clusterGauges),
  ...Object.values(memberGauges),
];
