// Deployments, replica sets, stateful sets and daemon sets: defaults and what is set by the server. Rules: upstream's apps/v1 defaults and strategies.

import { dnsLabelProblems, dnsSubdomainProblems } from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, listAt, objectAt, objectIn, setDefault } from '../draft.ts';
import type { ScalePaths } from '../registry.ts';
import type { Part } from '../strategy.ts';
import {
  daemonSetColumns,
  deploymentColumns,
  replicaSetColumns,
  statefulSetColumns,
} from '../table/workload-columns.ts';
import {
  daemonSetStatusProblems,
  deploymentStatusProblems,
  replicaSetStatusProblems,
  statefulSetStatusProblems,
} from './apps-status-validation.ts';
import {
  daemonSetProblems,
  deploymentProblems,
  replicaSetProblems,
  statefulSetProblems,
} from './apps-validation.ts';
import { defaultClaim } from './claim-defaults.ts';
import { conditionTimes } from './condition-times.ts';
import type { KindRules } from './kind-rules.ts';
import { nameWarnings } from './name-warnings.ts';
import { defaultPodTemplate } from './pod-template.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

const scale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

function clearStatus(draft: Draft): void {
  draft['status'] = {};
}

const warnings = ({ spec }: Draft): readonly string[] =>
  podTemplateWarnings(objectAt(spec, 'template'), 'spec.template');
const namedWarnings = (draft: Draft): readonly string[] => [
  ...nameWarnings(draft.metadata.name ?? ''),
  ...warnings(draft),
];

export const deploymentRules: KindRules = {
  columns: deploymentColumns,
  scale,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    generation: 'annotations',
    defaults: defaultDeployment,
    prepareCreate: clearStatus,
    validate: (draft, previous, part) =>
      part === 'status'
        ? deploymentStatusProblems(draft, previous)
        : deploymentProblems(draft, previous),
    warnings: namedWarnings,
  },
};

function defaultDeployment(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  setDefault(spec, 'replicas', 1);
  defaultPodTemplate(spec);
  const strategy = objectIn(spec, 'strategy');
  if (!strategy['type']) strategy['type'] = 'RollingUpdate';
  if (strategy['type'] === 'RollingUpdate') {
    const rolling = objectIn(strategy, 'rollingUpdate');
    setDefault(rolling, 'maxUnavailable', '25%');
    setDefault(rolling, 'maxSurge', '25%');
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  setDefault(spec, 'progressDeadlineSeconds', 600);
  conditionTimes(draft['status'], ['lastUpdateTime', 'lastTransitionTime']);
}

export const replicaSetRules: KindRules = {
  columns: replicaSetColumns,
  scale,
  selectable: ['status.replicas'],
  strategy: {
    nameProblems: dnsSubdomainProblems,
    generation: 'counted',
    defaults(draft) {
      const spec = objectIn(draft, 'spec');
      setDefault(spec, 'replicas', 1);
      defaultPodTemplate(spec);
      setDefault(objectIn(draft, 'status'), 'replicas', 0);
      conditionTimes(draft['status'], ['lastTransitionTime']);
    },
    prepareCreate(draft) {
      draft['status'] = { replicas: 0 };
    },
    validate: (draft, previous, part) =>
      part === 'status' ? replicaSetStatusProblems(draft) : replicaSetProblems(draft, previous),
    warnings: namedWarnings,
  },
};

export const statefulSetRules: KindRules = {
  columns: statefulSetColumns,
  scale,
  strategy: {
    nameProblems: dnsLabelProblems,
    generation: 'counted',
    defaults: defaultStatefulSet,
    prepareCreate(draft) {
      draft['status'] = { replicas: 0, availableReplicas: 0 };
      dropUnavailable(draft);
    },
    prepareUpdate: (draft, _previous, part) => {
      if (part === 'main') dropUnavailable(draft);
    },
    validate: (draft, previous, part) =>
      part === 'status'
        ? statefulSetStatusProblems(draft, previous)
        : statefulSetProblems(draft, previous),
    warnings,
  },
};

function defaultStatefulSet(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  setDefault(spec, 'replicas', 1);
  defaultPodTemplate(spec);
  if (!spec['podManagementPolicy']) spec['podManagementPolicy'] = 'OrderedReady';
  const strategy = objectIn(spec, 'updateStrategy');
  if (!strategy['type']) {
    strategy['type'] = 'RollingUpdate';
    objectIn(strategy, 'rollingUpdate');
  }
  if (strategy['type'] === 'RollingUpdate' && isJsonObject(strategy['rollingUpdate'])) {
    setDefault(strategy['rollingUpdate'], 'partition', 0);
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  const retention = objectIn(spec, 'persistentVolumeClaimRetentionPolicy');
  for (const key of ['whenDeleted', 'whenScaled']) {
    if (!retention[key]) retention[key] = 'Retain';
  }
  setDefault(spec, 'serviceName', '');
  for (const claim of listAt(spec, 'volumeClaimTemplates')) {
    claim['apiVersion'] = 'v1';
    claim['kind'] = 'PersistentVolumeClaim';
    objectIn(claim, 'metadata');
    defaultClaim(claim);
  }
  const status = objectIn(draft, 'status');
  setDefault(status, 'replicas', 0);
  setDefault(status, 'availableReplicas', 0);
  conditionTimes(status, ['lastTransitionTime']);
}

/** A field of a feature that the release has switched off. */
function dropUnavailable({ spec }: Draft): void {
  delete objectAt(objectAt(spec, 'updateStrategy'), 'rollingUpdate')['maxUnavailable'];
}

export const daemonSetRules: KindRules = {
  columns: daemonSetColumns,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    generation: 'counted',
    defaults: defaultDaemonSet,
    prepareCreate(draft) {
      setTemplateGeneration(draft, Math.max(1, templateGeneration(draft)));
      draft['status'] = emptyDaemonStatus();
    },
    prepareUpdate: countTemplates,
    validate: (draft, previous, part) =>
      part === 'status'
        ? daemonSetStatusProblems(draft, previous)
        : daemonSetProblems(draft, previous),
    warnings,
  },
};

function emptyDaemonStatus(): Fields {
  return {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  };
}

function defaultDaemonSet(draft: Draft): void {
  // Upstream's conversion writes it, so that whoever sends a daemon set owns it.
  if (draft.metadata.annotations?.[generationAnnotation] === undefined) {
    setTemplateGeneration(draft, templateGeneration(draft));
  }
  const spec = objectIn(draft, 'spec');
  defaultPodTemplate(spec);
  const strategy = objectIn(spec, 'updateStrategy');
  if (!strategy['type']) strategy['type'] = 'RollingUpdate';
  if (strategy['type'] === 'RollingUpdate') {
    const rolling = objectIn(strategy, 'rollingUpdate');
    setDefault(rolling, 'maxUnavailable', 1);
    setDefault(rolling, 'maxSurge', 0);
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  const status = objectIn(draft, 'status');
  for (const [key, value] of Object.entries(emptyDaemonStatus())) setDefault(status, key, value);
  conditionTimes(status, ['lastTransitionTime']);
}

/** Kept as an annotation: the field of old is not part of the version served. */
const generationAnnotation = 'deprecated.daemonset.template.generation';

function templateGeneration({ metadata }: Draft): number {
  const text = metadata.annotations?.[generationAnnotation] ?? '';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : 0;
}

function setTemplateGeneration(draft: Draft, generation: number): void {
  const { annotations } = draft.metadata;
  draft.metadata.annotations = { ...annotations, [generationAnnotation]: String(generation) };
}

function countTemplates(draft: Draft, previous: Draft, part: Part): void {
  if (part !== 'main') return;
  const template = ({ spec }: Draft): unknown => objectAt(spec, 'template');
  const changed = !jsonEqual(template(draft), template(previous));
  setTemplateGeneration(draft, templateGeneration(previous) + (changed ? 1 : 0));
}
