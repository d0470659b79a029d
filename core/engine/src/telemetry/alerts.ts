// Default alerts of an engine, as Prometheus' rule files have them. Pure.

import type { AlertRule, Shape } from './telemetry.ts';

/** What of an engine alerts and dashboards follow from. */
export interface Watched {
  readonly kind: string;
  readonly shape: Shape;
  readonly alerts: readonly AlertRule[];
}

/** A file for `rule_files` of Prometheus, and the spec of a PrometheusRule. */
export interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly PrometheusRule[];
  }[];
}

interface PrometheusRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const cluster = '{{ $labels.namespace }}/{{ $labels.name }}';

/** Of which only those make sense that a fleet has something to do with. */
type UsualAlert = AlertRule & { readonly only?: Shape };

/** For clusters of every engine. A cluster that is new or stopped is nobody's worry. */
const usualAlerts: readonly UsualAlert[] = [
  {
    name: 'Degraded',
    expr: 'tweendeck_cluster_phase{kind="KIND",phase=~"Degraded|Failed"} == 1',
    for: '10m',
    severity: 'critical',
    summary: `Something is wrong with ${cluster} that does not mend itself`,
    description:
      'The condition Degraded of the cluster says what, and what a person can do: "tweendeck describe KIND NAME".',
  },
  {
    name: 'MemberDown',
    expr: 'tweendeck_member_up{kind="KIND"} == 0 and on (kind, namespace, name) tweendeck_cluster_phase{phase!~"Pending|Stopped|Terminating"} == 1',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.member }} in {{ $labels.namespace }} does not answer',
    description:
      'The others serve on, and one more that goes may take data or availability along. Look at the events of its pod, its log, and its host.',
  },
  {
    name: 'StepOverdue',
    only: 'members',
    expr: 'tweendeck_cluster_trouble{kind="KIND",reason=~"StepOverdue|StepFailed"} == 1',
    for: '5m',
    severity: 'warning',
    summary: `A change of ${cluster} does not get on`,
    description:
      'A step is tried again and again, and nothing after it is done. status.step of the cluster says which; the log of the controllers says what came of it.',
  },
  {
    name: 'MembersTogether',
    only: 'members',
    expr: 'tweendeck_cluster_condition{kind="KIND",condition="MembersApart"} == 0 and on (kind, namespace, name) count by (kind, namespace, name) (count by (kind, namespace, name, host) (tweendeck_member_info)) > 1',
    for: '15m',
    severity: 'warning',
    summary: `Members of ${cluster} that stand in for one another share a host`,
    description:
      'Without that host what they keep is gone, or cannot be used. Of a cluster on one host alone nothing is said. The condition MembersApart says which; drain or restart one of them where another host has room.',
  },
  {
    name: 'BackupOld',
    only: 'members',
    expr: 'tweendeck_cluster_condition{kind="KIND",condition="BackupRecent"} == 0',
    for: '15m',
    severity: 'warning',
    summary: `The newest backup of ${cluster} is older than its schedule says`,
    description:
      'What is written since then would be lost with the cluster. The condition BackupRecent of the cluster says which backup failed or is missing: "tweendeck describe KIND NAME".',
  },
  {
    name: 'NotLookedAfter',
    expr: 'time() - tweendeck_cluster_last_pass_timestamp_seconds{kind="KIND"} > 600 or increase(tweendeck_cluster_passes_failed_total{kind="KIND"}[15m]) > 0.9 * increase(tweendeck_cluster_passes_total{kind="KIND"}[15m]) > 0',
    for: '10m',
    severity: 'warning',
    summary: `The controllers do not get to ${cluster}`,
    description:
      'It goes on by itself; failures that need the platform stay. Look at the log of the controllers, and whether the API server answers them.',
  },
];

/** All default alerts of an engine. */
export function alertRules({ kind, shape, alerts }: Watched): RuleFile {
  const named = (text: string): string => text.replaceAll('KIND', kind);
  const usual = usualAlerts.filter(({ only = shape }) => only === shape);
  const rules = [...usual, ...alerts].map((rule) => ({
    alert: `${kind}${rule.name}`,
    expr: named(rule.expr),
    ...(rule.for === undefined ? {} : { for: rule.for }),
    labels: { severity: rule.severity },
    annotations: { summary: rule.summary, description: named(rule.description) },
  }));
  return { groups: [{ name: `tweendeck-${kind.toLowerCase()}`, rules }] };
}
