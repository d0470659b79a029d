// One pod on this node, from its first sight to the removal of its object: address, volumes, init containers, containers,
// status, and the way down.

import type { Container, Pod, PodStatus } from '@tweendeck/kube';
import { backoffMs, isAbort, jsonEqual, messageOf, TaskGroup, timestampOf } from '@tweendeck/std';
import { isOfPlatform } from './catalogue.ts';
import { unhonoured } from './container-plan.ts';
import { ContainerRunner } from './container-runner.ts';
import { removeTree } from './files.ts';
import { Nudge, sleepOrNudge } from './nudge.ts';
import type { PodContext, PodEnding } from './pod-context.ts';
import { podLogDirectory, podRunDirectory } from './pod-paths.ts';
import { isSidecar, mergedConditions, podStatusOf, sameStatus } from './pod-status.ts';
import { PodVolumes } from './pod-volumes.ts';
import type { PodEvent, PodRuntime } from './runtime.ts';

/** A change that was not heard of shows in a volume after this time at the latest. */
const volumeLookMs = 60_000;
/** Between looks at the sizes of limited volumes. */
const sizeLookMs = 10_000;
/** Claims may be large: they are measured at every so manieth of these looks. */
const looksPerClaim = 30;

export class PodWorker {
  readonly uid: string;
  readonly #runtime: PodRuntime;
  readonly #hard: AbortSignal;
  readonly #inputs = new Nudge();
  readonly #statusDue = new Nudge();
  readonly #hurry = new Nudge();
  /** Ends init containers and containers. */
  readonly #stop = new AbortController();
  /** Ends containers that run beside them. */
  readonly #stopSidecars = new AbortController();
  readonly #volumes: PodVolumes;
  readonly #startTime: string;
  #pod: Pod;
  #written: PodStatus | undefined;
  #podIP: string | undefined;
  #init: readonly ContainerRunner[] = [];
  #containers: readonly ContainerRunner[] = [];
  #ending: PodEnding | undefined;
  #failure: { readonly reason: string; readonly message: string } | undefined;
  /** The object is gone from the API: nothing is left to write. */
  #gone = false;

  constructor(runtime: PodRuntime, pod: Pod, hard: AbortSignal) {
    this.uid = pod.metadata.uid;
    this.#runtime = runtime;
    this.#hard = hard;
    this.#pod = pod;
    this.#startTime = pod.status?.startTime ?? timestampOf(runtime.clock.nowMs());
    this.#volumes = new PodVolumes(runtime, () => this.#pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  get podIP(): string | undefined {
    return this.#podIP;
  }

  /** The runner of a container, by name, once the pod has begun. */
  runner(name: string): ContainerRunner | undefined {
    return [...this.#init, ...this.#containers].find((runner) => runner.name === name);
  }

  /** Takes the object's latest state. A deletion timestamp begins the end. */
  update(pod: Pod): void {
    const { labels, annotations } = this.#pod.metadata;
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) {
      const { deletionGracePeriodSeconds: grace = 30 } = pod.metadata;
      this.end({ graceMs: grace * 1_000, platformStops: false });
    }
    const described = { labels: pod.metadata.labels, annotations: pod.metadata.annotations };
    if (!jsonEqual({ labels, annotations }, described)) this.inputsChanged();
    this.#statusDue.notify();
  }

  /** The object is gone: whatever runs is ended quickly. */
  objectGone(): void {
    this.#gone = true;
    this.end({ graceMs: 2_000, platformStops: false });
  }

  /** Begins the end, or brings it nearer. */
  end(how: { readonly graceMs: number; readonly platformStops: boolean }): void {
    const deadlineMs = this.#runtime.clock.monotonicMs() + how.graceMs;
    this.#ending = {
      deadlineMs: Math.min(deadlineMs, this.#ending?.deadlineMs ?? deadlineMs),
      platformStops: how.platformStops,
    };
    this.#hurry.notify();
    this.#stop.abort();
  }

  /** A config map, secret or service changed. */
  inputsChanged(): void {
    this.#inputs.notify();
    for (const runner of [...this.#init, ...this.#containers]) runner.frontsChanged();
  }

  /** Resolves when the pod needs nothing of this node any more: its object is gone, or the platform stops. */
  async run(): Promise<void> {
    await using tasks = new TaskGroup({ onFailure: (error) => this.#bug(error) });
    tasks.start((signal) => this.#writeStatuses(signal));
    if (!this.#isTerminal()) await this.#live();
    if (!this.#ending) await this.#untilEnding();
    await this.#flushStatus();
    const ended = this.#written?.phase === 'Succeeded' || this.#written?.phase === 'Failed';
    if (ended) await removeTree(podRunDirectory(this.#runtime.directory, this.uid)); // its logs stay
    if (this.#pod.metadata.deletionTimestamp !== undefined && !this.#gone)
      await this.#removeObject();
    if (this.#ending?.platformStops) return;
    await this.#untilGone();
  }

  /** Removes everything the pod had on this machine. */
  async clean(): Promise<void> {
    const { directory, addresses } = this.#runtime;
    await removeTree(podRunDirectory(directory, this.uid));
    await removeTree(podLogDirectory(directory, this.#pod));
    await addresses.release(this.uid);
  }

  #bug(error: unknown): void {
    this.#runtime.log.error('a pod failed by a bug', { pod: this.#pod.metadata.name, error });
  }

  #isTerminal(): boolean {
    const phase = this.#pod.status?.phase;
    return phase === 'Succeeded' || phase === 'Failed';
  }

  async #live(): Promise<void> {
    const stop = this.#stop.signal;
    await using tasks = new TaskGroup({ onFailure: (error) => this.#bug(error) });
    try {
      const podIP = await this.#prepare(stop);
      const context = this.#context(podIP);
      this.#containers = this.#runners(context, this.#pod.spec.containers, 'spec.containers');
      this.#init = this.#runners(
        context,
        this.#pod.spec.initContainers ?? [],
        'spec.initContainers',
      );
      this.#podIP = podIP;
      this.#statusDue.notify();
      tasks.start((signal) => this.#watchVolumes(podIP, signal));
      tasks.start((signal) => this.#watchSizes(signal));
      tasks.start((signal) => this.#deadline(signal));
      if (this.#containers.some((runner) => runner.finished === undefined)) {
        await this.#runContainers(context);
      }
    } catch (error) {
      if (!isAbort(error, stop)) throw error;
    }
  }

  async #runContainers(context: PodContext): Promise<void> {
    const stop = this.#stop.signal;
    await using sidecars = new TaskGroup({ onFailure: (error) => this.#bug(error) });
    try {
      for (const runner of this.#init) {
        if (stop.aborted) return;
        if (isSidecar(runner.container)) {
          sidecars.start(() => runner.runUntilDone(this.#stopSidecars.signal));
          await this.#started(runner);
        } else {
          await runner.runUntilDone(stop);
          if (runner.finished?.exitCode !== 0) return; // stopped, or failed for good
        }
      }
      const left = this.#containers.filter((runner) => runner.finished === undefined);
      await Promise.all(left.map((runner) => runner.runUntilDone(stop)));
    } finally {
      if (!this.#ending) {
        const graceMs = (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000;
        const deadlineMs = context.runtime.clock.monotonicMs() + graceMs;
        if (sidecars.size > 0) this.#ending = { deadlineMs, platformStops: false };
      }
      this.#stopSidecars.abort();
      await sidecars.join();
    }
  }

  /** Waits until a container that stays has started. */
  async #started(runner: ContainerRunner): Promise<void> {
    while (!runner.run?.started) {
      const seen = this.#statusDue.version;
      if (runner.run?.started) return;
      await this.#statusDue.changed(seen, this.#stop.signal);
    }
  }

  #runners(
    context: PodContext,
    containers: readonly Container[],
    field: 'spec.containers' | 'spec.initContainers',
  ): readonly ContainerRunner[] {
    const { spec, status } = this.#pod;
    const previous =
      field === 'spec.containers' ? status?.containerStatuses : status?.initContainerStatuses;
    const whole = spec.restartPolicy ?? 'Always';
    return containers.map((container) => {
      const waitingFor = spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating';
      const initPolicy = isSidecar(container)
        ? 'Always'
        : whole === 'Never'
          ? 'Never'
          : 'OnFailure';
      return new ContainerRunner({
        context,
        container,
        field,
        waitingFor,
        policy: field === 'spec.initContainers' ? initPolicy : whole,
        previous: previous?.find(({ name }) => name === container.name),
      });
    });
  }

  /** Address, directories, volumes; tried until they are there. */
  async #prepare(stop: AbortSignal): Promise<string> {
    const { clock, addresses } = this.#runtime;
    const { changesUsers } = this.#runtime;
    const ofPlatform = await isOfPlatform(this.#runtime.catalogue, this.#pod);
    for (const text of unhonoured(this.#pod, { changesUsers, ofPlatform })) {
      this.#event({ type: 'Warning', reason: 'NotInThisHome', message: text });
    }
    for (let attempt = 0; ; attempt++) {
      const seen = this.#inputs.version;
      let reason = 'FailedCreatePodSandBox';
      try {
        const podIP = await addresses.allot(this.uid);
        reason = 'FailedMount';
        await this.#volumes.prepare(podIP, stop);
        return podIP;
      } catch (error) {
        if (isAbort(error, stop)) throw error;
        this.#event({ type: 'Warning', reason, message: messageOf(error) });
      }
      const delayMs = Math.min(120_000, 2_000 * 2 ** Math.min(attempt, 6));
      await sleepOrNudge({ clock, nudge: this.#inputs, seen }, delayMs, stop);
    }
  }

  /** Evicts the pod when an emptyDir outgrew its limit, and says when a claim did. */
  async #watchSizes(signal: AbortSignal): Promise<void> {
    const said = new Set<string>();
    for (let look = 1; ; look++) {
      await this.#runtime.clock.sleep(sizeLookMs, signal);
      const excess = await this.#volumes.excess(signal);
      if (excess !== undefined) this.#fail('Evicted', excess);
      if (look % looksPerClaim !== 0) continue;
      for (const message of await this.#volumes.overfull(signal)) {
        const claim = message.split(' holds ')[0] ?? message;
        if (!said.has(claim)) this.#event({ type: 'Warning', reason: 'VolumeOverfull', message });
        said.add(claim);
      }
    }
  }

  /** Keeps filled volumes up to date. */
  async #watchVolumes(podIP: string, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#runtime;
    for (;;) {
      const seen = this.#inputs.version;
      try {
        await this.#volumes.refresh(podIP, signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        log.warn('a volume could not be brought up to date', {
          pod: this.#pod.metadata.name,
          error,
        });
      }
      await sleepOrNudge({ clock, nudge: this.#inputs, seen }, volumeLookMs, signal);
    }
  }

  async #deadline(signal: AbortSignal): Promise<void> {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined) return;
    const { clock } = this.#runtime;
    const endMs = Date.parse(this.#startTime) + activeDeadlineSeconds * 1_000;
    for (let leftMs = endMs - clock.nowMs(); leftMs > 0; leftMs = endMs - clock.nowMs()) {
      await clock.sleep(Math.min(leftMs, 60_000), signal);
    }
    if (this.#containers.every((runner) => runner.finished)) return;
    this.#fail('DeadlineExceeded', 'Pod was active on the node longer than the specified deadline');
  }

  /** Ends the pod as a whole; its object stays. */
  #fail(reason: string, message: string): void {
    if (this.#failure || this.#ending) return;
    this.#failure = { reason, message };
    this.#event({ type: 'Warning', reason, message });
    const graceMs = (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000;
    this.end({ graceMs: reason === 'Evicted' ? 0 : graceMs, platformStops: false });
  }

  #context(podIP: string): PodContext {
    return {
      runtime: this.#runtime,
      pod: () => this.#pod,
      podIP,
      mounts: (container) => this.#volumes.mounts(container),
      inputs: this.#inputs,
      ending: () => this.#ending,
      hurry: this.#hurry,
      changed: () => this.#statusDue.notify(),
      event: (event) => this.#event(event),
      hard: this.#hard,
    };
  }

  #event(event: PodEvent): void {
    this.#runtime.host.event(this.#pod, event);
  }

  async #untilEnding(): Promise<void> {
    while (!this.#ending && !this.#gone) {
      const seen = this.#hurry.version;
      if (!this.#ending) await this.#hurry.changed(seen, this.#hard);
    }
  }

  async #untilGone(): Promise<void> {
    while (!this.#gone && !this.#ending?.platformStops) {
      const seen = this.#hurry.version;
      await this.#hurry.changed(seen, this.#hard);
      if (this.#pod.metadata.deletionTimestamp !== undefined && !this.#gone)
        await this.#removeObject();
    }
  }

  #status(): PodStatus {
    const previous = this.#written ?? this.#pod.status;
    const own = previous?.conditions ?? [];
    const foreign = (this.#pod.status?.conditions ?? []).filter(
      ({ type }) => !own.some((condition) => condition.type === type) || !ownConditions.has(type),
    );
    const kept = own.filter(({ type }) => ownConditions.has(type));
    const { clock, hostIP } = this.#runtime;
    const now = timestampOf(clock.nowMs());
    const shared = { ...previous, conditions: [...kept, ...foreign] };
    if (this.#isTerminal() && this.#containers.length === 0) {
      return { ...this.#pod.status, conditions: mergedConditions(shared.conditions, [], now) };
    }
    const waiting = (
      container: Container,
    ): NonNullable<PodStatus['containerStatuses']>[number] => ({
      name: container.name,
      image: container.image ?? '',
      imageID: '',
      ready: false,
      started: false,
      restartCount: 0,
      state: {
        waiting: {
          reason: this.#pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating',
        },
      },
    });
    const begun = this.#containers.length > 0;
    const earlier = this.#pod.status;
    return podStatusOf({
      pod: this.#pod,
      previous: shared,
      init: begun
        ? this.#init.map((runner) => runner.status())
        : (earlier?.initContainerStatuses ?? this.#pod.spec.initContainers?.map(waiting) ?? []),
      containers: begun
        ? this.#containers.map((runner) => runner.status())
        : (earlier?.containerStatuses ?? this.#pod.spec.containers.map(waiting)),
      podIP: this.#podIP ?? earlier?.podIP,
      hostIP,
      startTime: this.#startTime,
      failure: this.#failure,
      stopped: this.#ending?.platformStops ?? false,
      deleted: this.#pod.metadata.deletionTimestamp !== undefined,
      now,
    });
  }

  /** Writes the status whenever it differs from what was written; several changes become one write. */
  async #writeStatuses(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; ) {
      const seen = this.#statusDue.version;
      try {
        await this.#writeStatus(signal);
        failures = 0;
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#runtime.log.warn('pod status not written', { pod: this.#pod.metadata.name, error });
        const { clock, random } = this.#runtime;
        await clock.sleep(backoffMs({ baseMs: 200, maxMs: 10_000 }, failures++, random), signal);
        continue;
      }
      await this.#statusDue.changed(seen, signal);
    }
  }

  async #writeStatus(signal: AbortSignal): Promise<void> {
    const status = this.#status();
    if (this.#gone || sameStatus(this.#written ?? this.#pod.status, status)) return;
    await this.#runtime.host.writeStatus(this.#pod, status, signal);
    this.#written = status;
  }

  async #flushStatus(): Promise<void> {
    const { clock, random, log } = this.#runtime;
    for (let failures = 0; failures < 5; failures++) {
      try {
        await this.#writeStatus(this.#hard);
        return;
      } catch (error) {
        if (isAbort(error, this.#hard)) throw error;
        log.warn('last pod status not written', { pod: this.#pod.metadata.name, error });
        await clock.sleep(backoffMs({ baseMs: 100, maxMs: 2_000 }, failures, random), this.#hard);
      }
    }
  }

  async #removeObject(): Promise<void> {
    const { clock, random, log, host } = this.#runtime;
    for (let failures = 0; !this.#gone; failures++) {
      try {
        await host.deletePod(this.#pod, this.#hard);
        return;
      } catch (error) {
        if (isAbort(error, this.#hard)) throw error;
        log.warn('pod object not removed', { pod: this.#pod.metadata.name, error });
        if (this.#ending?.platformStops) return;
        await clock.sleep(backoffMs({ baseMs: 200, maxMs: 10_000 }, failures, random), this.#hard);
      }
    }
  }
}

const ownConditions = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]);
