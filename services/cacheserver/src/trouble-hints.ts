// What to do about trouble, in the words of the spec: appended to what Kubernetes says. Pure.

/** Of a pod that no node takes, by the scheduler's words. */
export function placementHint(why: string): string | undefined {
  const advice: string[] = [];
  if (/Insufficient (cpu|memory)/.test(why)) {
    advice.push('lower spec.resources.limits, or make room on a node');
  }
  if (/Insufficient ephemeral-storage/.test(why)) advice.push('make room on the disk of a node');
  if (/node affinity\/selector/.test(why)) {
    advice.push('label a node as spec.nodeSelector says, or change it');
  }
  if (/untolerated taint/.test(why)) {
    advice.push('add the taint to spec.tolerations, if the cache may run there');
  }
  if (/Too many pods/.test(why)) advice.push('a node runs as many pods as it may');
  return advice.length === 0 ? undefined : advice.join('; ');
}

const pullHint = 'check the name in spec.image, and that spec.imagePullSecrets opens its registry';

/** Of a container that does not run, by why it waits and how it last ended. */
export function containerHint(waiting: string, lastEnd: string | undefined): string | undefined {
  if (lastEnd === 'OOMKilled') return 'it needs more memory: raise spec.resources.limits.memory';
  switch (waiting) {
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'ErrImageNeverPull':
      return pullHint;
    case 'InvalidImageName':
      return 'spec.image is no name of an image';
    case 'CrashLoopBackOff':
      return 'its log says more: tweendeck logs -p';
    default:
      return undefined;
  }
}

/** Of a pod that was ended. */
export function failureHint(reason: string, why: string): string | undefined {
  if (reason === 'SysctlForbidden') {
    return 'the node does not allow these kernel settings: take them from spec.kernel, or allow them on the nodes';
  }
  if (reason !== 'Evicted') return undefined;
  if (/EmptyDir/i.test(why)) return 'raise spec.storage; another pod starts with an empty cache';
  if (/ephemeral-storage|DiskPressure|inodes/.test(why)) {
    return 'the disk of the node is full: lower spec.storage, or choose nodes with more by spec.nodeSelector';
  }
  if (/memory/i.test(why)) return 'the node ran out of memory: make room, or choose other nodes';
  return undefined;
}

/** Of a Deployment that may not make its pods, by the reason that is told. */
export const refusalHints: Readonly<Partial<Record<string, string>>> = {
  QuotaExceeded:
    'ask for less in spec.resources.limits or spec.replicas, or for a larger ResourceQuota of the namespace',
  PodSecurityRefused: 'the namespace enforces more than the standard "restricted"',
};
