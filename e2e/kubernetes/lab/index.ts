// A lab: a real Kubernetes on this machine, made for a test and gone with it.

export { cluster } from './cluster.ts';
export { controlPlane } from './control-plane.ts';
export type { Cluster, ControlPlane } from './lab.ts';
