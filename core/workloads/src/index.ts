// The public surface of workloads.

export {
  type BuiltInOptions,
  type BuiltInTaskOptions,
  builtInControllers,
  builtInTasks,
} from './built-in.ts';
export { deploymentController } from './deployment/controller.ts';
export { garbageCollector } from './garbage/collector.ts';
export {
  ensureSystemNamespaces,
  namespaceController,
  rootCertificateController,
  serviceAccountController,
  systemNamespaces,
} from './namespace/controller.ts';
export { type NodeWatchOptions, nodeLifecycle } from './node/lifecycle.ts';
export { podGarbageController } from './node/pod-garbage.ts';
export { replicaSetController } from './replicaset/controller.ts';
export { scheduler, schedulerName } from './scheduler/scheduler.ts';
export { endpointSliceController, loadBalancerController } from './service/controller.ts';
export {
  type KubernetesServiceOptions,
  kubernetesService,
} from './service/kubernetes-service.ts';
export { statefulSetController } from './statefulset/controller.ts';
export { ensureDefaultStorageClass } from './volume/default-class.ts';
