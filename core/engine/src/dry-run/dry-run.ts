// What the controller would do about a cluster now: its own pass, with all that it writes caught, and no step taken.

import type { Applied, Client, ObjectCache } from '@tweendeck/client';
import type { ReconcileContext } from '@tweendeck/controller';
import {
  type Kind,
  type KubeObject,
  keyOf,
  type ObjectRef,
  type Resource,
  refKey,
  refOf,
} from '@tweendeck/kube';
import { type Clock, messageOf, PlatformError, type Random, silentLogger } from '@tweendeck/std';
import type { ClusterPhase, ClusterSpec, ClusterStatus } from '../cluster-spec.ts';
import type { Cluster, Engine, Trouble } from '../engine.ts';
import { engineController } from '../engine-controller.ts';
import { isOutdated, type Member, type Observed } from '../member.ts';
import type { ClusterPlan } from '../plan.ts';
import { ClusterFigures } from '../telemetry/cluster-figures.ts';
import { EngineFigures } from '../telemetry/figures.ts';
import { type ChildChange, changedFields } from './child-changes.ts';
import { type DryWrite, dryClient } from './dry-client.ts';
import { foreseenSteps } from './foreseen.ts';
import { type PlannedStep, plannedSteps } from './planned-steps.ts';

export interface DryRun {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly phase: ClusterPhase;
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

/** Controllers leave it alone, and what it is made of goes with it. */
function deleting({ kind, metadata: { name, namespace = 'default' } }: KubeObject): DryRun {
  return {
    ...{ kind, namespace, name, phase: 'Terminating', changes: [], steps: [], restarts: [] },
    ...{ troubles: [], waits: 'it is being deleted', silent: [] },
  };
}

const nothingTold = {
  ...({ phase: 'Pending' } as const),
  plan: { actions: [], ahead: [], leaving: [], troubles: [], waits: 'what it is made of' },
};

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

interface Sources {
  readonly resources: readonly Resource<KubeObject>[];
  readonly tools: DryRunTools;
}

/** The context of a pass that keeps what it would write. */
class Catcher {
  readonly context: ReconcileContext<KubeObject>;
  readonly #object: KubeObject;
  readonly #caches: ReadonlyMap<string, readonly KubeObject[]>;
  readonly #changes = new Map<string, ChildChange>();
  readonly #applied = new Set<string>();

  private constructor(
    object: KubeObject,
    caches: ReadonlyMap<string, readonly KubeObject[]>,
    { clock, random, client }: DryRunTools,
    signal: AbortSignal,
  ) {
    this.#object = object;
    this.#caches = caches;
    this.context = {
      ...{ signal, clock, random, attempt: 0, log: silentLogger },
      client: dryClient(client, (write) => this.#wrote(write)),
      cache: (resource) => this.#cache(resource),
      apply: (resource, child) => this.#apply(resource, child),
      prune: (...of) => this.#prune(of),
      status: () => undefined,
      writeStatus: () => Promise.resolve(),
      event: () => undefined,
    };
  }

  /** Reads what there is of its children. */
  static async open(
    object: KubeObject,
    { resources, tools }: Sources,
    signal: AbortSignal,
  ): Promise<Catcher> {
    const { name, namespace } = object.metadata;
    const caches = new Map<string, readonly KubeObject[]>();
    for (const resource of resources) {
      const own = resource.group === 'tweendeck.io';
      const labels = own ? {} : { labelSelector: `app.kubernetes.io/instance=${name}` };
      const { items } = await tools.client.list(resource, { namespace, ...labels }, signal);
      caches.set(cacheKey(resource), items);
    }
    return new Catcher(object, caches, tools, signal);
  }

  changes(): readonly ChildChange[] {
    return [...this.#changes.values()];
  }

  #note(change: ChildChange): void {
    this.#changes.set(`${change.kind} ${change.name}`, change);
  }

  #wrote({ verb, resource: { kind }, name, body }: DryWrite): void {
    const change = verb === 'create' ? verb : 'change';
    const isTold = change === 'change' && kind !== 'Secret';
    this.#note({ change, kind, name, fields: isTold ? fieldsIn(body) : [] });
  }

  #cache<Other extends KubeObject>(resource: Resource<Other>): ObjectCache<Other> {
    // Objects are kept by resource.
    const all = (this.#caches.get(cacheKey(resource)) ?? []) as readonly Other[];
    const isNamed = (object: KubeObject, ref: ObjectRef): boolean => keyOf(object) === refKey(ref);
    return {
      get: (ref) => all.find((one) => isNamed(one, ref)),
      list: ({ labels = {} } = {}) =>
        all.filter(({ metadata }) =>
          Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
        ),
      by: (_index, uid) => all.filter((one) => ownerOf(one) === uid),
    };
  }

  #apply<Child extends KubeObject>(resource: Resource<Child>, child: Applied): Promise<Child> {
    const { kind } = resource;
    const { name } = child.metadata;
    const { namespace } = this.#object.metadata;
    this.#applied.add(`${kind} ${name}`);
    const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
    const live = this.#cache(resource).get(ref);
    if (live === undefined) {
      this.#note({ change: 'create', kind, name, fields: [] });
      return Promise.resolve(child as unknown as Child); // nobody reads more of it than was given
    }
    const fields = changedFields(child, live);
    if (fields.length > 0) this.#note({ change: 'change', kind, name, fields });
    return Promise.resolve(live);
  }

  #prune(resources: readonly Resource<KubeObject>[]): Promise<readonly ObjectRef[]> {
    const { uid } = this.#object.metadata;
    const gone = resources.flatMap((resource) =>
      this.#cache(resource)
        .by('', uid)
        .filter(({ metadata }) => !this.#applied.has(`${resource.kind} ${metadata.name}`))
        .map((object) => ({ kind: resource.kind, object })),
    );
    for (const { kind, object } of gone) {
      this.#note({ change: 'delete', kind, name: object.metadata.name, fields: [] });
    }
    return Promise.resolve(gone.map(({ object }) => refOf(object)));
  }
}

function cacheKey({ group, plural }: Resource<KubeObject>): string {
  return `${group}/${plural}`;
}

function ownerOf({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}

/** Names of what a merge patch sets, never what to. */
function fieldsIn(body: unknown, path = ''): readonly string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return [path];
  return Object.entries(body)
    .filter(([name, value]) => value !== null && name !== 'uid' && name !== 'resourceVersion')
    .flatMap(([name, value]) => fieldsIn(value, path === '' ? name : `${path}.${name}`));
}
