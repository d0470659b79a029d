// An engine as the platform takes it, whatever its options and facts are.

import type { Controller } from '@tweendeck/controller';
import type { Kind, KubeObject } from '@tweendeck/kube';
import type { ClusterSpec, ClusterStatus } from './cluster-spec.ts';
import { type DryRun, type DryRunTools, dryRun } from './dry-run/dry-run.ts';
import type { Engine } from './engine.ts';
import { engineController } from './engine-controller.ts';
import { alertRules, type RuleFile } from './telemetry/alerts.ts';
import { dashboardOf } from './telemetry/dashboard.ts';
import type { EngineFigures } from './telemetry/figures.ts';
import { usualHeads } from './telemetry/usual-metrics.ts';

export interface EngineModule {
  /** Addresses its clusters, and gives their CustomResourceDefinition. */
  readonly kind: Kind;
  /** Runs them; field manager and event source is the engine's component. What it sees is told in `figures`. */
  controller(figures?: EngineFigures): Controller;
  /** What the controller would do about a cluster now. Changes nothing. Throws ENGINE_MEMBERS_UNREACHABLE. */
  dryRun(object: KubeObject, tools: DryRunTools, signal: AbortSignal): Promise<DryRun>;
  /** Names of all that is told of its clusters, as queries have them. */
  readonly metricNames: readonly string[];
  /** Its default alerts, for Prometheus. */
  readonly alerts: RuleFile;
  /** Its dashboard, for Grafana. */
  readonly dashboard: object;
}

export function engineModule<Options, Facts>(
  kind: Kind<ClusterSpec<Options>, ClusterStatus>,
  engine: Engine<Options, Facts>,
): EngineModule {
  const { members = [], cluster = [], alerts = [], panels = [] } = engine.telemetry ?? {};
  const heads = [...usualHeads, ...members, ...cluster];
  return {
    kind,
    controller: (figures) => engineController(kind, engine, figures),
    dryRun: (object, tools, signal) => dryRun(kind, engine, { object, tools }, signal),
    metricNames: heads.map(({ name, type }) =>
      type === 'counter' ? `tweendeck_${name}_total` : `tweendeck_${name}`,
    ),
    alerts: alertRules({ kind: engine.kind, alerts }),
    dashboard: dashboardOf({ kind: engine.kind, panels }),
  };
}
