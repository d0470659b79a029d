// The public surface of workloads.

export { deploymentController } from './deployment/controller.ts';
export { replicaSetController } from './replicaset/controller.ts';
export { statefulSetController } from './statefulset/controller.ts';
