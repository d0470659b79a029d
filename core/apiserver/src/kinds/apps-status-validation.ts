// Counters of workloads: not negative, and parts not larger than the whole. Rules and texts: upstream's apps validation.

import { type FieldError, type FieldPath, fieldInvalid, path } from '@tweendeck/kube';
import { type Draft, type Fields, numberAt, objectAt } from '../draft.ts';
import { negativeProblems } from './field-checks.ts';

const base: FieldPath = path('status');

interface Counters {
  /** In upstream's order. */
  readonly counts: readonly string[];
  /** Each at most `status.replicas`. */
  readonly parts: readonly string[];
  /** Said when more are available than ready. */
  readonly available: string;
}

function counterProblems(status: Fields, counters: Counters): readonly FieldError[] {
  const value = (key: string): number => numberAt(status, key) ?? 0;
  const more = counters.parts
    .filter((key) => value(key) > value('replicas'))
    .map((key) => invalid(key, value(key), 'cannot be greater than status.replicas'));
  const available = value('availableReplicas');
  return [
    ...negativeProblems(status, counters.counts, base),
    ...more,
    ...(available > value('readyReplicas')
      ? [invalid('availableReplicas', available, counters.available)]
      : []),
  ];
}

function invalid(key: string, value: number, detail: string): FieldError {
  return fieldInvalid(base.child(key), value, detail);
}

function collisionProblems(status: Fields, previous: Draft | undefined): readonly FieldError[] {
  const count = numberAt(status, 'collisionCount');
  const before = numberAt(objectAt(previous, 'status'), 'collisionCount');
  if (before === undefined || (count ?? -1) >= before) return [];
  return [invalid('collisionCount', count ?? 0, 'cannot be decremented')];
}

export function deploymentStatusProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const status = objectAt(draft, 'status');
  return [
    ...counterProblems(status, {
      counts: [
        'observedGeneration',
        'replicas',
        'updatedReplicas',
        'readyReplicas',
        'availableReplicas',
        'unavailableReplicas',
        'terminatingReplicas',
        'collisionCount',
      ],
      parts: ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
      available: 'cannot be greater than readyReplicas',
    }),
    ...collisionProblems(status, previous),
  ];
}

export function replicaSetStatusProblems(draft: Draft): readonly FieldError[] {
  return counterProblems(objectAt(draft, 'status'), {
    counts: [
      'replicas',
      'fullyLabeledReplicas',
      'readyReplicas',
      'availableReplicas',
      'observedGeneration',
      'terminatingReplicas',
    ],
    parts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    available: 'cannot be greater than readyReplicas',
  });
}

export function statefulSetStatusProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const status = objectAt(draft, 'status');
  return [
    ...counterProblems(status, {
      counts: [
        'replicas',
        'readyReplicas',
        'currentReplicas',
        'updatedReplicas',
        'availableReplicas',
        'observedGeneration',
        'collisionCount',
      ],
      parts: ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      available: 'cannot be greater than status.readyReplicas',
    }),
    ...collisionProblems(status, previous),
  ];
}

export function daemonSetStatusProblems(draft: Draft, previous?: Draft): readonly FieldError[] {
  const status = objectAt(draft, 'status');
  const counts = [
    'currentNumberScheduled',
    'numberMisscheduled',
    'desiredNumberScheduled',
    'numberReady',
    'observedGeneration',
    'updatedNumberScheduled',
    'numberAvailable',
    'numberUnavailable',
    'collisionCount',
  ];
  return [...negativeProblems(status, counts, base), ...collisionProblems(status, previous)];
}
