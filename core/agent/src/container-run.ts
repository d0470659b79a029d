// One run of a container: from the start of its program to the end of the last of its processes.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, ContainerStateTerminated } from '@tweendeck/kube';
import {
  assert,
  isAbort,
  linkedAbort,
  messageOf,
  onAbort,
  PlatformError,
  TaskGroup,
  timestampOf,
} from '@tweendeck/std';
import { tarOptions } from './archive-names.ts';
import { findProgram } from './catalogue.ts';
import type { Cgroup } from './cgroups.ts';
import { copyInput, type RemoteExit, type RemoteStreams, runExec } from './container-exec.ts';
import type { ReadyLaunch } from './container-launch.ts';
import { type OutputCopy, pumpOutput } from './container-output.ts';
import { markers } from './container-plan.ts';
import { removeTree, replaceFile } from './files.ts';
import { type HandlerTarget, runHandler } from './handler.ts';
import { LogFile } from './log-file.ts';
import { readLog } from './log-reader.ts';
import { rewritePaths } from './mount-paths.ts';
import { settlesWithin, sleepOrNudge } from './nudge.ts';
import { killStrays } from './orphans.ts';
import type { Ending, PodContext } from './pod-context.ts';
import { containerLogDirectory, messagePath, processRecordPath } from './pod-paths.ts';
import { runProbes } from './probe-loop.ts';
import { bootId } from './proc.ts';
import {
  type GroupExit,
  type GroupOptions,
  type ProcessGroup,
  signalProcess,
  startGroup,
} from './process-group.ts';
import { platformStopReason } from './restart.ts';
import type { PodEvent } from './runtime.ts';

export interface RunInput {
  readonly context: PodContext;
  readonly container: Container;
  readonly launch: ReadyLaunch;
  /** Names the log file. */
  readonly number: number;
  readonly containerID: string;
  readonly event: (type: PodEvent['type'], reason: string, message: string) => void;
  /** Called once, when the program runs and its postStart hook is done. */
  readonly running: (run: ContainerRun, startedAt: string) => void;
}

export interface RunEnd {
  readonly terminated: ContainerStateTerminated;
  /** It was ended in order to start again. */
  readonly byUs: boolean;
}

/** A command to be run beside a container's program. */
interface RunCommand {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly tty: boolean;
}

/** A run that goes on, as others see it. */
export interface ContainerRun {
  readonly ready: boolean;
  readonly started: boolean;
  readonly servesFronts: ReadyLaunch['servesFronts'];
  readonly log: LogFile;
  /** Makes a program that reads its fronts from a file read them again, as soon as it has started. */
  rereadFronts(): void;
  /** Asks for the end; the first to ask decides how. */
  end(ending: Ending): void;
  /** Runs a command beside the program, until it ends, the signal aborts, or the program ends. Rejects when it cannot be started. */
  exec(command: RunCommand, streams: RemoteStreams, signal: AbortSignal): Promise<RemoteExit>;
  /** Joins the program's streams, from now on and until it has ended. */
  attach(streams: RemoteStreams, signal: AbortSignal): Promise<void>;
}

/** Kept for a process whose output pipe outlives it, in milliseconds. */
const drainMs = 2_000;
/** A process gets this long between the polite signal and the other, even when a hook used up the grace. */
const leastGraceMs = 2_000;
/** After SIGKILL, before the process is given up as stuck in the kernel. */
const stuckMs = 10_000;

/** Runs the program until it ends by itself or is ended. What keeps it from starting is an end with reason StartError. */
export async function runContainer(input: RunInput, stop: AbortSignal): Promise<RunEnd> {
  const { context, container, launch, number } = input;
  const { runtime } = context;
  const startedAt = timestampOf(runtime.clock.nowMs());
  const directory = containerLogDirectory(runtime.directory, context.pod(), container.name);
  let cgroup: Cgroup | undefined;
  try {
    await using log = await LogFile.open(join(directory, `${number}.log`), runtime.logLimits);
    await removeLogsBefore(directory, number - 1);
    const { uid } = context.pod().metadata;
    cgroup = await runtime.cgroups.open(`${uid}-${container.name}-${number}`, launch.limits);
    const started = await start(input, { cgroup, log });
    await using running = new Run(input, { ...started, log, cgroup }); // from here on its processes are ended with it
    await writeRecord(input, started.group);
    const exit = await running.untilEnd(startedAt, stop);
    const terminated = await endState(input, { exit, cgroup, startedAt, log });
    return { terminated, byUs: running.ending?.byUs ?? false };
  } catch (error) {
    if (isAbort(error, context.hard)) throw error;
    input.event('Warning', 'Failed', `Error: ${messageOf(error)}`);
    const finishedAt = timestampOf(runtime.clock.nowMs());
    const { containerID } = input;
    const message = messageOf(error);
    const base = { exitCode: 128, reason: 'StartError', message, startedAt, finishedAt };
    return { terminated: { ...base, containerID }, byUs: false };
  } finally {
    await cgroup?.remove();
  }
}

async function start(
  input: RunInput,
  { cgroup, log }: { readonly cgroup: Cgroup | undefined; readonly log: LogFile },
): Promise<{ readonly group: ProcessGroup; readonly output: OutputCopy }> {
  const { container, context, launch, event } = input;
  const { runtime } = context;
  event('Normal', 'Created', `Created container: ${container.name}`);
  if (launch.program === undefined) {
    const name = launch.command[0] ?? '';
    throw new PlatformError(
      'AGENT_START_FAILED',
      `exec: "${name}": executable file not found in $PATH`,
      { hint: 'Install the program, or correct the command.' },
    );
  }
  const copies: OutputCopy[] = [];
  const group = await startGroup(
    {
      ...launch.group,
      program: launch.program,
      cgroupFiles: cgroup?.files ?? [],
      stdin: container.stdin ? 'pipe' : 'empty',
    },
    (pipes) => copies.push(pumpOutput(pipes, log, runtime)),
  );
  const [output] = copies;
  assert(output, 'a started program is being read');
  event('Normal', 'Started', `Started container ${container.name}`);
  return { group, output };
}

/** What the next start looks for if this platform is killed. */
async function writeRecord({ context, container }: RunInput, group: ProcessGroup): Promise<void> {
  const { uid } = context.pod().metadata;
  const path = processRecordPath(context.runtime.directory, uid, container.name);
  const record = { pid: group.pid, startTime: group.startTime, bootId: await bootId() };
  await replaceFile(path, JSON.stringify(record));
}

class Run implements ContainerRun, AsyncDisposable {
  ready = false;
  started = false;
  ending: Ending | undefined;
  readonly log: LogFile;
  readonly servesFronts: ReadyLaunch['servesFronts'];
  readonly #input: RunInput;
  readonly #group: ProcessGroup;
  readonly #output: OutputCopy;
  readonly #cgroup: Cgroup | undefined;
  readonly #target: HandlerTarget;
  readonly #probes: TaskGroup;
  readonly #asked: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  /** Fronts changed before it could hear of it. */
  #rereadDue = false;
  /** Aborts when the program has ended. */
  readonly #over = new AbortController();

  constructor(
    input: RunInput,
    parts: {
      readonly group: ProcessGroup;
      readonly output: OutputCopy;
      readonly log: LogFile;
      readonly cgroup: Cgroup | undefined;
    },
  ) {
    const { runtime } = input.context;
    this.#input = input;
    this.#group = parts.group;
    this.log = parts.log;
    this.servesFronts = input.launch.servesFronts;
    this.#output = parts.output;
    this.#cgroup = parts.cgroup;
    this.#target = handlerTarget(input, parts.cgroup);
    this.#probes = new TaskGroup({
      onFailure: (error) => runtime.log.error('a probe failed by a bug', { error }),
    });
  }

  rereadFronts(): void {
    this.#rereadDue = !this.started; // a program that only begins would end by the signal
    if (this.started && !this.ending && !this.#over.signal.aborted)
      signalProcess(this.#group.pid, 'SIGHUP');
  }

  end(ending: Ending): void {
    this.ending ??= ending;
    this.#asked.resolve();
  }

  async exec(
    { command, tty }: RunCommand,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit> {
    const { context, container } = this.#input;
    const { clock, random } = context.runtime;
    const found = await this.#target.command(command);
    const tar = tarOptions(context.mounts(container));
    const named = tar === undefined ? {} : { TAR_OPTIONS: tar };
    const plain = { ...found, environment: { ...named, ...found.environment } };
    const place = { clock, ended: this.#over.signal };
    if (!tty) return runExec(place, { group: plain, streams }, signal);
    // What runs in a terminal is no member of a group that we know: a mark finds it.
    const mark = { [markers.exec]: random.uuid() };
    const group = { ...plain, environment: { ...plain.environment, ...mark } };
    try {
      return await runExec(place, { group, streams, tty }, signal);
    } finally {
      if (signal.aborted || this.#over.signal.aborted) await killStrays(mark);
    }
  }

  async attach(streams: RemoteStreams, signal: AbortSignal): Promise<void> {
    using over = linkedAbort(signal);
    const { stdin, tap } = this.#output;
    const once = this.#input.container.stdinOnce === true;
    if (stdin && streams.stdin) {
      void copyInput(streams.stdin, stdin, over.signal).then(() =>
        once ? stdin.end() : undefined,
      );
    }
    await tap.join(streams, over.signal);
  }

  /** Sees the program through to its end. */
  async untilEnd(startedAt: string, stop: AbortSignal): Promise<GroupExit> {
    const { context, container, running } = this.#input;
    using _link = onAbort(stop, () => this.#endWithPod());
    await this.#postStart();
    this.started = !container.startupProbe;
    this.ready = this.started && !container.readinessProbe;
    if (!this.ending) {
      running(this, startedAt);
      this.#probe();
    }
    await Promise.race([this.#group.exited, this.#asked.promise]);
    if (this.ending) await this.#endGroup(this.ending);
    const { clock } = context.runtime;
    const ended = await settlesWithin(
      this.#group.exited,
      { clock, delayMs: stuckMs },
      context.hard,
    );
    const { done } = this.#output;
    await settlesWithin(done, { clock, delayMs: drainMs }, context.hard); // its last words count
    return ended ? await this.#group.exited : { exitCode: 137, signal: 9 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ready = false;
    this.#over.abort(new Error('the container has ended'));
    this.#group.kill('SIGKILL');
    await this.#probes[Symbol.asyncDispose]();
    const { context, container } = this.#input;
    const { runtime } = context;
    if (!this.#cgroup) {
      await killStrays({
        [markers.instance]: runtime.instance,
        [markers.podUid]: context.pod().metadata.uid,
        [markers.container]: container.name,
      });
    }
    await this.#output[Symbol.asyncDispose]();
    await removeTree(
      processRecordPath(runtime.directory, context.pod().metadata.uid, container.name),
    );
  }

  #endWithPod(): void {
    const { context, container } = this.#input;
    const deadlineMs = context.ending()?.deadlineMs ?? 0;
    this.end({
      reason: 'Killing',
      message: `Stopping container ${container.name}`,
      graceMs: Math.max(0, deadlineMs - context.runtime.clock.monotonicMs()),
      byUs: false,
    });
  }

  async #postStart(): Promise<void> {
    const { container, context, event } = this.#input;
    const hook = container.lifecycle?.postStart;
    if (!hook) return;
    const hooked = runHandler(
      hook,
      { ...this.#target, timeoutMs: 2 ** 31 - 1 },
      this.#probes.signal,
    );
    hooked.catch(() => undefined); // it is given up when the container ends first
    await Promise.race([hooked, this.#group.exited, this.#asked.promise]);
    const exited = await settlesWithin(
      this.#group.exited,
      { clock: context.runtime.clock, delayMs: 0 },
      context.hard,
    );
    if (exited || this.ending) return;
    const { ok, message } = await hooked;
    if (ok) return;
    event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${message}`);
    this.end({
      reason: 'Killing',
      message: 'FailedPostStartHook',
      graceMs: this.#graceMs(),
      byUs: false,
    });
  }

  #graceMs(): number {
    return (this.#input.context.pod().spec.terminationGracePeriodSeconds ?? 30) * 1_000;
  }

  #probe(): void {
    const { container, context, event } = this.#input;
    runProbes(
      this.#probes,
      { ...this.#target, event },
      {
        changed: (what) => {
          if (what.started !== undefined) this.started = what.started;
          if (this.started && this.#rereadDue) this.rereadFronts();
          if (what.ready !== undefined) this.ready = what.ready;
          context.changed();
        },
        failed: (kind, graceSeconds) =>
          this.end({
            reason: 'Killing',
            message: `Container ${container.name} failed ${kind} probe, will be restarted`,
            graceMs: graceSeconds === undefined ? this.#graceMs() : graceSeconds * 1_000,
            byUs: false,
          }),
      },
    );
  }

  /** preStop hook, polite signal, SIGKILL at the deadline; the pod's own ending may move the deadline forward. */
  async #endGroup(ending: Ending): Promise<void> {
    const { container, context, event } = this.#input;
    const { runtime, hard } = context;
    event('Normal', ending.reason, ending.message);
    const { clock } = runtime;
    const ownDeadlineMs = clock.monotonicMs() + ending.graceMs;
    const hook = container.lifecycle?.preStop;
    if (hook && ending.graceMs > 0) {
      const result = await this.#preStop(hook, ownDeadlineMs);
      if (!result.ok)
        event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.message}`);
    }
    this.#group.kill((container.lifecycle?.stopSignal as NodeJS.Signals | undefined) ?? 'SIGTERM');
    const leastMs = ending.graceMs > 0 ? clock.monotonicMs() + leastGraceMs : 0;
    const gone = this.#group.exited.then(() => context.hurry.notify());
    for (let exited = false; !exited; ) {
      const seen = context.hurry.version;
      const podDeadlineMs = context.ending()?.deadlineMs ?? Number.POSITIVE_INFINITY;
      const deadlineMs = Math.max(leastMs, Math.min(ownDeadlineMs, podDeadlineMs));
      const leftMs = deadlineMs - clock.monotonicMs();
      exited = await settlesWithin(gone, { clock, delayMs: 0 }, hard);
      if (exited || leftMs <= 0) break;
      await sleepOrNudge({ clock, nudge: context.hurry, seen }, leftMs, hard);
    }
    this.#group.kill('SIGKILL');
  }

  async #preStop(
    hook: NonNullable<NonNullable<Container['lifecycle']>['preStop']>,
    deadlineMs: number,
  ): Promise<{ readonly ok: boolean; readonly message: string }> {
    const { runtime, hard } = this.#input.context;
    const timeoutMs = Math.max(1, deadlineMs - runtime.clock.monotonicMs());
    const hooked = runHandler(hook, { ...this.#target, timeoutMs }, this.#probes.signal);
    const either = Promise.race([hooked, this.#group.exited]);
    const done = await settlesWithin(either, { clock: runtime.clock, delayMs: timeoutMs }, hard);
    if (!done) return { ok: false, message: 'the grace period is over' };
    return Promise.race([hooked, this.#group.exited.then(() => ({ ok: true, message: '' }))]);
  }
}

function handlerTarget(input: RunInput, cgroup: Cgroup | undefined): HandlerTarget {
  const { container, context, launch } = input;
  const mounts = context.mounts(container);
  return {
    clock: context.runtime.clock,
    container,
    podIP: context.podIP,
    async command(words): Promise<GroupOptions> {
      const [name = '', ...args] = words.map((word) => rewritePaths(word, mounts));
      const program = await findProgram(name, launch.group.environment['PATH'] ?? '');
      if (program === undefined)
        throw new Error(`exec: "${name}": executable file not found in $PATH`);
      return { ...launch.group, program, args, cgroupFiles: cgroup?.files ?? [] };
    },
  };
}

interface EndFacts {
  readonly exit: GroupExit;
  readonly cgroup: Cgroup | undefined;
  readonly startedAt: string;
  readonly log: LogFile;
}

async function endState(input: RunInput, facts: EndFacts): Promise<ContainerStateTerminated> {
  const { context, containerID } = input;
  const { exit, cgroup, startedAt } = facts;
  const oomKilled = exit.exitCode !== 0 && ((await cgroup?.oomKills()) ?? 0) > 0;
  const stopped = context.ending()?.platformStops === true;
  const message = stopped ? 'The platform was stopped.' : await lastWords(input, facts);
  return {
    exitCode: exit.exitCode,
    ...(exit.signal === undefined ? {} : { signal: exit.signal }),
    reason: oomKilled
      ? 'OOMKilled'
      : stopped
        ? platformStopReason
        : exit.exitCode === 0
          ? 'Completed'
          : 'Error',
    ...(message ? { message } : {}),
    startedAt,
    finishedAt: timestampOf(context.runtime.clock.nowMs()),
    containerID,
  };
}

/** What the container left in its message file, or the end of its log if it failed and asks for that. */
async function lastWords(input: RunInput, { exit, log }: EndFacts): Promise<string> {
  const { container, context } = input;
  const path = messagePath(context.runtime.directory, context.pod().metadata.uid, container.name);
  const words = (await readFile(path, 'utf8').catch(() => '')).slice(0, 4_096);
  const fallback =
    container.terminationMessagePolicy === 'FallbackToLogsOnError' && exit.exitCode !== 0;
  if (words !== '' || !fallback) return words;
  let tail = '';
  try {
    for await (const block of readLog(log.path, { tailLines: 80 }, context.hard))
      tail += String(block);
  } catch (error) {
    if (isAbort(error, context.hard)) throw error;
  }
  return tail.slice(-2_048);
}

/** Logs of one earlier run are kept, as a kubelet does. */
async function removeLogsBefore(directory: string, number: number): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (Number.parseInt(name, 10) < number) await removeTree(join(directory, name));
  }
}
