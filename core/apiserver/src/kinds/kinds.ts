// The rules of every built-in kind that has some, by `group/kind`.

import {
  daemonSetRules,
  deploymentRules,
  replicaSetRules,
  statefulSetRules,
} from './apps-rules.ts';
import {
  controllerRevisionRules,
  leaseRules,
  namespaceRules,
  serviceAccountRules,
} from './cluster-kinds.ts';
import { configMapRules, secretRules } from './configuration.ts';
import { cronJobRules } from './cron-job-rules.ts';
import { disruptionBudgetRules } from './disruption-budget-rules.ts';
import { endpointSliceRules } from './endpoint-slice-rules.ts';
import { eventRules, eventsEventRules } from './events.ts';
import { jobRules } from './job-rules.ts';
import type { KindRules } from './kind-rules.ts';
import { nodeRules } from './node-rules.ts';
import { podRules } from './pod.ts';
import { podTemplateRules } from './pod-template-rules.ts';
import { priorityClassRules } from './priority-class-rules.ts';
import { clusterRoleBindingRules, clusterRoleRules, roleBindingRules, roleRules } from './rbac.ts';
import { serviceRules } from './service.ts';
import { claimRules, storageClassRules, volumeRules } from './volume-rules.ts';
import { mutatingWebhookRules, validatingWebhookRules } from './webhooks.ts';

export const kindRules: ReadonlyMap<string, KindRules> = new Map<string, KindRules>([
  ['/Pod', podRules],
  ['/PodTemplate', podTemplateRules],
  ['/Service', serviceRules],
  ['/ConfigMap', configMapRules],
  ['/Secret', secretRules],
  ['/Namespace', namespaceRules],
  ['/Node', nodeRules],
  ['/ServiceAccount', serviceAccountRules],
  ['/Event', eventRules],
  ['events.k8s.io/Event', eventsEventRules],
  ['admissionregistration.k8s.io/MutatingWebhookConfiguration', mutatingWebhookRules],
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', validatingWebhookRules],
  ['rbac.authorization.k8s.io/Role', roleRules],
  ['rbac.authorization.k8s.io/RoleBinding', roleBindingRules],
  ['rbac.authorization.k8s.io/ClusterRole', clusterRoleRules],
  ['rbac.authorization.k8s.io/ClusterRoleBinding', clusterRoleBindingRules],
  ['apps/Deployment', deploymentRules],
  ['apps/ReplicaSet', replicaSetRules],
  ['apps/StatefulSet', statefulSetRules],
  ['apps/DaemonSet', daemonSetRules],
  ['apps/ControllerRevision', controllerRevisionRules],
  ['policy/PodDisruptionBudget', disruptionBudgetRules],
  ['/PersistentVolume', volumeRules],
  ['/PersistentVolumeClaim', claimRules],
  ['storage.k8s.io/StorageClass', storageClassRules],
  ['scheduling.k8s.io/PriorityClass', priorityClassRules],
  ['batch/Job', jobRules],
  ['batch/CronJob', cronJobRules],
  ['coordination.k8s.io/Lease', leaseRules],
  ['discovery.k8s.io/EndpointSlice', endpointSliceRules],
]);
