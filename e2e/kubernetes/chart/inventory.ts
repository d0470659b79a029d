// Everything that is in a cluster, to compare before with after.

import type { ControlPlane } from '../lab/lab.ts';

/** What Kubernetes writes and forgets by itself. */
const passing: ReadonlySet<string> = new Set(['events', 'events.events.k8s.io']);

/** What a kubelet writes when it gets to it, sooner or later than the look that is compared with. */
const kubelets = /^Lease kube-node-lease\//;

/** `KIND NAMESPACE/NAME` of every object, sorted; without events and what kubelets write of themselves. */
export async function inventory(plane: ControlPlane): Promise<readonly string[]> {
  const kubectl = async (args: readonly string[]): Promise<readonly string[]> => {
    const { code, stdout, stderr } = await plane.kubectl('1.35', args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.split('\n').filter((line) => line !== '');
  };
  const resources = await kubectl(['api-resources', '--verbs=list', '--cached=false', '-o=name']);
  const row = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const kinds = resources.filter((name) => !passing.has(name)).join(',');
  const objects = await kubectl(['get', kinds, '-A', '-o', `jsonpath=${row}`]);
  return objects.filter((one) => !kubelets.test(one)).toSorted();
}

/** What is in `now` and was not before, and the other way round with a minus. */
export function difference(before: readonly string[], now: readonly string[]): readonly string[] {
  return [
    ...now.filter((one) => !before.includes(one)),
    ...before.filter((one) => !now.includes(one)).map((one) => `- ${one}`),
  ];
}
