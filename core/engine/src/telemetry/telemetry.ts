// What an engine has told about its clusters: figures as Prometheus reads them, when somebody is to be woken, and what is
// drawn. Tables.

import type { Member, MemberView, Observed } from '../member.ts';

/** How a figure is called and what it means. */
export interface MetricHead {
  /** Without `tweendeck_`, and of counters without `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** One line. */
  readonly help: string;
}

/** A member that answered. */
export type SeenMember<Facts> = Member<Facts> & { readonly view: MemberView<Facts> };

/** A figure of a member, from what was observed anyway. Pure; undefined: it is not told. */
export interface MemberMetric<Facts> extends MetricHead {
  readonly of: (member: SeenMember<Facts>, observed: Observed<Facts>) => number | undefined;
}

/** A figure of a cluster. */
export interface ClusterMetric<Facts> extends MetricHead {
  readonly of: (observed: Observed<Facts>) => number | undefined;
}

/** A default alert. In expressions and texts `KIND` is the kind of the engine. */
export interface AlertRule {
  /** Behind the kind: `MemberDown` is `RedisClusterMemberDown`. */
  readonly name: string;
  readonly expr: string;
  /** How long it must hold; at once when omitted. */
  readonly for?: string;
  /** `critical`: somebody is to be woken. */
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  /** What it means for clients, and what to do. */
  readonly description: string;
}

/** Something that a dashboard draws. In expressions `KIND` is the kind, and `CLUSTER` selects what the reader chose. */
export interface Panel {
  readonly title: string;
  /** A unit of Grafana's: `bytes`, `short`, `s`, `reqps`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly { readonly expr: string; readonly legend: string }[];
}

/** What its objects are: clusters of members, each with a place of its own, or fleets of interchangeable ones. */
export type Shape = 'fleet' | 'members';

export interface Telemetry<Facts> {
  readonly members: readonly MemberMetric<Facts>[];
  readonly cluster: readonly ClusterMetric<Facts>[];
  /** Beside those that every engine has. */
  readonly alerts: readonly AlertRule[];
  /** Beside those that every engine has. */
  readonly panels: readonly Panel[];
}
