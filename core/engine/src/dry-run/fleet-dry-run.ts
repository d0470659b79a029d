// What the controller would do about a fleet now: its own pass, with all that it writes caught.

import type { KubeObject } from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { fleetController } from '../fleet/fleet-controller.ts';
import type { FleetEngine, FleetStatus } from '../fleet/fleet-engine.ts';
import { EngineFigures } from '../telemetry/figures.ts';
import { Catcher } from './catcher.ts';
import { type DryRun, type DryRunTools, deleting, nothingTold } from './dry-run-words.ts';

/** Reads its children and asks its members, and changes nothing. Members that do not answer are told: they decide nothing. */
export async function fleetDryRun<Spec, Status extends FleetStatus, Facts>(
  engine: FleetEngine<Spec, Status, Facts>,
  { object, tools }: { readonly object: KubeObject; readonly tools: DryRunTools },
  signal: AbortSignal,
): Promise<DryRun> {
  if (object.metadata.deletionTimestamp !== undefined) return deleting(object);
  const silent: { readonly member: string; readonly why: string }[] = [];
  const observe: typeof engine.observe = async (member, owner, ended) => {
    try {
      return await engine.observe(member, owner, ended);
    } catch (error) {
      silent.push({ member: member.name, why: messageOf(error) });
      throw error;
    }
  };
  const figures = new EngineFigures();
  const controller = fleetController({ ...engine, observe }, figures).options;
  const { owns = [], watches = [] } = controller;
  const resources = [...owns, ...watches.map(({ resource }) => resource)];
  const catcher = await Catcher.open(object, { resources, tools }, signal);
  await controller.reconcile(object, catcher.context);
  const { account, members } = figures.of(object);
  const { plan, phase } = account ?? nothingTold;
  const { name, namespace = 'default' } = object.metadata;
  const changes = catcher.changes();
  // It is of the engine's kind: it was asked for by it.
  const fleet = engine.shape(object as Parameters<typeof engine.shape>[0]).members.name;
  // A Deployment whose template changes makes all its pods anew.
  const isRolled = changes.some(
    ({ kind, change, name: child, fields }) =>
      kind === 'Deployment' &&
      change === 'change' &&
      child === fleet &&
      fields.includes('spec.template'),
  );
  return {
    ...{ kind: object.kind, namespace, name, phase, changes, steps: [], silent },
    ...{ troubles: plan.troubles, waits: plan.waits },
    restarts: isRolled ? members.map((member) => member.name) : [],
  };
}
