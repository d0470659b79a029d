// Gathers everything a run of a container needs, and refuses with a reason people understand before anything is started.

import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Container } from '@tweendeck/kube';
import type { Program } from './catalogue.ts';
import { findProgram } from './catalogue.ts';
import type { ResourceLimits } from './cgroups.ts';
import { launchPlan, resourceLimits, wantedUser } from './container-plan.ts';
import { containerVariables } from './environment.ts';
import { replaceFile } from './files.ts';
import { type Front, frontsFileText } from './fronts.ts';
import { rewritePaths } from './mount-paths.ts';
import type { PodContext } from './pod-context.ts';
import { apiVariables } from './pod-kubeconfig.ts';
import { frontsPath, messagePath, workingDirectory } from './pod-paths.ts';
import { podSources } from './pod-sources.ts';
import type { GroupOptions } from './process-group.ts';

export interface ReadyLaunch {
  /** Everything but the cgroups, which belong to one run. */
  readonly group: Omit<GroupOptions, 'program'>;
  /** Undefined when the pod names a program that is not on the path. */
  readonly program: string | undefined;
  /** What was asked for, for messages. */
  readonly command: readonly string[];
  readonly limits: ResourceLimits;
  /** Whether its program listens on fronts, and if so whether it reads them from a file while it runs. */
  readonly servesFronts: 'no' | 'by-arguments' | 'by-file';
}

/** @throws PlatformError AGENT_CONFIG_INVALID */
export async function prepareLaunch(
  context: PodContext,
  input: {
    readonly container: Container;
    readonly program: Program;
    readonly fronts: readonly Front[];
  },
  signal: AbortSignal,
): Promise<ReadyLaunch> {
  const { container, program, fronts } = input;
  const { runtime, podIP } = context;
  const pod = context.pod();
  const sources = await podSources(context, { containers: [container] }, signal);
  const mounts = context.mounts(container);
  const api = await apiVariables(runtime, { pod, container: container.name, mounts });
  const frontsFile = frontsPath(runtime.directory, pod.metadata.uid, container.name);
  if (program.frontsFile) await replaceFile(frontsFile, frontsFileText(fronts), 0o644);
  const plan = launchPlan({
    pod,
    container,
    program,
    fronts,
    frontsPath: frontsFile,
    podIP,
    mounts,
    variables: containerVariables(container, sources),
    base: { ...runtime.environment, ...api },
    instance: runtime.instance,
  });
  const wanted = wantedUser(pod, container);
  const user = runtime.changesUsers && !program.ofPlatform ? wanted : undefined;
  const [name = '', ...args] = plan.command;
  const home = container.workingDir ? rewritePaths(container.workingDir, mounts) : undefined;
  const own = await makeDirectories(context, container, user);
  return {
    program: await findProgram(name, plan.environment['PATH'] ?? ''),
    command: plan.command,
    group: {
      args,
      workingDirectory: home ?? own,
      environment: plan.environment,
      ...(user ? { user } : {}),
    },
    limits: resourceLimits(container),
    servesFronts: (container.command ?? []).length > 0 ? 'no' : frontService(program),
  };
}

function frontService(program: Program): ReadyLaunch['servesFronts'] {
  if (program.frontsFile) return 'by-file';
  return program.frontArgs ? 'by-arguments' : 'no';
}

async function makeDirectories(
  { runtime, pod }: PodContext,
  container: Container,
  user: { readonly uid: number | undefined; readonly gid: number | undefined } | undefined,
): Promise<string> {
  const { uid } = pod().metadata;
  const own = workingDirectory(runtime.directory, uid, container.name);
  const message = messagePath(runtime.directory, uid, container.name);
  await mkdir(own, { recursive: true });
  await mkdir(dirname(message), { recursive: true });
  await writeFile(message, '');
  if (user?.uid !== undefined) {
    const gid = user.gid ?? runtime.user.gid;
    await chown(own, user.uid, gid);
    await chown(message, user.uid, gid);
  } else {
    await chmod(message, 0o666);
  }
  return own;
}
