// From a container of a pod's spec to the program that is run for it: arguments, environment, user, limits.

import type { Container, Pod } from '@tweendeck/kube';
import { parseQuantity } from '@tweendeck/kube';
import type { Program } from './catalogue.ts';
import type { ResourceLimits } from './cgroups.ts';
import { expandVariables } from './environment.ts';
import type { Front } from './fronts.ts';
import { type MountMap, rewritePaths } from './mount-paths.ts';

/** Names of the variables that mark a process of this home; looked for by the next start after a crash. */
export const markers = {
  instance: 'TWEENDECK_INSTANCE',
  podUid: 'TWEENDECK_POD_UID',
  container: 'TWEENDECK_CONTAINER',
  /** In the terminals of commands that are run beside a program. */
  exec: 'TWEENDECK_EXEC',
} as const;

export interface PlanInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly program: Program;
  /** Variables from `env` and `envFrom`. */
  readonly variables: Readonly<Record<string, string>>;
  readonly base: Readonly<Record<string, string>>;
  readonly mounts: MountMap;
  readonly fronts: readonly Front[];
  /** Where a program that reads its fronts finds them. */
  readonly frontsPath: string;
  readonly podIP: string;
  readonly instance: string;
}

export interface LaunchPlan {
  /** The first is a name to be found on the path, or a path. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The command line and environment. Variables are expanded first and mount paths rewritten last, so that no real path is taken for a mount path. */
export function launchPlan(input: PlanInput): LaunchPlan {
  const { container, program, variables, mounts } = input;
  const host = { HOSTNAME: input.pod.spec.hostname ?? input.pod.metadata.name };
  const own: Record<string, string> = {
    TWEENDECK_POD_IP: input.podIP,
    [markers.instance]: input.instance,
    [markers.podUid]: input.pod.metadata.uid,
    [markers.container]: container.name,
    TWEENDECK_MOUNTS: JSON.stringify(mounts),
  };
  const known = { ...input.base, ...program.env, ...host, ...own, ...variables };
  const written = (text: string): string => rewritePaths(expandVariables(text, known), mounts);
  const overridden = (container.command ?? []).length > 0;
  const entry = overridden ? (container.command ?? []).map(written) : program.command;
  const given = (container.args ?? []).length > 0 ? container.args : undefined;
  const standard = overridden ? [] : (program.args ?? []);
  const fronts = overridden ? [] : frontArguments(input);
  const rewritten = Object.entries(variables).map(
    ([name, value]) => [name, rewritePaths(value, mounts)] as const,
  );
  return {
    command: [...entry, ...(given ?? standard).map(written), ...fronts],
    environment: {
      ...input.base,
      ...program.env,
      ...host,
      ...Object.fromEntries(rewritten),
      ...own,
    },
  };
}

/** None for a container that declares no port: nobody is led to it, and its command may be another one of the program's. */
function frontArguments(input: PlanInput): readonly string[] {
  const { program, container, fronts, frontsPath } = input;
  if (fronts.length === 0 && (container.ports ?? []).length === 0) return [];
  return program.frontsFile?.(frontsPath) ?? program.frontArgs?.(fronts) ?? [];
}

/** The limits of a container in the units of the kernel. */
export function resourceLimits(container: Container): ResourceLimits {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const amount = (text: string | undefined, unit: bigint): number | undefined => {
    if (text === undefined) return undefined;
    const { nanos } = parseQuantity(text);
    return Number((nanos + unit - 1n) / unit);
  };
  return {
    memoryBytes: amount(limits['memory'], 1_000_000_000n),
    cpuMillis: amount(limits['cpu'], 1_000_000n),
    cpuRequestMillis: amount(requests['cpu'] ?? limits['cpu'], 1_000_000n),
  };
}

/** The user and group a container asks for; its own security context before the pod's. */
export function wantedUser(
  pod: Pod,
  container: Container,
): { readonly uid: number | undefined; readonly gid: number | undefined } {
  const own = container.securityContext;
  const whole = pod.spec.securityContext;
  return {
    uid: own?.runAsUser ?? whole?.runAsUser,
    gid: own?.runAsGroup ?? whole?.runAsGroup,
  };
}

/**
 * What this pod asks for that a home without containers does not do, one sentence each. `changesUsers`: whether programs
 * can run as other users. `ofPlatform`: the pod is a part of the platform, which is not fenced in against itself.
 */
export function unhonoured(
  pod: Pod,
  options: { readonly changesUsers: boolean; readonly ofPlatform: boolean },
): readonly string[] {
  const { spec } = pod;
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const some = (test: (container: Container) => unknown): boolean =>
    containers.some((container) => Boolean(test(container)));
  const users = containers.map((container) => wantedUser(pod, container));
  const asksUser = users.some(({ uid, gid }) => uid !== undefined || gid !== undefined);
  const nonRoot =
    spec.securityContext?.runAsNonRoot === true || some((one) => one.securityContext?.runAsNonRoot);
  const rules: readonly (readonly [boolean, string])[] = [
    [
      asksUser && !options.changesUsers && !options.ofPlatform,
      'runAsUser and runAsGroup: programs run as the user who started the platform; another one needs root, and a data directory that others may pass to',
    ],
    [
      nonRoot && options.changesUsers && !asksUser && !options.ofPlatform,
      'runAsNonRoot: programs run as root, as the platform does; set runAsUser to change that',
    ],
    [
      spec.securityContext?.fsGroup !== undefined && !options.ofPlatform,
      'fsGroup: volumes keep their group',
    ],
    [
      some((one) => one.securityContext?.readOnlyRootFilesystem) && !options.ofPlatform,
      'readOnlyRootFilesystem: programs see the whole machine',
    ],
    [
      some((one) => one.securityContext?.capabilities?.add?.length),
      'capabilities: programs have those of the platform',
    ],
    [
      some((one) => one.volumeMounts?.some(({ readOnly }) => readOnly)),
      'read-only volume mounts: programs can write them',
    ],
    [
      some((one) => one.livenessProbe?.grpc ?? one.readinessProbe?.grpc ?? one.startupProbe?.grpc),
      'grpc probes: they count as successful',
    ],
    [
      some((one) => one.tty),
      'tty: programs write to a pipe; commands run in them can have a terminal',
    ],
    [some((one) => one.volumeDevices?.length), 'block devices'],
    [
      some((one) => one.volumeMounts?.some(({ mountPath }) => mountPath === '/')),
      'a volume mounted at /',
    ],
    [(spec.hostAliases ?? []).length > 0, 'hostAliases: names resolve as on the machine'],
    [(spec.ephemeralContainers ?? []).length > 0, 'ephemeral containers'],
  ];
  return rules.flatMap(([applies, text]) => (applies ? [text] : []));
}
