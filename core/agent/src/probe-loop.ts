// Runs the probes of one run of a container: startup first, then liveness and readiness side by side.

import type { Probe } from '@tweendeck/kube';
import type { Clock, TaskGroup } from '@tweendeck/std';
import { type HandlerResult, type HandlerTarget, runHandler } from './handler.ts';
import {
  initialProbeState,
  type ProbeKind,
  type ProbeTiming,
  probeStep,
  probeTiming,
} from './probe.ts';
import type { PodEvent } from './runtime.ts';

export interface ProbeTarget extends HandlerTarget {
  readonly event: (type: PodEvent['type'], reason: string, message: string) => void;
}

export interface ProbeOutcome {
  readonly changed: (what: { readonly started?: boolean; readonly ready?: boolean }) => void;
  /** A startup or liveness probe gave the container up. */
  readonly failed: (kind: 'startup' | 'liveness', graceSeconds: number | undefined) => void;
}

/** Starts the container's probes in `tasks`. Delays count from now, the start of the program. */
export function runProbes(tasks: TaskGroup, target: ProbeTarget, outcome: ProbeOutcome): void {
  const { startupProbe, livenessProbe, readinessProbe } = target.container;
  const startMs = target.clock.monotonicMs();
  const later = (): void => {
    if (livenessProbe) {
      const failed = (): void =>
        outcome.failed('liveness', livenessProbe.terminationGracePeriodSeconds);
      const watch = { kind: 'liveness', probe: livenessProbe, startMs, failed } as const;
      tasks.start(async (signal) => void (await probeLoop(target, watch, signal)));
    }
    if (readinessProbe) {
      const verdict = (ready: boolean): void => outcome.changed({ ready });
      const watch = { kind: 'readiness', probe: readinessProbe, startMs, verdict } as const;
      tasks.start(async (signal) => void (await probeLoop(target, watch, signal)));
    }
  };
  if (!startupProbe) {
    later();
    return;
  }
  const failed = (): void => outcome.failed('startup', startupProbe.terminationGracePeriodSeconds);
  tasks.start(async (signal) => {
    const watch = { kind: 'startup', probe: startupProbe, startMs, failed } as const;
    if (!(await probeLoop(target, watch, signal))) return;
    outcome.changed({ started: true, ...(readinessProbe ? {} : { ready: true }) });
    later();
  });
}

interface ProbeWatch {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly startMs: number;
  /** The verdict turned. */
  readonly verdict?: (success: boolean) => void;
  /** The verdict is failure; the loop has ended. */
  readonly failed?: () => void;
}

/** Probes until the container is given up (false), or, for a startup probe, has started (true). */
async function probeLoop(
  target: ProbeTarget,
  watch: ProbeWatch,
  signal: AbortSignal,
): Promise<boolean> {
  const { kind, probe } = watch;
  const { clock } = target;
  const timing = probeTiming(probe);
  const since = clock.monotonicMs() - watch.startMs;
  if (timing.initialDelayMs > since) await clock.sleep(timing.initialDelayMs - since, signal);
  for (let state = initialProbeState(kind); ; ) {
    const once = (): Promise<HandlerResult> =>
      runHandler(probe, { ...target, timeoutMs: timing.timeoutMs }, signal);
    let beganMs = clock.monotonicMs();
    const first = state.last === undefined;
    const result = first ? await firstResult(once, { clock, timing }, signal) : await once();
    if (first) beganMs = clock.monotonicMs();
    if (!result.ok) {
      const name = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
      target.event('Warning', 'Unhealthy', `${name} probe failed: ${result.message}`);
    }
    const before = state.verdict;
    state = probeStep(state, result.ok ? 'success' : 'failure', timing);
    if (state.verdict !== before) watch.verdict?.(state.verdict === 'success');
    if (kind === 'startup' && state.verdict === 'success') return true;
    if (kind !== 'readiness' && state.verdict === 'failure') {
      watch.failed?.();
      return false;
    }
    await clock.sleep(Math.max(0, timing.periodMs - (clock.monotonicMs() - beganMs)), signal);
  }
}

/** Between tries of a first result, doubling. */
const eagerMs = 100;

/**
 * The first result: a program needs a moment to begin, so it is asked again and again for one period, and only the last
 * failure counts. A kubelet counts the first at once and asks again a period later, which makes everything late.
 */
async function firstResult(
  once: () => Promise<HandlerResult>,
  { clock, timing }: { readonly clock: Clock; readonly timing: ProbeTiming },
  signal: AbortSignal,
): Promise<HandlerResult> {
  const endMs = clock.monotonicMs() + timing.periodMs;
  for (let pauseMs = eagerMs; ; pauseMs *= 2) {
    const result = await once();
    const leftMs = endMs - clock.monotonicMs();
    if (result.ok || leftMs <= 0) return result;
    await clock.sleep(Math.min(pauseMs, leftMs), signal);
  }
}
