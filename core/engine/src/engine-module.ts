// An engine as the platform takes it, whatever its options and facts are.

import type { Controller } from '@tweendeck/controller';
import type { Kind } from '@tweendeck/kube';
import type { ClusterSpec, ClusterStatus } from './cluster-spec.ts';
import type { Engine } from './engine.ts';
import { engineController } from './engine-controller.ts';
import type { EngineFigures } from './figures.ts';

export interface EngineModule {
  /** Addresses its clusters, and gives their CustomResourceDefinition. */
  readonly kind: Kind;
  /** Runs them; field manager and event source is the engine's component. What it sees is told in `figures`. */
  controller(figures?: EngineFigures): Controller;
}

export function engineModule<Options, Facts>(
  kind: Kind<ClusterSpec<Options>, ClusterStatus>,
  engine: Engine<Options, Facts>,
): EngineModule {
  return { kind, controller: (figures) => engineController(kind, engine, figures) };
}
