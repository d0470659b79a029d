// The pods of a DaemonSet: made for one node each, and tolerating what befalls nodes.

import type { Affinity, DaemonSet, Input, Pod, PodTemplateSpec, Toleration } from '@tweendeck/kube';
import { revisionLabel } from '../owner/revision.ts';
import { podOfTemplate } from '../pod/template.ts';

const generationAnnotation = 'deprecated.daemonset.template.generation';
const generationLabel = 'pod-template-generation';

const troubles: readonly (readonly [key: string, effect: 'NoExecute' | 'NoSchedule'])[] = [
  ['not-ready', 'NoExecute'],
  ['unreachable', 'NoExecute'],
  ['disk-pressure', 'NoSchedule'],
  ['memory-pressure', 'NoSchedule'],
  ['pid-pressure', 'NoSchedule'],
  ['unschedulable', 'NoSchedule'],
];

/** The template's tolerations, and those that all daemons have. */
export function daemonTolerations(spec: PodTemplateSpec['spec']): readonly Toleration[] {
  const own = spec?.tolerations ?? [];
  const extra = spec?.hostNetwork ? [['network-unavailable', 'NoSchedule'] as const] : [];
  const added = [...troubles, ...extra].map(([trouble, effect]): Toleration => {
    return { key: `node.kubernetes.io/${trouble}`, operator: 'Exists', effect };
  });
  const same = (left: Toleration, right: Toleration): boolean =>
    left.key === right.key && left.effect === right.effect && left.operator === right.operator;
  return [...own.filter((each) => !added.some((other) => same(each, other))), ...added];
}

/** A pod for one node. The scheduler binds it there, as any other pod: it counts what the node has to give. */
export function podForNode(set: DaemonSet, nodeName: string, hash: string): Input<Pod> {
  const { template } = set.spec;
  const generation = set.metadata.annotations?.[generationAnnotation];
  return podOfTemplate(template, set, {
    metadata: {
      generateName: `${set.metadata.name}-`,
      labels: {
        ...(generation === undefined ? {} : { [generationLabel]: generation }),
        [revisionLabel]: hash,
      },
    },
    spec: {
      affinity: onNode(template.spec?.affinity, nodeName),
      tolerations: daemonTolerations(template.spec),
    },
  });
}

/** Whether the pod was made of the present template. */
export function isUpdated(
  { metadata: { labels = {} } }: Pod,
  set: DaemonSet,
  hash: string,
): boolean {
  if (hash !== '' && labels[revisionLabel] === hash) return true;
  const generation = set.metadata.annotations?.[generationAnnotation];
  return generation !== undefined && labels[generationLabel] === generation;
}

/** What the template requires of nodes was asked before; the pod requires this very one. */
function onNode(affinity: Affinity | undefined, nodeName: string): Affinity {
  const matchFields = [
    { key: 'metadata.name', operator: 'In', values: [nodeName] } as const, // the literal is the operator
  ];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}

/** The node a pod runs on, or is meant for. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = required?.nodeSelectorTerms.flatMap(({ matchFields = [] }) => matchFields) ?? [];
  return fields.find(({ key }) => key === 'metadata.name')?.values?.[0];
}
