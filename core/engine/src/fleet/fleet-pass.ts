// One look at one fleet: renders, makes what is missing, asks the members, and tells.

import type { Outcome, ReconcileContext } from '@tweendeck/controller';
import {
  deploymentResource,
  isApiError,
  type KindObject,
  type KubeObject,
  type Pod,
  podResource,
  type Resource,
  refKey,
  serviceResource,
} from '@tweendeck/kube';
import { announce } from '../announce.ts';
import { fleetPhases } from '../cluster-spec.ts';
import type { Trouble } from '../engine.ts';
import type { Member } from '../member.ts';
import { memberPod } from '../members.ts';
import { takenName } from '../taken-names.ts';
import type { ClusterFigures } from '../telemetry/cluster-figures.ts';
import type { EngineFigures } from '../telemetry/figures.ts';
import type {
  FleetChild,
  FleetEngine,
  FleetShape,
  FleetStatus,
  FleetView,
} from './fleet-engine.ts';
import { isPresent, planFleetStatus, serves } from './fleet-status.ts';
import { type Answers, askEveryMs, type Inquiry } from './inquiry.ts';
import type { OnceSecrets } from './once-secret.ts';

/** What is not of the platform is not watched: it is looked at again after this long. */
const lookAgainMs = 30_000;
/** Children of one that was deleted are soon collected. */
const collectedMs = 1_000;

/** Of all members, in figures. */
const group = 'replicas';

/** What outlives a pass. */
export interface FleetMemory<Facts> {
  readonly secrets: OnceSecrets;
  readonly inquiry: Inquiry<Facts>;
  readonly figures: EngineFigures;
  readonly account: ClusterFigures;
}

/** What came of making the children. */
interface Making {
  /** As the server has them now, which caches may not know yet. */
  readonly made: FleetView['present'];
  readonly refusals: ReadonlyMap<string, string>;
  readonly secretRefusal: string | undefined;
  readonly blocked: Trouble | undefined;
}

/** One look at one fleet. */
export class FleetPass<Spec, Status extends FleetStatus, Facts> {
  readonly #engine: FleetEngine<Spec, Status, Facts>;
  readonly #object: KindObject<Spec, Status>;
  readonly #context: ReconcileContext<KindObject<Spec, Status>>;
  readonly #shape: FleetShape;
  readonly #key: string;

  constructor(
    engine: FleetEngine<Spec, Status, Facts>,
    object: KindObject<Spec, Status>,
    context: ReconcileContext<KindObject<Spec, Status>>,
  ) {
    this.#engine = engine;
    this.#object = object;
    this.#context = context;
    this.#shape = engine.shape(object);
    this.#key = refKey(object.metadata);
  }

  async run(memory: FleetMemory<Facts>): Promise<Outcome> {
    const children = this.#engine.children(this.#object, this.#view());
    const names = children.map(({ resource, object }) => ({
      resource,
      name: object.metadata.name,
    }));
    const taken = await takenName(this.#object, names, this.#context);
    if (taken === 'leftover') return { requeueAfterMs: collectedMs };
    const making = taken ? blockedBy(taken) : await this.#make(children, memory.secrets);
    const answers = await this.#ask(memory);
    this.#tell(making, answers, memory.account);
    return { requeueAfterMs: taken ? lookAgainMs : askEveryMs };
  }

  #view(): FleetView {
    const { members, entry } = this.#shape;
    const present = this.#present;
    const entryServes = entry !== undefined && serves(present(deploymentResource, entry.name));
    return { present, pods: this.#pods(members.selector), entryServes };
  }

  /** The object's own: somebody else's namesake is not. */
  readonly #present: FleetView['present'] = (resource, name) => {
    const { uid, namespace = 'default' } = this.#object.metadata;
    const found = this.#context.cache(resource).get({ namespace, name });
    const isOwn = found?.metadata.ownerReferences?.some((one) => one.controller && one.uid === uid);
    return isOwn ? found : undefined;
  };

  #pods(labels: Readonly<Record<string, string>>): readonly Pod[] {
    const { namespace = 'default' } = this.#object.metadata;
    return this.#context.cache(podResource).list({ namespace, labels });
  }

  /** In their order: a pod that starts finds what it needs. */
  async #make(children: readonly FleetChild[], secrets: OnceSecrets): Promise<Making> {
    const refusal = this.#engine.refusal?.(this.#object);
    if (refusal !== undefined) {
      // What was made before goes on.
      const blocked = { reason: 'SpecRefused', message: `nothing is changed: ${refusal}` };
      return { ...blockedBy(blocked), made: this.#present };
    }
    const made = new Map<string, KubeObject>();
    const refusals = new Map<string, string>();
    const secret = this.#engine.secret?.(this.#object);
    const secretRefusal =
      secret && (await secrets.ensure(this.#key, { owner: this.#object, secret }, this.#context));
    for (const { resource, object, mayBeRefused } of children) {
      const key = childKey(resource.kind, object.metadata.name);
      try {
        made.set(key, await this.#context.apply(resource, object));
      } catch (error) {
        if (!mayBeRefused || !isApiError(error, 'Invalid')) throw error;
        refusals.set(key, error.message);
      }
    }
    await this.#context.prune(...this.#engine.owns);
    return {
      // Kept under its own kind.
      made: <Child extends KubeObject>({ kind }: Resource<Child>, name: string) =>
        made.get(childKey(kind, name)) as Child | undefined,
      ...{ refusals, secretRefusal, blocked: undefined },
    };
  }

  async #ask({ inquiry, figures, account }: FleetMemory<Facts>): Promise<Answers<Facts>> {
    const { clock, signal } = this.#context;
    const { kind, observe, telemetry } = this.#engine;
    const { members: fleet } = this.#shape;
    const pods = this.#pods(fleet.selector).filter(isPresent);
    const members = pods.map(memberOf<Facts>);
    const ask = (member: Member<Facts>, ended: AbortSignal) => observe(member, this.#object, ended);
    const beganMs = clock.monotonicMs();
    const answers = await inquiry.answers(this.#key, { members, ask, clock }, signal);
    if (answers.isNew) figures.asked(kind.kind, (clock.monotonicMs() - beganMs) / 1_000);
    const wanted = new Map([[group, fleet.replicas]]);
    account.observed(telemetry, answers, { wanted, isNew: answers.isNew });
    return answers;
  }

  #tell(making: Making, { members }: Answers<Facts>, account: ClusterFigures): void {
    const { made, refusals, secretRefusal, blocked } = making;
    const refused = (kind: string, name: string) => refusals.get(childKey(kind, name));
    const seen = { members, made, refused, secretRefusal, blocked };
    const own = this.#engine.words(this.#object, seen);
    const { metadata } = this.#object;
    const { members: fleet, entry, service } = this.#shape;
    const all = planFleetStatus({
      shape: this.#shape,
      isDeleting: metadata.deletionTimestamp !== undefined,
      members: {
        deployment: made(deploymentResource, fleet.name),
        pods: this.#pods(fleet.selector),
      },
      entry: entry && {
        deployment: made(deploymentResource, entry.name),
        pods: this.#pods(entry.selector),
      },
      service: made(serviceResource, service.name),
      ...{ blocked, trouble: own.trouble, hints: this.#engine.hints },
    });
    const conditions = [...all.conditions, ...own.conditions];
    const said = new Set(conditions.map(({ type }) => type));
    const gone = ['EntryReady', ...this.#engine.conditions]
      .filter((type) => !said.has(type))
      .map((type) => ({ type, gone: true }) as const);
    this.#context.status({ ...own.fields, ...all.fields }, [...conditions, ...gone]);
    const { phase } = all.fields;
    const troubles = all.trouble ? [all.trouble] : [];
    const plan = { actions: [], ahead: [], leaving: [], troubles, waits: all.waits };
    account.told({ plan, phase, phases: fleetPhases, step: null, conditions });
    announce(this.#object, { phase, conditions }, this.#context);
  }
}

const childKey = (kind: string, name: string): string => `${kind} ${name}`;

/** Nothing is made, and what is there is not looked at: it may be somebody else's. */
function blockedBy(blocked: Trouble): Making {
  return { made: () => undefined, refusals: new Map(), secretRefusal: undefined, blocked };
}

function memberOf<Facts>(pod: Pod, ordinal: number): Member<Facts> {
  const seen = memberPod(pod, true);
  return {
    ...{ name: pod.metadata.name, place: { group, shard: 0, ordinal }, wanted: true },
    ...{ revision: seen.revision, pod: seen, view: undefined, silence: undefined },
  };
}
