// What a built Kubernetes runs with, all of it from Debian.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Companion {
  /** A command of the path, or an absolute path. */
  readonly command: string;
  readonly debianPackage: string;
  readonly purpose: string;
  /** What needs it: a control plane alone, or a cluster with nodes. */
  readonly wantedBy: 'control-plane' | 'cluster';
}

export const companions: readonly Companion[] = [
  {
    command: 'openssl',
    debianPackage: 'openssl',
    purpose: 'makes the certificates of a lab',
    wantedBy: 'control-plane',
  },
  {
    command: 'unzip',
    debianPackage: 'unzip',
    purpose: 'unpacks kubectl and Helm from their npm packages',
    wantedBy: 'control-plane',
  },
  {
    command: 'containerd',
    debianPackage: 'containerd',
    purpose: 'runs the containers of a node',
    wantedBy: 'cluster',
  },
  { command: 'runc', debianPackage: 'runc', purpose: 'starts one container', wantedBy: 'cluster' },
  {
    command: '/usr/lib/cni/bridge',
    debianPackage: 'containernetworking-plugins',
    purpose: 'connects pods',
    wantedBy: 'cluster',
  },
  {
    command: 'iptables',
    debianPackage: 'iptables',
    purpose: 'carries service addresses',
    wantedBy: 'cluster',
  },
  {
    command: 'conntrack',
    debianPackage: 'conntrack',
    purpose: 'lets kube-proxy forget connections to pods that are gone',
    wantedBy: 'cluster',
  },
  {
    command: 'ip',
    debianPackage: 'iproute2',
    purpose: 'makes bridges, links and routes',
    wantedBy: 'cluster',
  },
  {
    command: 'nsenter',
    debianPackage: 'util-linux',
    purpose: 'makes a machine of its own of each node: namespaces',
    wantedBy: 'cluster',
  },
  {
    command: 'mount',
    debianPackage: 'mount',
    purpose: 'gives each node a disk of its own',
    wantedBy: 'cluster',
  },
];

/** Whether a command is on the path, where administrators' programs lie, or at its absolute path. */
export function isThere(command: string): boolean {
  return locate(command) !== undefined;
}

/** The absolute path of a command, also of those that only administrators have on their path. */
export function locate(command: string): string | undefined {
  if (command.startsWith('/')) return existsSync(command) ? command : undefined;
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}
