// What is done to pods and priority classes on their way in. Rules and texts: upstream's admission plugins Priority, RuntimeClass and DefaultTolerationSeconds.

import type { ClusterState } from '../cluster-state.ts';
import {
  copyOf,
  type Draft,
  type Fields,
  listAt,
  numberAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import { forbidden } from '../failures.ts';
import { storagePrefix } from '../storage-key.ts';
import type { Admission, Intent } from '../writing.ts';

const classesPrefix = storagePrefix({ group: 'scheduling.k8s.io', plural: 'priorityclasses' });

/** How long pods that do not say so themselves stay on a node in trouble, in seconds. */
export interface TroubleTolerance {
  readonly notReadySeconds: number;
  readonly unreachableSeconds: number;
}

export function podAdmission(state: ClusterState, tolerance: TroubleTolerance): Partial<Admission> {
  return {
    mutate(intent) {
      const { operation, object, previous, subresource, writing } = intent;
      const { group, kind } = writing.resource;
      if (group !== '' || kind !== 'Pod' || subresource !== '' || !object) return undefined;
      const next = copyOf(object);
      const spec = objectIn(next, 'spec');
      if (operation === 'UPDATE') keepPriority(spec, previous);
      if (operation !== 'CREATE') return next;
      setDefault(spec, 'serviceAccountName', 'default');
      setDefault(spec, 'serviceAccount', spec['serviceAccountName']);
      givePriority(spec, intent, state);
      refuseOverhead(spec, intent);
      tolerateTrouble(spec, tolerance);
      return next;
    },
    check(intent) {
      const { group, kind } = intent.writing.resource;
      if (group === 'scheduling.k8s.io' && kind === 'PriorityClass')
        refuseSecondDefault(intent, state);
    },
  };
}

/** Runtime classes, which alone give overhead, do not exist here. */
function refuseOverhead(spec: Fields, { object, writing }: Intent): void {
  const refuse = (why: string) => forbidden(writing.resource, object?.metadata.name ?? '', why);
  const name = textAt(spec, 'runtimeClassName');
  if (name !== '') throw refuse(`pod rejected: RuntimeClass "${name}" not found`);
  if (spec['overhead'] === undefined) return;
  throw refuse(
    'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  );
}

function classesOf(state: ClusterState): readonly Draft[] {
  return [...state.resource(classesPrefix).range('')].map((stored) => stored.peek());
}

/** A client of old that does not know these fields may leave them out. */
function keepPriority(spec: Fields, previous: Draft | undefined): void {
  const before = previous ? objectIn(copyOf(previous), 'spec') : {};
  for (const key of ['priority', 'preemptionPolicy']) {
    if (before[key] !== undefined) setDefault(spec, key, before[key]);
  }
}

function givePriority(spec: Fields, { object, writing }: Intent, state: ClusterState): void {
  const refuse = (why: string) => forbidden(writing.resource, object?.metadata.name ?? '', why);
  const asked = textAt(spec, 'priorityClassName');
  const found =
    asked === '' ? defaultClass(state) : state.resource(classesPrefix).get(asked)?.peek();
  if (asked !== '' && !found) {
    throw refuse(`no PriorityClass with name ${asked} was found`);
  }
  if (found) spec['priorityClassName'] = found.metadata.name;
  const priority = (found && numberAt(found, 'value')) ?? 0;
  const given = numberAt(spec, 'priority');
  const computed = 'priority admission controller computed';
  if (given !== undefined && given !== priority) {
    throw refuse(
      `the integer value of priority (${given}) must not be provided in pod spec; ${computed} ${priority} from the given PriorityClass name`,
    );
  }
  spec['priority'] = priority;
  const policy = textAt(found, 'preemptionPolicy') || 'PreemptLowerPriority';
  const wanted = textAt(spec, 'preemptionPolicy');
  if (wanted !== '' && wanted !== policy) {
    throw refuse(
      `the string value of PreemptionPolicy (${wanted}) must not be provided in pod spec; ${computed} ${policy} from the given PriorityClass name`,
    );
  }
  spec['preemptionPolicy'] = policy;
}

/** The lowest of those marked; there should be one at most. */
function defaultClass(state: ClusterState): Draft | undefined {
  const value = (each: Draft): number => numberAt(each, 'value') ?? 0;
  const marked = classesOf(state).filter((each) => each['globalDefault'] === true);
  return marked.toSorted((left, right) => value(left) - value(right))[0];
}

function tolerateTrouble(
  spec: Fields,
  { notReadySeconds, unreachableSeconds }: TroubleTolerance,
): void {
  const troubles = [
    ['node.kubernetes.io/not-ready', notReadySeconds],
    ['node.kubernetes.io/unreachable', unreachableSeconds],
  ] as const;
  const tolerations = [...listAt(spec, 'tolerations')];
  for (const [key, tolerationSeconds] of troubles) {
    const tolerated = tolerations.some(
      (each) =>
        (textAt(each, 'key') === key || textAt(each, 'key') === '') &&
        ['', 'NoExecute'].includes(textAt(each, 'effect')),
    );
    if (tolerated) continue;
    tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds });
  }
  spec['tolerations'] = tolerations;
}

function refuseSecondDefault({ object, writing }: Intent, state: ClusterState): void {
  if (object?.['globalDefault'] !== true) return;
  const other = classesOf(state).find((each) => each['globalDefault'] === true);
  const name = object.metadata.name ?? '';
  if (!other || other.metadata.name === name) return;
  const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
  throw forbidden(writing.resource, name, why);
}
