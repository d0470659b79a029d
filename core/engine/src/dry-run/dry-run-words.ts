// What a dry run tells, and what it is made with.

import type { Client } from '@tweendeck/client';
import type { KubeObject } from '@tweendeck/kube';
import type { Clock, Random } from '@tweendeck/std';
import type { FleetPhase } from '../cluster-spec.ts';
import type { Trouble } from '../engine.ts';
import type { PassAccount } from '../telemetry/cluster-figures.ts';
import type { ChildChange } from './child-changes.ts';
import type { PlannedStep } from './planned-steps.ts';

export interface DryRun {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly phase: FleetPhase;
  readonly changes: readonly ChildChange[];
  /** In the order they would be taken, as far as they follow from what is seen now. */
  readonly steps: readonly PlannedStep[];
  /** Members whose pods are of another template than they should be. */
  readonly restarts: readonly string[];
  readonly troubles: readonly Trouble[];
  /** Whom or what it waits for; undefined when nothing is left to do. */
  readonly waits: string | undefined;
  /** Members that gave no answer. */
  readonly silent: readonly { readonly member: string; readonly why: string }[];
}

export interface DryRunTools {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether members at this address may be sent the cluster's password. */
  readonly mayTell: (address: string) => boolean;
}

/** Controllers leave it alone, and what it is made of goes with it. */
export function deleting({ kind, metadata: { name, namespace = 'default' } }: KubeObject): DryRun {
  return {
    ...{ kind, namespace, name, phase: 'Terminating', changes: [], steps: [], restarts: [] },
    ...{ troubles: [], waits: 'it is being deleted', silent: [] },
  };
}

/** Of a pass that only made what the next one needs. */
export const nothingTold: Pick<PassAccount, 'phase' | 'plan'> = {
  phase: 'Pending',
  plan: { actions: [], ahead: [], leaving: [], troubles: [], waits: 'what it is made of' },
};
