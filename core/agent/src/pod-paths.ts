// Where things of a pod lie below the agent's directory.

import { join } from 'node:path';
import type { Pod } from '@tweendeck/kube';

/** `<directory>/pods/<namespace>_<name>_<uid>`: one directory per container, one `<n>.log` per run. As on a Kubernetes node. */
export function podLogDirectory(directory: string, pod: Pod): string {
  const { namespace = '', name, uid } = pod.metadata;
  return join(directory, 'pods', `${namespace}_${name}_${uid}`);
}

/** The UID that a pod's log directory belongs to. */
export function uidOfLogDirectory(name: string): string {
  return name.slice(name.lastIndexOf('_') + 1);
}

export function containerLogDirectory(directory: string, pod: Pod, container: string): string {
  return join(podLogDirectory(directory, pod), container);
}

/** `<directory>/run/<uid>`: working directories, volumes and process records. Short, for Unix sockets in volumes. */
export function podRunDirectory(directory: string, uid: string): string {
  return join(directory, 'run', uid);
}

export function workingDirectory(directory: string, uid: string, container: string): string {
  return join(podRunDirectory(directory, uid), 'c', container);
}

export function volumeDirectory(directory: string, uid: string, volume: string): string {
  return join(podRunDirectory(directory, uid), 'v', volume);
}

/** `<directory>/volumes/<handle>`: what a persistent volume of this node holds, whatever pods come and go. */
export function persistentDirectory(directory: string, handle: string): string {
  return join(directory, 'volumes', handle);
}

/** Where a container may leave its last words. */
export function messagePath(directory: string, uid: string, container: string): string {
  return join(podRunDirectory(directory, uid), 'm', container);
}

/** Where a program finds the addresses besides the pod's own on which it is to listen. */
export function frontsPath(directory: string, uid: string, container: string): string {
  return join(podRunDirectory(directory, uid), 'f', container);
}

/** The record of a container's running process. */
export function processRecordPath(directory: string, uid: string, container: string): string {
  return join(podRunDirectory(directory, uid), 'p', `${container}.json`);
}
