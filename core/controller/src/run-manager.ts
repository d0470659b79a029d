// Runs controllers together: shared caches first, then (when asked) the lease, then the passes; and ends in reverse.

import { type Informer, openInformerSet } from '@tweendeck/client';
import { groupResourceOf, isApiError, type KubeObject } from '@tweendeck/kube';
import {
  abortable,
  aborted,
  assert,
  type Clock,
  isAbort,
  linkedAbort,
  onAbort,
  PlatformError,
} from '@tweendeck/std';
import type { BackgroundTask, ManagerOptions, TaskContext } from './controller.ts';
import { ControllerRunner } from './controller-runner.ts';
import { EventRecorder } from './event-recorder.ts';
import { whileLeading } from './leader-lease.ts';
import { createMetrics } from './metrics.ts';

const shutdownUsualMs = 10_000;
/** For what is left after passes were aborted: those that do not heed it, and events still to write. */
const afterShutdownMs = 2_000;

/**
 * Runs until the signal aborts, then stops in order: no new passes, an end to those under way (within a limit), events
 * written, lease released, caches closed. Rejects with what ended it otherwise, such as CONTROLLER_LEASE_LOST.
 */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, log, health, selectionOf, instance } = options;
  const tasks = options.tasks ?? [];
  const names = [...options.controllers, ...tasks].map(({ name }) => name);
  assert(new Set(names).size === names.length, `two controllers have one name: ${names.join(' ')}`);
  if (signal.aborted) return;
  const metrics = options.metrics ?? createMetrics();
  // Not linked to the signal: caches and connections serve the passes that are still under way.
  using kill = linkedAbort(new AbortController().signal);
  const caching = { clock, random, log, selectionOf };
  await using informers = openInformerSet(client, caching, kill.signal);
  using _check = health?.add('caches', () => problemOfCaches(informers.all()));
  const units = options.controllers.map((controller): Unit => {
    const unitLog = log.with({ controller: controller.name });
    const component = controller.name;
    const recorder = new EventRecorder({
      ...{ client, clock, random, log: unitLog, component },
      instance,
    });
    const tools = { client, informers, clock, random, log, metrics, recorder };
    const runner = new ControllerRunner(controller, tools);
    return { recorder, run: (stop, hard) => runner.run(stop, hard) };
  });
  for (const task of tasks) {
    const taskLog = log.with({ task: task.name });
    const component = task.name;
    const recorder = new EventRecorder({
      ...{ client, clock, random, log: taskLog, component },
      instance,
    });
    const record: TaskContext['record'] = (occurrence) => recorder.record(occurrence);
    const event: TaskContext['event'] = (type, reason, message, about) =>
      record({ about, type, reason, message });
    const context = { client, informers, clock, random, log: taskLog, event, record };
    units.push({ recorder, run: (stop) => runTask(task, context, stop) });
  }
  const act = (leading: AbortSignal): Promise<void> =>
    runUnits(units, options, { end: signal, leading, kill });
  if (!options.leaderElection) return await act(kill.signal);
  const lease = { ...options.leaderElection, client, clock, random, log, metrics, health };
  try {
    await whileLeading(lease, act, signal);
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
  }
}

/** Why controllers do not see what they must; undefined when every cache is filled and kept. */
function problemOfCaches(informers: readonly Informer<KubeObject>[]): string | undefined {
  const problems = informers.flatMap(({ resource, hasSynced, trouble }) => {
    if (hasSynced && trouble === undefined) return [];
    const name = groupResourceOf(resource);
    if (isApiError(trouble) && trouble.code === 404)
      return [`${name} ${resource.version} is not served: is its definition installed?`];
    return [`${name}: ${trouble?.message ?? 'the first list is not there yet'}`];
  });
  return problems.length > 0 ? problems.join('; ') : undefined;
}

async function runTask(
  task: BackgroundTask,
  context: TaskContext,
  stop: AbortSignal,
): Promise<void> {
  try {
    await task.run(context, stop);
  } catch (error) {
    if (!stop.aborted) throw error; // else: its way of stopping
  }
}

interface Unit {
  readonly run: (stop: AbortSignal, kill: AbortSignal) => Promise<void>;
  readonly recorder: EventRecorder;
}

async function runUnits(
  units: readonly Unit[],
  options: ManagerOptions,
  signals: {
    readonly end: AbortSignal;
    readonly leading: AbortSignal;
    readonly kill: AbortController;
  },
): Promise<void> {
  const { clock, log, shutdownTimeoutMs = shutdownUsualMs } = options;
  const { kill } = signals;
  using stop = linkedAbort(signals.end);
  using _lost = onAbort(signals.leading, (reason) => {
    kill.abort(reason);
    stop.abort(reason);
  });
  const recording = Promise.all(units.map(({ recorder }) => recorder.run(kill.signal)));
  const work = Promise.all([
    aborted(stop.signal),
    ...units.map(({ run }) => run(stop.signal, kill.signal)),
  ]);
  let failure: { readonly error: unknown } | undefined;
  try {
    await abortable(work, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) failure = { error };
    stop.abort();
  }
  if (!(await settlesWithin(work, shutdownTimeoutMs, clock))) {
    kill.abort(new PlatformError('CONTROLLER_STOPPED', 'the program ends'));
    if (!(await settlesWithin(work, afterShutdownMs, clock)))
      log.error('a pass does not heed its signal; leaving it behind');
  }
  for (const { recorder } of units) recorder[Symbol.dispose]();
  await settlesWithin(recording, afterShutdownMs, clock);
  if (failure) throw failure.error;
}

/** Whether `promise` settles in time, either way. */
async function settlesWithin(
  promise: Promise<unknown>,
  limitMs: number,
  clock: Clock,
): Promise<boolean> {
  const limit = Promise.withResolvers<boolean>();
  using _ = clock.timer(limitMs, () => limit.resolve(false));
  const settled = promise.then(
    () => true,
    () => true,
  );
  return await Promise.race([settled, limit.promise]);
}
