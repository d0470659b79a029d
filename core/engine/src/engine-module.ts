// An engine as the platform takes it, whatever its options and facts are.

import type { Controller } from '@tweendeck/controller';
import type { Kind, KubeObject } from '@tweendeck/kube';
import type { ClusterSpec, ClusterStatus } from './cluster-spec.ts';
import { dryRun } from './dry-run/dry-run.ts';
import type { DryRun, DryRunTools } from './dry-run/dry-run-words.ts';
import { fleetDryRun } from './dry-run/fleet-dry-run.ts';
import type { Engine } from './engine.ts';
import { engineController } from './engine-controller.ts';
import { fleetController } from './fleet/fleet-controller.ts';
import type { FleetEngine, FleetStatus } from './fleet/fleet-engine.ts';
import { alertRules, type RuleFile } from './telemetry/alerts.ts';
import { dashboardOf } from './telemetry/dashboard.ts';
import type { EngineFigures } from './telemetry/figures.ts';
import type { Shape, Telemetry } from './telemetry/telemetry.ts';
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
  return {
    kind,
    controller: (figures) => engineController(kind, engine, figures),
    dryRun: (object, tools, signal) => dryRun(kind, engine, { object, tools }, signal),
    ...watchedBy(engine.kind, 'members', engine.telemetry),
  };
}

/** An engine of interchangeable members. */
export function fleetModule<Spec, Status extends FleetStatus, Facts>(
  engine: FleetEngine<Spec, Status, Facts>,
): EngineModule {
  return {
    kind: engine.kind,
    controller: (figures) => fleetController(engine, figures),
    dryRun: (object, tools, signal) => fleetDryRun(engine, { object, tools }, signal),
    ...watchedBy(engine.kind.kind, 'fleet', engine.telemetry),
  };
}

/** What Prometheus and Grafana want to know. */
function watchedBy<Facts>(
  kind: string,
  shape: Shape,
  { members = [], cluster = [], alerts = [], panels = [] }: Partial<Telemetry<Facts>> = {},
): Pick<EngineModule, 'metricNames' | 'alerts' | 'dashboard'> {
  const heads = [...usualHeads, ...members, ...cluster];
  return {
    metricNames: heads.map(({ name, type }) =>
      type === 'counter' ? `tweendeck_${name}_total` : `tweendeck_${name}`,
    ),
    alerts: alertRules({ kind, shape, alerts }),
    dashboard: dashboardOf({ kind, shape, panels }),
  };
}
