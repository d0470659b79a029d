// Pods: defaults, what may change after creation, grace, and how they are shown.

import { type FieldError, fieldForbidden, fieldInvalid, path } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import {
  copyOf,
  type Draft,
  type Fields,
  listAt,
  numberAt,
  objectAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import type { Part } from '../strategy.ts';
import { podColumns } from '../table/pod-columns.ts';
import type { KindRules } from './kind-rules.ts';
import { defaultPodSpec, requestsFromLimits } from './pod-defaults.ts';
import { podSpecProblems } from './pod-validation.ts';
import { qosClassOf } from './quality-of-service.ts';

export const podRules: KindRules = {
  columns: podColumns,
  selectable: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  strategy: {
    returnsDeleted: true,
    generation: 'counted',
    defaults: defaultPod,
    prepareCreate(draft) {
      const spec = objectIn(draft, 'spec');
      draft['status'] = { phase: 'Pending', qosClass: qosClassOf(spec) };
    },
    prepareUpdate(draft, previous, part) {
      const status = objectIn(draft, 'status');
      if (part === 'status') setDefault(status, 'qosClass', qosClassOf(objectAt(previous, 'spec')));
      if (part === 'status' && Object.keys(objectAt(draft, 'spec')).length === 0) {
        draft['spec'] = previous['spec'];
      }
    },
    validate: podProblems,
    graceSeconds: podGraceSeconds,
  },
};

function defaultPod(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  requestsFromLimits(spec);
  setDefault(spec, 'enableServiceLinks', true);
  defaultPodSpec(spec);
}

function podProblems(draft: Draft, previous: Draft | undefined, part: Part): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  if (part === 'status' || part === 'binding') return [];
  if (!previous) return podSpecProblems(spec, path('spec'));
  return changeProblems(spec, objectAt(previous, 'spec'));
}

const changeDetail =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** The few fields of a pod that may change once it exists. */
function changeProblems(next: Fields, previous: Fields): readonly FieldError[] {
  const problems: FieldError[] = [];
  for (const list of ['containers', 'initContainers']) {
    if (listAt(next, list).length === listAt(previous, list).length) continue;
    problems.push(
      fieldForbidden(path('spec').child(list), 'pod updates may not add or remove containers'),
    );
  }
  if (problems.length > 0) return problems;
  const deadline = numberAt(next, 'activeDeadlineSeconds');
  const former = numberAt(previous, 'activeDeadlineSeconds');
  if (former !== undefined && (deadline === undefined || deadline > former)) {
    const at = path('spec').child('activeDeadlineSeconds');
    const detail = 'must be less than or equal to previous value';
    problems.push(
      fieldInvalid(
        at,
        deadline ?? null,
        deadline === undefined ? 'must not update from a positive integer to nil value' : detail,
      ),
    );
  }
  const kept = copyOf(next);
  restoreChangeable(kept, previous);
  if (!jsonEqual(kept, previous)) problems.push(fieldForbidden(path('spec'), changeDetail));
  return problems;
}

function restoreChangeable(next: Fields, previous: Fields): void {
  for (const list of ['containers', 'initContainers']) {
    const old = listAt(previous, list);
    for (const [position, container] of listAt(next, list).entries()) {
      const image = old[position]?.['image'];
      if (image !== undefined) container['image'] = image;
      if (container['imagePullPolicy'] !== undefined) {
        container['imagePullPolicy'] = old[position]?.['imagePullPolicy'];
      }
    }
  }
  restore(next, previous, 'activeDeadlineSeconds');
  const had = listAt(previous, 'tolerations');
  const has = listAt(next, 'tolerations');
  const only = had.every((each) => has.some((other) => jsonEqual(each, other)));
  if (only) restore(next, previous, 'tolerations');
  const gates = listAt(next, 'schedulingGates');
  const hadGates = listAt(previous, 'schedulingGates');
  if (gates.every((each) => hadGates.some((other) => jsonEqual(each, other)))) {
    restore(next, previous, 'schedulingGates');
  }
}

function restore(next: Fields, previous: Fields, key: string): void {
  if (previous[key] === undefined) delete next[key];
  else next[key] = previous[key];
}

/** None for pods that no node has, or that have ended: nobody would wait. */
function podGraceSeconds(pod: Draft, asked: number | undefined): number {
  const spec = objectAt(pod, 'spec');
  const phase = textAt(pod['status'], 'phase');
  if (textAt(spec, 'nodeName') === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const seconds = asked ?? numberAt(spec, 'terminationGracePeriodSeconds') ?? 30;
  return seconds < 0 ? 1 : seconds;
}
