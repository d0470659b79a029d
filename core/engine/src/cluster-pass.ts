// One look at one cluster: renders, asks the members, decides, acts, and tells.

import type { ControllerLife, Outcome, ReconcileContext } from '@tweendeck/controller';
import {
  configMapResource,
  type KubeObject,
  type Pod,
  persistentVolumeClaimResource,
  podDisruptionBudgetResource,
  podResource,
  type Resource,
  refKey,
  serviceResource,
  statefulSetResource,
} from '@tweendeck/kube';
import { messageOf, timestampOf } from '@tweendeck/std';
import { announce } from './announce.ts';
import { apartConditions } from './apart.ts';
import { approvalsOf, spentApprovals } from './approvals.ts';
import { whileFilled } from './backup/while-filled.ts';
import { choresOf } from './chores.ts';
import type { ClusterObject, StepFailure } from './cluster-spec.ts';
import type { Cluster, Engine, EngineTables, Tls, Trouble } from './engine.ts';
import { heldBudget } from './held-budgets.ts';
import { clusterLabels, roleLabel } from './labels.ts';
import type { Listeners } from './listeners.ts';
import { confirmedSettings, settingsToKeep, wantedSettings } from './live-settings.ts';
import type { Member, Observed, Place } from './member.ts';
import { membersOf, sameMembers } from './members.ts';
import { observe } from './observe.ts';
import { type Action, type Chores, type ClusterPlan, planCluster } from './plan.ts';
import {
  type ClusterRendering,
  hasPasswords,
  hasTls,
  type MemberRendering,
  renderMember,
} from './render.ts';
import type { Renderings } from './renderings.ts';
import { roleLabels } from './role-labels.ts';
import { currentPasswords, renewPasswords } from './secrets/keep-passwords.ts';
import type { PasswordSecrets } from './secrets/password-secret.ts';
import type { TlsSecrets } from './secrets/tls-secret.ts';
import { planStatus, type StatusWords } from './status-plan.ts';
import { type Stopping, stoppingOf } from './stopping.ts';
import { takenName, type WantedName } from './taken-names.ts';
import type { ClusterFigures } from './telemetry/cluster-figures.ts';
import type { EngineFigures } from './telemetry/figures.ts';
import { withKeptClaims } from './volumes.ts';

/** What members do by themselves is seen so often; of clusters that have been well for a while, more seldom. */
const lookAgainMs = 10_000;
const lookAgainCalmMs = 30_000;
const calmMs = 60_000;
/** While something is under way. */
const busyMs = 1_000;
/** What fails for longer is tried again in its own time, not ever sooner or later. */
const freshFailureMs = 10_000;
/** Between two pieces of what is done in pieces, and four times as long as the last one took: members have their clients to serve. */
const goOnMs = 100;
const restShare = 4;
const restMaxMs = 10_000;

/** What hears of clusters between passes. */
interface Ears extends Pick<ControllerLife, 'wake'> {
  readonly listeners: Listeners;
}

/** What outlives a pass. */
export interface PassMemory<Options> {
  readonly ears: Ears | undefined;
  readonly secrets: PasswordSecrets;
  readonly certificates: TlsSecrets;
  readonly renderings: Renderings<Options>;
  readonly figures: EngineFigures;
  readonly account: ClusterFigures;
}

/** Files only where there are any: rights follow from this. */
export function ownedResources<Options>({
  recipes,
}: Pick<EngineTables<Options>, 'recipes'>): readonly Resource<KubeObject>[] {
  const hasFiles = Object.values(recipes).some(({ files }) => files !== undefined);
  return [
    serviceResource,
    podDisruptionBudgetResource,
    statefulSetResource,
    ...(hasFiles ? [configMapResource] : []),
  ];
}

/** Whether volumes may be asked for: rights follow from this. */
export function keepsData({ groups }: Pick<EngineTables<never>, 'groups'>): boolean {
  return Object.values(groups).some((group) => group.keepsData);
}

function namesOf({ services, budgets, members }: ClusterRendering): readonly WantedName[] {
  return [
    ...services.map(({ metadata: { name } }) => ({ resource: serviceResource, name })),
    ...budgets.map(({ metadata: { name } }) => ({ resource: podDisruptionBudgetResource, name })),
    ...members.flatMap(({ name, files }) => [
      { resource: statefulSetResource, name },
      ...(files ? [{ resource: configMapResource, name }] : []),
    ]),
  ];
}

/** Nothing is made while a name is somebody else's. */
function blockedPlan(trouble: Trouble): ClusterPlan {
  return { actions: [], ahead: [], leaving: [], troubles: [trouble], waits: trouble.message };
}

/** For how long it has been ready as the spec is now. */
function calmOf({ metadata, status }: ClusterObject<unknown>, nowMs: number): number | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True' || status?.observedGeneration !== metadata.generation)
    return undefined;
  return nowMs - Date.parse(ready.lastTransitionTime);
}

interface FailedStep {
  readonly error: unknown;
  readonly failure: StepFailure;
}

/** One look at one cluster. */
export class ClusterPass<Options, Facts> {
  readonly #engine: Engine<Options, Facts>;
  readonly #object: ClusterObject<Options>;
  readonly #context: ReconcileContext<ClusterObject<Options>>;
  #cluster: Cluster<Options>;
  /** What was done in pieces took so long. */
  #workedMs = 0;

  constructor(
    engine: Engine<Options, Facts>,
    object: ClusterObject<Options>,
    context: ReconcileContext<ClusterObject<Options>>,
  ) {
    const { name, namespace = 'default' } = object.metadata;
    this.#engine = engine;
    this.#object = object;
    this.#context = context;
    const confirmed = confirmedSettings(object.status);
    const settings = wantedSettings(engine, object.spec, confirmed);
    const calmMs = calmOf(object, context.clock.nowMs());
    this.#cluster = { name, namespace, spec: object.spec, settings, confirmed, calmMs };
  }

  async run({
    ears,
    secrets,
    certificates,
    renderings,
    figures,
    account,
  }: PassMemory<Options>): Promise<Outcome> {
    const keeping = { secrets, object: this.#object, context: this.#context };
    const passwords = hasPasswords(this.#engine, this.#cluster)
      ? await currentPasswords(keeping)
      : undefined;
    if (passwords === 'made') return { requeueAfterMs: goOnMs };
    if (passwords && 'current' in passwords) this.#cluster = { ...this.#cluster, passwords };
    const tls = await this.#tls(certificates);
    if (tls && 'fingerprint' in tls) this.#cluster = { ...this.#cluster, tls };
    const key = refKey(this.#object.metadata);
    let asked = renderings.of(key, this.#cluster);
    const observed = await this.#observe(asked.members, figures);
    const approved = approvalsOf(this.#object);
    const stopping = stoppingOf(this.#engine, this.#cluster, observed, approved);
    if (stopping?.isApproved === false) {
      this.#cluster = { ...this.#cluster, spec: { ...this.#cluster.spec, suspend: false } };
      asked = renderings.of(key, this.#cluster);
    }
    account.observed(this.#engine.telemetry, observed);
    if (ears) this.#listen(ears, observed);
    await this.#mark(observed);
    const staying = this.#staying(observed);
    const rendering = renderings.with(staying, { rendering: asked, cluster: this.#cluster });
    const takenByName = await takenName(this.#object, namesOf(rendering), this.#context);
    // Secrets go with the rest of a namesake.
    if (takenByName === 'leftover') return { requeueAfterMs: busyMs };
    const taken =
      (passwords && 'reason' in passwords ? passwords : undefined) ??
      (tls && 'reason' in tls ? tls : undefined) ??
      takenByName;
    if (taken !== undefined) return this.#tell(observed, blockedPlan(taken), account);
    const chores = this.#chores([...rendering.members, ...staying]);
    const planned = this.#plan(observed, chores, stopping);
    const plan = whileFilled(planned, this.#object);
    const budgets = rendering.budgets.map((budget) => heldBudget(budget, observed.members));
    await this.#apply(
      { ...rendering, budgets },
      staying.filter(({ name }) => !plan.leaving.includes(name)),
    );
    const outcome = this.#tell(observed, plan, account);
    const failed = await this.#act(plan, { rendering, observed, account });
    if (failed && this.#isFresh(failed.failure)) throw failed.error;
    if (passwords && 'current' in passwords && (await renewPasswords(passwords, observed, keeping)))
      return { requeueAfterMs: goOnMs };
    const goesOn = plan.actions.some(
      (action) => 'run' in action && action.repeats === true && action.id !== failed?.failure.id,
    );
    if (failed) return { requeueAfterMs: goesOn ? busyMs : lookAgainMs };
    if (!goesOn) return outcome;
    return { requeueAfterMs: Math.min(restMaxMs, Math.max(goOnMs, restShare * this.#workedMs)) };
  }

  /** What members show, made where it is missing; or why there is nothing to show. */
  async #tls(certificates: TlsSecrets): Promise<Tls | Trouble | undefined> {
    if (!hasTls(this.#engine, this.#cluster)) return undefined;
    const isUnsure = this.#object.status?.phase !== 'Ready';
    return certificates.ensure(this.#object, isUnsure, this.#context);
  }

  /** To whoever runs; a pod with another address is another one to listen to. */
  #listen({ listeners, wake }: Ears, { members }: Observed<Facts>): void {
    const { listen } = this.#engine;
    if (listen === undefined) return;
    const { name, namespace } = this.#cluster;
    const ref = { name, namespace };
    const heard = members.flatMap((member) => {
      // Whoever does not even answer would be begun with again and again.
      if (member.pod?.ip === undefined || member.view === undefined) return [];
      const { uid, ip } = member.pod;
      const run = (signal: AbortSignal) =>
        listen(member, this.#cluster, () => wake(ref), signal).finally(() => {
          if (!signal.aborted) wake(ref);
        });
      return [{ key: `${member.name} ${uid} ${ip}`, run }];
    });
    listeners.set(refKey(ref), heard);
  }

  /** Services lead to whom labels say. */
  async #mark({ members }: Observed<Facts>): Promise<void> {
    if (!this.#engine.services?.byRole) return;
    const { client, signal } = this.#context;
    const { namespace } = this.#cluster;
    for (const { pod, role } of roleLabels(members)) {
      const body = { metadata: { uid: pod.uid, labels: { [roleLabel]: role } } };
      const patch = { type: 'merge', body } as const;
      await client.patch(podResource, { namespace, name: pod.name }, patch, {}, signal);
    }
  }

  /** Those that the spec asks for no more, as they are until they may leave. */
  #staying({ members }: Observed<Facts>): readonly MemberRendering[] {
    return members
      .filter(({ wanted }) => !wanted)
      .map(({ place }) => renderMember(this.#engine, this.#cluster, place));
  }

  #chores(members: readonly MemberRendering[]): Chores {
    const { cache, client } = this.#context;
    const { namespace, name } = this.#cluster;
    const selection = { namespace, labels: clusterLabels(this.#engine, name) };
    const claims = keepsData(this.#engine)
      ? cache(persistentVolumeClaimResource).list(selection)
      : [];
    return choresOf({ cluster: this.#cluster, members, claims, client });
  }

  async #apply(rendering: ClusterRendering, staying: readonly MemberRendering[]): Promise<void> {
    const context = this.#context;
    for (const service of rendering.services) await context.apply(serviceResource, service);
    for (const budget of rendering.budgets)
      await context.apply(podDisruptionBudgetResource, budget);
    for (const { files, workload } of [...rendering.members, ...staying]) {
      if (files) await context.apply(configMapResource, files);
      const ref = { namespace: this.#cluster.namespace, name: workload.metadata.name };
      const present = context.cache(statefulSetResource).get(ref);
      await context.apply(statefulSetResource, withKeptClaims(workload, present));
    }
    await context.prune(...ownedResources(this.#engine));
  }

  #tell(observed: Observed<Facts>, plan: ClusterPlan, account: ClusterFigures): Outcome {
    const words = this.#words(observed, plan);
    const own = new Set(words.conditions.map(({ type }) => type));
    // Others say something of it too, such as whether it was backed up lately.
    const others = (this.#object.status?.conditions ?? []).filter(({ type }) => !own.has(type));
    const conditions = [...words.conditions, ...others];
    account.told({ plan, conditions, phase: words.fields.phase, step: words.fields.step });
    const { spec, settings = {}, confirmed = {} } = this.#cluster;
    const kept = settingsToKeep(settings, spec, { members: observed.members, confirmed });
    const spent = spentApprovals(this.#object, plan);
    const fields = { ...words.fields, settings: kept, spentApprovals: spent };
    this.#context.status(fields, words.conditions);
    announce(this.#object, { ...words, phase: words.fields.phase }, this.#context);
    const isCalm = (this.#cluster.calmMs ?? 0) >= calmMs;
    const restMs = isCalm ? lookAgainCalmMs : lookAgainMs;
    return { requeueAfterMs: plan.waits === undefined ? restMs : busyMs };
  }

  async #observe(
    wanted: readonly MemberRendering[],
    figures: EngineFigures,
  ): Promise<Observed<Facts>> {
    const { name, namespace } = this.#cluster;
    const { cache, clock, signal } = this.#context;
    const selection = { namespace, labels: clusterLabels(this.#engine, name) };
    const members = this.#members(
      wanted,
      cache(statefulSetResource).list(selection),
      cache(podResource).list(selection),
    );
    const beganMs = clock.monotonicMs();
    const observed = await observe(
      this.#engine,
      { cluster: this.#cluster, members, clock },
      signal,
    );
    figures.asked(this.#engine.kind, (clock.monotonicMs() - beganMs) / 1_000);
    return observed;
  }

  #members(
    wanted: readonly MemberRendering[],
    workloads: readonly KubeObject[],
    pods: readonly Pod[],
  ): readonly Member<never>[] {
    const renderLeaver = (place: Place) => renderMember(this.#engine, this.#cluster, place);
    return membersOf({ wanted, workloads, pods, renderLeaver });
  }

  /** Whether the server has the pods as they were seen, not a cache that may be behind. */
  async #isAsSeen({ members: wanted }: ClusterRendering, observed: Observed<Facts>) {
    const { namespace, name } = this.#cluster;
    const { client, signal } = this.#context;
    const labels = Object.entries(clusterLabels(this.#engine, name));
    const labelSelector = labels.map(([key, value]) => `${key}=${value}`).join(',');
    const selection = { namespace, labelSelector };
    const workloads = await client.list(statefulSetResource, selection, signal);
    const pods = await client.list(podResource, selection, signal);
    return sameMembers(this.#members(wanted, workloads.items, pods.items), observed.members);
  }

  #plan(observed: Observed<Facts>, chores: Chores, stopping: Stopping | undefined): ClusterPlan {
    return planCluster({
      ...{ engine: this.#engine, cluster: this.#cluster, observed, chores, stopping },
      underWay: this.#object.status?.step ?? undefined,
      failure: this.#object.status?.failure ?? undefined,
      approved: approvalsOf(this.#object),
      nowMs: this.#context.clock.nowMs(),
    });
  }

  #words({ members }: Observed<Facts>, plan: ClusterPlan): StatusWords {
    const { name, namespace, spec } = this.#cluster;
    const { clientGroup, recipes, services } = this.#engine;
    const [port] = Object.values(recipes[clientGroup]?.ports ?? {});
    const host = services?.byRole ? `${name}-rw` : name;
    const conditions = [...(plan.conditions ?? []), ...apartConditions(this.#engine, members)];
    return planStatus({
      ...{ members, plan: { ...plan, conditions }, suspended: spec.suspend === true },
      underWay: this.#object.status?.step ?? undefined,
      failure: this.#object.status?.failure ?? undefined,
      endpoint: `${host}.${namespace}.svc:${port}`,
      nowMs: this.#context.clock.nowMs(),
    });
  }

  /**
   * What may disturb is written down before it is done, and nobody is restarted on an old view. What fails keeps nothing
   * else from being tried; gives the first of it.
   */
  async #act(
    { actions }: ClusterPlan,
    {
      rendering,
      observed,
      account,
    }: {
      readonly rendering: ClusterRendering;
      readonly observed: Observed<Facts>;
      readonly account: ClusterFigures;
    },
  ): Promise<FailedStep | undefined> {
    const context = this.#context;
    let first: FailedStep | undefined;
    for (const action of actions) {
      if (action.risk !== 'safe') await context.writeStatus();
      if ('removes' in action && !(await this.#isAsSeen(rendering, observed))) continue;
      context.log.info('step', { cluster: this.#cluster.name, step: action.id, why: action.why });
      context.event('Normal', 'Step', `${action.id}: ${action.why}`);
      const beganMs = context.clock.monotonicMs();
      try {
        await account.step(action.id, () => this.#do(action));
        if ('run' in action && action.repeats === true)
          this.#workedMs += context.clock.monotonicMs() - beganMs;
        if (this.#object.status?.failure?.id === action.id) context.status({ failure: null });
      } catch (error) {
        context.signal.throwIfAborted();
        first ??= { error, failure: this.#failureOf(action, error) };
      }
    }
    if (first) context.status({ failure: first.failure });
    return first;
  }

  #failureOf({ id }: Action, error: unknown): StepFailure {
    const { failure } = this.#object.status ?? {};
    const nowMs = this.#context.clock.nowMs();
    const since = failure?.id === id ? failure.since : timestampOf(nowMs);
    return { id, message: messageOf(error), since };
  }

  #isFresh({ since, ...failure }: StepFailure): boolean {
    const { clock, log } = this.#context;
    const isFresh = clock.nowMs() - Date.parse(since) < freshFailureMs;
    if (!isFresh) log.warn('a step fails again and again', { since, ...failure });
    return isFresh;
  }

  async #do(action: Action): Promise<void> {
    const { client, signal } = this.#context;
    if ('run' in action) return action.run(signal);
    const { name, uid } = action.removes;
    const { namespace } = this.#cluster;
    await client.delete(podResource, { namespace, name }, { preconditions: { uid } }, signal);
  }
}
