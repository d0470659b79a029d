// One container of a pod over all its runs: waits for what it needs, runs the program, watches it, ends it, and decides
// with `restart.ts` whether it runs again.

import { Buffer } from 'node:buffer';
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
} from '@tweendeck/kube';
import { isAbort, isPlatformError, messageOf, timestampOf } from '@tweendeck/std';
import { prepareLaunch, type ReadyLaunch } from './container-launch.ts';
import { type ContainerRun, runContainer } from './container-run.ts';
import { replaceFile } from './files.ts';
import { type Front, frontsFileText, frontsOf, sameFronts } from './fronts.ts';
import { sleepOrNudge } from './nudge.ts';
import type { PodContext } from './pod-context.ts';
import { frontsPath } from './pod-paths.ts';
import {
  backoffText,
  nextRestartBackoff,
  platformStopReason,
  type RestartBackoff,
  type RestartPolicy,
  restartsAfter,
} from './restart.ts';
import type { PodEvent } from './runtime.ts';

export interface RunnerOptions {
  readonly context: PodContext;
  readonly container: Container;
  /** Field path prefix of events: `spec.containers` or `spec.initContainers`. */
  readonly field: 'spec.containers' | 'spec.initContainers';
  readonly policy: RestartPolicy;
  /** Reason of the state before the first run. */
  readonly waitingFor: 'PodInitializing' | 'ContainerCreating';
  /** The status in the API at the start of the platform, if the pod was there before. */
  readonly previous: ContainerStatus | undefined;
}

export class ContainerRunner {
  readonly container: Container;
  readonly #context: PodContext;
  readonly #field: string;
  readonly #policy: RestartPolicy;
  #state: ContainerState;
  #lastState: ContainerState | undefined;
  #restartCount: number;
  /** Whether there was any run, here or before a restart of the platform. */
  #ranBefore: boolean;
  #containerID: string | undefined;
  #imageID = '';
  #run: ContainerRun | undefined;
  #fronts: readonly Front[] = [];
  /** Ends when the file of fronts says what was last asked for. */
  #rewriting: Promise<void> = Promise.resolve();
  #backoff: RestartBackoff | undefined;
  #frontsSaid = false;

  constructor(options: RunnerOptions) {
    this.container = options.container;
    this.#context = options.context;
    this.#field = options.field;
    this.#policy = options.policy;
    const restored = restoredRun(
      options.previous,
      timestampOf(options.context.runtime.clock.nowMs()),
    );
    this.#state = restored.state ?? { waiting: { reason: options.waitingFor } };
    this.#lastState = restored.lastState;
    this.#restartCount = restored.restartCount;
    this.#ranBefore = restored.ranBefore;
    this.#containerID = options.previous?.containerID;
  }

  get name(): string {
    return this.container.name;
  }

  /** The run that goes on; undefined between runs. */
  get run(): ContainerRun | undefined {
    return this.#run;
  }

  /** The end of the last run, if the container is not going to run again by itself. */
  get finished(): ContainerStateTerminated | undefined {
    const end = this.#state.terminated;
    return end && !restartsAfter(this.#policy, end) ? end : undefined;
  }

  /** Number of the latest run, which names its log file. */
  get runNumber(): number {
    return this.#restartCount;
  }

  status(): ContainerStatus {
    const run = this.#run;
    const done = this.#field === 'spec.initContainers' && this.#state.terminated?.exitCode === 0;
    return {
      name: this.name,
      image: this.container.image ?? '',
      imageID: this.#imageID,
      ...(this.#containerID === undefined ? {} : { containerID: this.#containerID }),
      restartCount: this.#restartCount,
      ready: (run?.ready ?? false) || done,
      started: run?.started ?? false,
      state: this.#state,
      ...(this.#lastState ? { lastState: this.#lastState } : {}),
    };
  }

  /** Runs the container until it ended for good or the pod is stopped. Rejects only for bugs. */
  async runUntilDone(stop: AbortSignal): Promise<void> {
    try {
      while (!stop.aborted) {
        const launch = await this.#ready(stop);
        const { byUs } = await this.#runOnce(launch, stop);
        if (stop.aborted || (!byUs && this.finished)) return;
        if (!byUs) await this.#backOff(stop);
      }
    } catch (error) {
      if (!isAbort(error, stop)) throw error;
    }
  }

  #frontsNow(): readonly Front[] {
    const { runtime, pod } = this.#context;
    const services = runtime.host.services(pod().metadata.namespace ?? '');
    return frontsOf(this.container, pod(), { services, nodeAddress: runtime.hostIP });
  }

  /** Tells the program, or restarts it, if it should now listen elsewhere. */
  frontsChanged(): void {
    const run = this.#run;
    const { pod } = this.#context;
    if (!run || run.servesFronts === 'no') return;
    const fronts = this.#frontsNow();
    if (sameFronts(fronts, this.#fronts)) return;
    if (run.servesFronts === 'by-file') {
      this.#fronts = fronts;
      this.#rewriting = this.#rewriting.then(() => this.#rewriteFronts(run));
      return;
    }
    run.end({
      reason: 'FrontsChanged',
      message: `Container ${this.name} is restarted to listen on ${frontsText(fronts)}`,
      graceMs: (pod().spec.terminationGracePeriodSeconds ?? 30) * 1_000,
      byUs: true,
    });
  }

  /** Writes what is true now: of several changes in a row the last is written last. */
  async #rewriteFronts(run: ContainerRun): Promise<void> {
    const { runtime, pod } = this.#context;
    try {
      const path = frontsPath(runtime.directory, pod().metadata.uid, this.name);
      await replaceFile(path, frontsFileText(this.#fronts), 0o644);
      run.rereadFronts();
      this.event('Normal', 'FrontsChanged', `Listens on ${frontsText(this.#fronts)}`);
    } catch (error) {
      runtime.log.warn('fronts not written', { container: this.name, error });
    }
  }

  /** Waits until the container can be started, saying in its state what it waits for. */
  async #ready(stop: AbortSignal): Promise<ReadyLaunch> {
    const { inputs, runtime } = this.#context;
    for (let attempt = 0; ; attempt++) {
      const seen = inputs.version;
      const launch = await this.#tryPrepare(attempt, stop);
      if (launch) return launch;
      const delayMs = Math.min(60_000, 10_000 * 2 ** Math.min(attempt, 5));
      await sleepOrNudge({ clock: runtime.clock, nudge: inputs, seen }, delayMs, stop);
    }
  }

  async #tryPrepare(attempt: number, stop: AbortSignal): Promise<ReadyLaunch | undefined> {
    const image = this.container.image ?? '';
    const { runtime } = this.#context;
    try {
      const program = await runtime.catalogue.resolve(image);
      if ('missing' in program) {
        const text = `no program ${program.missing} on this machine for image "${image}": ${program.hint}`;
        this.#missingProgram(text, attempt);
        return undefined;
      }
      this.#fronts = this.#frontsNow();
      const launch = await prepareLaunch(
        this.#context,
        { container: this.container, program, fronts: this.#fronts },
        stop,
      );
      if (attempt > 0 || !this.#ranBefore || this.#imageID === '') {
        this.event('Normal', 'Pulled', `Program ${program.command[0]} found for image "${image}"`);
      }
      this.#imageID = `program://${program.command[0]}`;
      this.#sayUnservedFronts(launch);
      return launch;
    } catch (error) {
      if (isAbort(error, stop)) throw error;
      this.#setWaiting('CreateContainerConfigError', messageOf(error));
      this.event('Warning', 'Failed', `Error: ${messageOf(error)}`);
      if (!isPlatformError(error))
        runtime.log.warn('container cannot be prepared', { container: this.name, error });
      return undefined;
    }
  }

  #missingProgram(text: string, attempt: number): void {
    const image = this.container.image ?? '';
    if (this.container.imagePullPolicy === 'Never') {
      this.event('Warning', 'ErrImageNeverPull', text);
      this.#setWaiting('ErrImageNeverPull', text);
    } else if (attempt === 0) {
      this.event('Warning', 'Failed', `Failed to pull image "${image}": ${text}`);
      this.event('Warning', 'Failed', 'Error: ErrImagePull');
      this.#setWaiting('ErrImagePull', text);
    } else {
      this.event('Normal', 'BackOff', `Back-off pulling image "${image}"`);
      this.#setWaiting('ImagePullBackOff', `Back-off pulling image "${image}": ${text}`);
    }
  }

  #sayUnservedFronts(launch: ReadyLaunch): void {
    if (this.#frontsSaid || launch.servesFronts !== 'no') return;
    const { runtime, pod } = this.#context;
    // Addresses of Services are served by whoever relays them.
    const own = frontsOf(this.container, pod(), { services: [], nodeAddress: runtime.hostIP });
    if (own.length === 0) return;
    this.#frontsSaid = true;
    const text = frontsText(own);
    this.event(
      'Warning',
      'FrontsNotServed',
      `The program of container ${this.name} listens on the pod's address only, not on ${text}`,
    );
  }

  async #runOnce(launch: ReadyLaunch, stop: AbortSignal): Promise<{ readonly byUs: boolean }> {
    if (this.#ranBefore) {
      this.#restartCount++;
      if (this.#state.terminated) this.#lastState = this.#state;
    }
    this.#ranBefore = true;
    const { clock, random } = this.#context.runtime;
    this.#containerID = `tweendeck://${Buffer.from(random.bytes(32)).toString('hex')}`;
    const startedMs = clock.monotonicMs();
    const end = await runContainer(
      {
        context: this.#context,
        container: this.container,
        launch,
        number: this.#restartCount,
        containerID: this.#containerID,
        event: (type, reason, message) => this.event(type, reason, message),
        running: (run, startedAt) => {
          this.#run = run;
          this.#state = { running: { startedAt } };
          this.#context.changed();
        },
      },
      stop,
    );
    this.#run = undefined;
    await this.#rewriting;
    this.#state = { terminated: end.terminated };
    this.#backoff = nextRestartBackoff(this.#backoff, clock.monotonicMs() - startedMs);
    this.#context.changed();
    return { byUs: end.byUs };
  }

  async #backOff(stop: AbortSignal): Promise<void> {
    const delayMs = this.#backoff?.delayMs ?? 0;
    if (delayMs === 0) return;
    const { namespace, name, uid } = this.#context.pod().metadata;
    const where = `container=${this.name} pod=${name}_${namespace}(${uid})`;
    this.#setWaiting(
      'CrashLoopBackOff',
      `back-off ${backoffText(delayMs)} restarting failed ${where}`,
    );
    this.event(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${this.name} in pod ${name}_${namespace}(${uid})`,
    );
    await this.#context.runtime.clock.sleep(delayMs, stop);
  }

  #setWaiting(reason: string, message: string): void {
    if (this.#state.terminated) this.#lastState = this.#state;
    this.#state = { waiting: { reason, message } };
    this.#context.changed();
  }

  event(type: PodEvent['type'], reason: string, message: string): void {
    const fieldPath = `${this.#field}{${this.name}}`;
    this.#context.event({ type, reason, message, fieldPath });
  }
}

function frontsText(fronts: readonly Front[]): string {
  if (fronts.length === 0) return "the pod's address only";
  return fronts.map(({ address, port }) => `${address}:${port}`).join(', ');
}

interface RestoredRun {
  /** Undefined before any run. */
  readonly state: ContainerState | undefined;
  readonly lastState: ContainerState | undefined;
  readonly restartCount: number;
  readonly ranBefore: boolean;
}

/** What the API knows of a container becomes what a kubelet finds after a reboot: a run that was going on has ended. */
export function restoredRun(previous: ContainerStatus | undefined, now: string): RestoredRun {
  if (!previous)
    return { state: undefined, lastState: undefined, restartCount: 0, ranBefore: false };
  const { state, lastState, restartCount, containerID } = previous;
  const startedAt = state?.running?.startedAt;
  if (state?.running) {
    const terminated: ContainerStateTerminated = {
      exitCode: 137,
      reason: platformStopReason,
      message: 'The platform ended while this container ran.',
      finishedAt: now,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(containerID === undefined ? {} : { containerID }),
    };
    return { state: { terminated }, lastState, restartCount, ranBefore: true };
  }
  const ranBefore = state?.terminated !== undefined || lastState?.terminated !== undefined;
  return { state: state?.terminated ? state : undefined, lastState, restartCount, ranBefore };
}
