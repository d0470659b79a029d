// Which kernel settings a pod asks for, and what is told of those that are not as they should be. Pure.

import type { PodSpec } from '@tweendeck/kube';
import { plainValue } from './dataplane/kernel-settings.ts';
import type { ReplicaAnswer } from './figures/figures.ts';
import type { CacheServerSpec } from './kind.ts';

type Sysctls = NonNullable<NonNullable<PodSpec['securityContext']>['sysctls']>;

/**
 * Those that every node allows a pod (safe since Kubernetes 1.32, and within pod security "restricted"). A pod that asked
 * for others would be refused by its node.
 */
const safe: ReadonlySet<string> = new Set(['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']);

const others: Readonly<Record<string, string>> = {
  'net.ipv4.tcp_sack':
    'no pod may ask for it unless its node allows it (kubelet --allowed-unsafe-sysctls)',
  'net.ipv4.tcp_mem': 'it belongs to the whole node: set it there with sysctl',
};

/** What goes into the pod; undefined for nothing. */
export function podSysctls({ sysctls = [] }: CacheServerSpec): Sysctls | undefined {
  const asked = sysctls.filter(({ name }) => safe.has(name));
  return asked.length === 0 ? undefined : asked;
}

export interface TuningCondition {
  readonly type: 'KernelTuned';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** What replicas read back decides, not what was asked for. Undefined when nothing was. */
export function tuningCondition(
  { sysctls = [] }: CacheServerSpec,
  answers: readonly ReplicaAnswer[],
): TuningCondition | undefined {
  if (sysctls.length === 0) return undefined;
  const said = (status: 'True' | 'False', reason: string, message: string): TuningCondition => ({
    ...({ type: 'KernelTuned' } as const),
    ...{ status, reason, message },
  });
  const told = answers.flatMap((one) => ('figures' in one ? [one] : []));
  if (told.length === 0 || told.length < answers.length) {
    return said('False', 'NotReadBack', 'not all replicas tell their settings: see FiguresKnown');
  }
  const differences = sysctls.flatMap(({ name, value }) => {
    const wanted = plainValue(value);
    const odd = told.find(({ figures }) => figures.kernel[name] !== wanted);
    if (!odd) return [];
    const is = odd.figures.kernel[name] ?? 'not shown';
    const why = others[name] ?? 'the node has not applied it';
    return [`${name} is ${is} in pod ${odd.pod}, not ${wanted}: ${why}`];
  });
  if (differences.length > 0) return said('False', 'NotApplied', differences.join('; '));
  return said('True', 'Applied', 'all replicas read back what the spec asks for');
}
