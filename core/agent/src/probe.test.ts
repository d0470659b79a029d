import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialProbeState, type ProbeKind, probeStep, probeTiming } from './probe.ts';

const results = { '+': 'success', '-': 'failure' } as const;

for (const { name, kind, probe, seen, want } of [
  {
    name: 'is alive before the first result',
    kind: 'liveness',
    probe: {},
    seen: '',
    want: 'success',
  },
  {
    name: 'is not ready before the first result',
    kind: 'readiness',
    probe: {},
    seen: '',
    want: 'failure',
  },
  {
    name: 'has not started before the first result',
    kind: 'startup',
    probe: {},
    seen: '',
    want: 'unknown',
  },
  { name: 'survives two failures', kind: 'liveness', probe: {}, seen: '--', want: 'success' },
  { name: 'is given up after three', kind: 'liveness', probe: {}, seen: '---', want: 'failure' },
  {
    name: 'starts to count again after a success',
    kind: 'liveness',
    probe: {},
    seen: '--+--',
    want: 'success',
  },
  {
    name: 'is given up at once when asked to',
    kind: 'liveness',
    probe: { failureThreshold: 1 },
    seen: '-',
    want: 'failure',
  },
  { name: 'is ready after one success', kind: 'readiness', probe: {}, seen: '-+', want: 'success' },
  {
    name: 'is ready after as many as asked',
    kind: 'readiness',
    probe: { successThreshold: 2 },
    seen: '+-+',
    want: 'failure',
  },
  {
    name: 'stays ready through single failures',
    kind: 'readiness',
    probe: {},
    seen: '+-+-',
    want: 'success',
  },
  {
    name: 'is unready after three failures',
    kind: 'readiness',
    probe: {},
    seen: '+---',
    want: 'failure',
  },
  {
    name: 'never started',
    kind: 'startup',
    probe: { failureThreshold: 2 },
    seen: '--',
    want: 'failure',
  },
] as const) {
  test(`a container ${name} (${kind} ${seen})`, () => {
    let state = initialProbeState(kind satisfies ProbeKind);
    for (const one of seen)
      state = probeStep(state, results[one === '+' ? '+' : '-'], probeTiming(probe));
    assert.equal(state.verdict, want);
  });
}

test('probe numbers have the defaults of Kubernetes', () => {
  assert.deepEqual(probeTiming({}), {
    initialDelayMs: 0,
    periodMs: 10_000,
    timeoutMs: 1_000,
    successThreshold: 1,
    failureThreshold: 3,
  });
});
