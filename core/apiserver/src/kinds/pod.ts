// Pods: defaults, what may change after creation, grace, and how they are shown.

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  path,
} from '@tweendeck/kube';
import { isJsonObject, timestampOf } from '@tweendeck/std';
import {
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
import { conditionTimes } from './condition-times.ts';
import type { KindRules } from './kind-rules.ts';
import { defaultPodSpec, requestsFromLimits } from './pod-defaults.ts';
import { podChangeProblems, podStatusProblems } from './pod-update-validation.ts';
import { podSpecProblems } from './pod-validation.ts';
import { podWarnings } from './pod-warnings.ts';
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
    prepareCreate(draft, { nowMs }) {
      const spec = objectIn(draft, 'spec');
      const qosClass = qosClassOf(spec);
      const isGated = listAt(spec, 'schedulingGates').length > 0;
      draft['status'] = {
        phase: 'Pending',
        ...(isGated ? { conditions: [gatedSince(nowMs)] } : {}),
        qosClass,
      };
    },
    prepareUpdate(draft, previous, part) {
      const status = objectIn(draft, 'status');
      if (part === 'status') setDefault(status, 'qosClass', qosClassOf(objectAt(previous, 'spec')));
      if (part === 'status' && Object.keys(objectAt(draft, 'spec')).length === 0) {
        draft['spec'] = previous['spec'];
      }
    },
    validate: podProblems,
    warnings: podWarnings,
    graceSeconds: podGraceSeconds,
  },
};

function gatedSince(nowMs: number): Fields {
  return {
    type: 'PodScheduled',
    status: 'False',
    lastProbeTime: null,
    lastTransitionTime: timestampOf(nowMs),
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  };
}

/** The first of the addresses is the address. */
function mirrorAddress(status: Fields): void {
  const first = listAt(status, 'podIPs')[0];
  if (!status['podIP'] && first) status['podIP'] = first['ip'];
  else if (status['podIP'] && !first) status['podIPs'] = [{ ip: status['podIP'] }];
}

function defaultPod(draft: Draft): void {
  if (isJsonObject(draft['status'])) mirrorAddress(draft['status']);
  conditionTimes(draft['status'], ['lastProbeTime', 'lastTransitionTime']);
  completeStatuses(draft['status']);
  const spec = objectIn(draft, 'spec');
  requestsFromLimits(spec);
  setDefault(spec, 'enableServiceLinks', true);
  defaultPodSpec(spec);
}

/** What is a structure upstream is there, if empty. */
function completeStatuses(status: unknown): void {
  for (const key of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses']) {
    for (const each of listAt(status, key)) {
      setDefault(each, 'state', {});
      setDefault(each, 'lastState', {});
    }
  }
}

function podProblems(draft: Draft, previous: Draft | undefined, part: Part): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const base = path('spec');
  if (part === 'binding') return [];
  if (part === 'status') return previous ? podStatusProblems(draft, previous) : [];
  const problems = [
    ...podSpecProblems(spec, base, { podName: draft.metadata.name ?? '' }),
    ...imageSpaceProblems(spec, base),
  ];
  if (previous) return [...problems, ...podChangeProblems(spec, objectAt(previous, 'spec'))];
  if (listAt(spec, 'ephemeralContainers').length > 0) {
    problems.push(fieldForbidden(base.child('ephemeralContainers'), 'cannot be set on create'));
  }
  if (textAt(spec, 'nodeName') !== '' && listAt(spec, 'schedulingGates').length > 0) {
    const detail = 'cannot be set until all schedulingGates have been cleared';
    problems.push(fieldForbidden(base.child('nodeName'), detail));
  }
  return problems;
}

/** Templates may have them. */
function imageSpaceProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  return ['containers', 'initContainers'].flatMap((list) =>
    listAt(spec, list).flatMap((container, position) => {
      const image = textAt(container, 'image');
      if (image.trim() === image) return [];
      const at = base.child(list).index(position).child('image');
      return [fieldInvalid(at, image, 'must not have leading or trailing whitespace')];
    }),
  );
}

/** None for pods that no node has, or that have ended: nobody would wait. */
function podGraceSeconds(pod: Draft, asked: number | undefined): number {
  const spec = objectAt(pod, 'spec');
  const phase = textAt(pod['status'], 'phase');
  if (textAt(spec, 'nodeName') === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const seconds = asked ?? numberAt(spec, 'terminationGracePeriodSeconds') ?? 30;
  return seconds < 0 ? 1 : seconds;
}
