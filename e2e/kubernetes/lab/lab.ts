// What a lab is: a real Kubernetes on this machine, made for a test and gone with it.

import type { Client } from '@tweendeck/client';
import type { KubectlVersion, Outcome } from '../../support/kubectl.ts';

export interface ControlPlaneOptions {
  /** Which built release: `1.34` (the pinned one) unless told otherwise. */
  readonly release?: string;
  /** Without controllers nothing but the API server and etcd acts. Both by default. */
  readonly controllerManager?: boolean;
  readonly scheduler?: boolean;
  /** Whether etcd waits for the disk before it says that something is written. Default false: labs do not outlive a power cut. */
  readonly durable?: boolean;
  /** How often etcd forgets what was history at the last time, in seconds; 300 as in Kubernetes. */
  readonly compactionSeconds?: number;
  /** How long a node may be silent before it counts as lost, in seconds; 16 in the lab, 50 in Kubernetes. */
  readonly nodeMonitorGraceSeconds?: number;
  /** How long pods that say nothing about it stay bound to a lost node, in seconds; 300 as in Kubernetes. */
  readonly tolerationSeconds?: number;
}

/** etcd, kube-apiserver, and unless told otherwise kube-controller-manager and kube-scheduler. Disposing ends them all. */
export interface ControlPlane extends AsyncDisposable {
  /** `https://ADDRESS:PORT` of the API server. */
  readonly server: string;
  /** Path of a kubeconfig of the administrator (system:masters). */
  readonly kubeconfig: string;
  /** `v1.34.4` */
  readonly version: string;
  /** Everything of this lab lies under it. */
  readonly directory: string;
  /** JSON lines of kube-apiserver's audit log, level Metadata, stage ResponseComplete: who did what. */
  readonly auditLog: string;
  /** The administrator. */
  readonly client: Client;
  /** Ends kube-apiserver without goodbye and starts it again; returns when it serves. */
  restartApiServer(): Promise<void>;
  /** Has etcd forget how everything was before now, as it does every five minutes; kube-apiserver follows within 15 s. */
  compact(): Promise<void>;
  /** Writes a kubeconfig of a service account of this cluster; returns its path. */
  serviceAccountKubeconfig(account: {
    readonly namespace: string;
    readonly name: string;
  }): Promise<string>;
  /** Runs the real kubectl against this cluster. */
  kubectl(version: KubectlVersion, args: readonly string[], input?: string): Promise<Outcome>;
  /** Runs the real Helm (3 comes with kubectl 1.32, 4 with 1.35) against this cluster, with folders of its own. */
  helm(version: 3 | 4, args: readonly string[]): Promise<Outcome>;
}

/** A machine of the cluster: containerd, kubelet and kube-proxy on an address of its own. */
export interface LabNode {
  readonly name: string;
  /** InternalIP, reachable from this machine; NodePorts answer here. */
  readonly address: string;
  readonly podRange: string;
  /** As if the power failed: kubelet, kube-proxy, containerd and every container end without goodbye. */
  lose(): Promise<void>;
  /** The machine is switched on again, with its disk as it was. Returns when the node is Ready. */
  restore(): Promise<void>;
}

export interface ClusterOptions extends ControlPlaneOptions {
  readonly nodes: number;
  /** OCI layout directories to load into every node. */
  readonly images?: readonly string[];
}

/** A control plane with nodes that run real containers. Pod and ClusterIP addresses answer from this machine. */
export interface Cluster extends ControlPlane {
  readonly nodes: readonly LabNode[];
  /** Loads the images of an OCI layout directory into every node, under their full names. */
  loadImages(layout: string): Promise<void>;
}
