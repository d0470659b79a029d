// All built-in controllers of a home, in the two lists that a manager runs.

import type { BackgroundTask, Controller } from '@tweendeck/controller';
import { aggregationController } from './access/aggregation.ts';
import { cronJobController } from './cronjob/controller.ts';
import { daemonSetController } from './daemonset/controller.ts';
import { deploymentController } from './deployment/controller.ts';
import { disruptionController, staleDisruptionController } from './disruption/controller.ts';
import { garbageCollector } from './garbage/collector.ts';
import { jobOrphanController, ttlAfterFinishedController } from './job/after-end.ts';
import { jobController } from './job/controller.ts';
import {
  namespaceController,
  rootCertificateController,
  serviceAccountController,
} from './namespace/controller.ts';
import { type NodeWatchOptions, nodeLifecycle } from './node/lifecycle.ts';
import { finishedPodLimit, podGarbageController } from './node/pod-garbage.ts';
import { taintEvictionController } from './node/taint-eviction.ts';
import { nodeTtlController } from './node/ttl.ts';
import { replicaSetController } from './replicaset/controller.ts';
import { scheduler } from './scheduler/scheduler.ts';
import { endpointSliceController, loadBalancerController } from './service/controller.ts';
import { statefulSetController } from './statefulset/controller.ts';
import { claimController, volumeController } from './volume/controller.ts';
import { ephemeralVolumeController } from './volume/ephemeral.ts';
import { claimProtectionController, volumeProtectionController } from './volume/protection.ts';

export interface BuiltInOptions {
  /** What services of type LoadBalancer get. Default 127.0.0.1. */
  readonly loadBalancerAddress?: string;
  /** PEM; published as `kube-root-ca.crt` in every namespace. Absent: nothing is published. */
  readonly rootCertificate?: string;
}

/** For `controllers` of a manager. {@link builtInTasks} belong with them. */
export function builtInControllers(options: BuiltInOptions = {}): readonly Controller[] {
  const { loadBalancerAddress: address = '127.0.0.1', rootCertificate: certificate } = options;
  return [
    deploymentController(),
    replicaSetController(),
    statefulSetController(),
    daemonSetController(),
    jobController(),
    jobOrphanController(),
    ttlAfterFinishedController(),
    cronJobController(),
    claimController(),
    volumeController(),
    claimProtectionController(),
    volumeProtectionController(),
    ephemeralVolumeController(),
    disruptionController(),
    staleDisruptionController(),
    endpointSliceController(),
    loadBalancerController({ address }),
    namespaceController(),
    serviceAccountController(),
    ...(certificate === undefined ? [] : [rootCertificateController({ certificate })]),
    aggregationController(),
    taintEvictionController(),
    podGarbageController(),
    nodeTtlController(),
  ];
}

export interface BuiltInTaskOptions {
  /** How long nodes may be silent, and how fast they are given up. */
  readonly nodes?: NodeWatchOptions;
  /** Finished pods that are kept. Default 12,500. */
  readonly finishedPodsMax?: number;
}

/** For `tasks` of a manager: what is not keyed by one resource. */
export function builtInTasks(options: BuiltInTaskOptions = {}): readonly BackgroundTask[] {
  return [
    scheduler(),
    garbageCollector(),
    nodeLifecycle(options.nodes),
    finishedPodLimit(options.finishedPodsMax),
  ];
}
