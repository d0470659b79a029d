// What the controller would do about a cluster now: its own pass, with all that it writes caught, and no step taken.

import type { Kind, KubeObject } from '@tweendeck/kube';
import { messageOf, PlatformError } from '@tweendeck/std';
import type { ClusterSpec, ClusterStatus } from '../cluster-spec.ts';
import type { Cluster, Engine } from '../engine.ts';
import { engineController } from '../engine-controller.ts';
import { isOutdated, type Member, type Observed } from '../member.ts';
import type { ClusterPlan } from '../plan.ts';
import { ClusterFigures } from '../telemetry/cluster-figures.ts';
import { EngineFigures } from '../telemetry/figures.ts';
import { Catcher } from './catcher.ts';
import { type DryRun, type DryRunTools, deleting, nothingTold } from './dry-run-words.ts';
import { foreseenSteps } from './foreseen.ts';
import { type PlannedStep, plannedSteps } from './planned-steps.ts';

/** A pass that only makes what the next one needs says nothing of steps. */
const passesMax = 4;

/**
 * Reads the cluster's children and asks its members, and changes nothing. Throws ENGINE_MEMBERS_UNREACHABLE when members
 * run and none of them can be asked from here.
 */
export async function dryRun<Options, Facts>(
  kind: Kind<ClusterSpec<Options>, ClusterStatus>,
  engine: Engine<Options, Facts>,
  { object, tools }: { readonly object: KubeObject; readonly tools: DryRunTools },
  signal: AbortSignal,
): Promise<DryRun> {
  if (object.metadata.deletionTimestamp !== undefined) return deleting(object);
  const asked = new Questions<Options, Facts>(engine, tools);
  const figures = new EngineFigures({ make: StillFigures });
  const controller = engineController(kind, asked.engine, figures).options;
  const { owns = [], watches = [] } = controller;
  const resources = [...owns, ...watches.map(({ resource }) => resource)];
  const catcher = await Catcher.open(object, { resources, tools }, signal);
  const account = figures.of(object);
  for (let pass = 0; pass < passesMax && account.account === undefined; pass++) {
    asked.begin();
    await controller.reconcile(object, catcher.context);
  }
  asked.refuse(object);
  const { name, namespace = 'default' } = object.metadata;
  const { plan, phase } = account.account ?? nothingTold;
  return {
    ...{ kind: kind.kind, namespace, name, phase, changes: catcher.changes() },
    ...{ troubles: plan.troubles, waits: plan.waits },
    steps: asked.foreseen(plan),
    restarts: asked.outdated(),
    silent: asked.silent,
  };
}

/** No step is taken, whatever it is and whoever planned it. */
class StillFigures extends ClusterFigures {
  override step(): Promise<void> {
    return Promise.resolve();
  }
}

/** The engine, and what its members answered. */
class Questions<Options, Facts> {
  readonly engine: Engine<Options, Facts>;
  readonly #engine: Engine<Options, Facts>;
  readonly #tools: DryRunTools;
  #silent: { readonly member: Member<Facts>; readonly why: string }[] = [];
  #asked: { readonly cluster: Cluster<Options>; readonly observed: Observed<Facts> } | undefined;
  #answers = 0;
  #untold = false;

  constructor(engine: Engine<Options, Facts>, tools: DryRunTools) {
    this.#engine = engine;
    this.#tools = tools;
    const { listen: _, ...rest } = engine;
    this.engine = {
      ...rest,
      observe: (member, cluster, signal) => this.#ask(engine, [member, cluster, signal]),
      plan: (cluster, observed) => {
        this.#asked = { cluster, observed };
        return engine.plan(cluster, observed);
      },
    };
  }

  begin(): void {
    this.#silent = [];
    this.#answers = 0;
  }

  get silent(): DryRun['silent'] {
    return this.#silent.map(({ member, why }) => ({ member: member.name, why }));
  }

  outdated(): readonly string[] {
    const { members = [] } = this.#asked?.observed ?? {};
    return members.filter((one) => one.wanted && isOutdated(one)).map(({ name }) => name);
  }

  /** Steps to the end, as far as can be told. */
  foreseen(plan: ClusterPlan): readonly PlannedStep[] {
    if (this.#asked === undefined || this.#asked.cluster.spec.suspend) return plannedSteps(plan);
    const nowMs = this.#tools.clock.nowMs();
    return foreseenSteps({ engine: this.#engine, ...this.#asked, plan, nowMs });
  }

  async #ask(
    { observe }: Pick<Engine<Options, Facts>, 'observe'>,
    [member, cluster, signal]: [Member<Facts>, Cluster<Options>, AbortSignal],
  ): ReturnType<Engine<Options, Facts>['observe']> {
    try {
      const isProven = cluster.tls !== undefined; // by its certificate, before it is told anything
      if (cluster.passwords && !isProven && !this.#tools.mayTell(member.pod?.ip ?? '')) {
        this.#untold = true;
        throw new Error(
          'it asks for a password, which is not sent to an address of who knows where',
        );
      }
      const view = await observe(member, cluster, signal);
      this.#answers++;
      return view;
    } catch (error) {
      this.#silent.push({ member, why: messageOf(error) });
      throw error;
    }
  }

  /** What would follow from their silence would not be what the controllers do. */
  refuse({ kind, metadata: { namespace, name } }: KubeObject): void {
    const [first] = this.#silent.filter(({ member }) => member.pod?.ready);
    if (first === undefined || this.#answers > 0) return;
    const { member, why } = first;
    throw new PlatformError(
      'ENGINE_MEMBERS_UNREACHABLE',
      `no member of ${kind} ${namespace}/${name} can be asked from here; ${member.name} at ${member.pod?.ip}: ${why}`,
      {
        hint: this.#untold
          ? 'Run it in the cluster, or say that this machine is in the network of its pods (--pod-network).'
          : 'Run it where pods can be reached: on the machine of the embedded home, or in the cluster.',
      },
    );
  }
}
