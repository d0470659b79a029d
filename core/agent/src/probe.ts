// When probe results turn a container healthy or unhealthy: thresholds over runs of like results. Pure.

import type { Probe } from '@tweendeck/kube';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

/** What the probe says of the container so far. */
export interface ProbeState {
  readonly verdict: 'success' | 'failure' | 'unknown';
  readonly last: 'success' | 'failure' | undefined;
  /** Like results in a row. */
  readonly run: number;
}

/** A probe's numbers with their defaults filled in. */
export interface ProbeTiming {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** Kubernetes' defaults: period 10 s, timeout 1 s, 1 success, 3 failures. */
export function probeTiming(probe: Probe): ProbeTiming {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1_000,
    periodMs: (probe.periodSeconds || 10) * 1_000,
    timeoutMs: (probe.timeoutSeconds || 1) * 1_000,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

/** Before the first result: a container counts as alive, not as ready, and not as started. */
export function initialProbeState(kind: ProbeKind): ProbeState {
  const verdicts = { startup: 'unknown', liveness: 'success', readiness: 'failure' } as const;
  return { verdict: verdicts[kind], last: undefined, run: 0 };
}

/** The state after one more result. */
export function probeStep(
  state: ProbeState,
  result: 'success' | 'failure',
  timing: Pick<ProbeTiming, 'successThreshold' | 'failureThreshold'>,
): ProbeState {
  const run = state.last === result ? state.run + 1 : 1;
  const needed = result === 'success' ? timing.successThreshold : timing.failureThreshold;
  return { verdict: run >= needed ? result : state.verdict, last: result, run };
}
