// The volumes of one pod: made before its containers, kept up to date beside them, mapped into each of them.

import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Container, type Pod, parseQuantity, type Volume } from '@tweendeck/kube';
import { isAbort, PlatformError } from '@tweendeck/std';
import { isOfPlatform } from './catalogue.ts';
import { type ClaimedVolume, claimNameOf, findClaimed } from './claimed-volume.ts';
import { expandVariables } from './environment.ts';
import { type MountMap, normalMountPath } from './mount-paths.ts';
import { messagePath, podRunDirectory, volumeDirectory } from './pod-paths.ts';
import { podSources } from './pod-sources.ts';
import { PodTokens } from './pod-tokens.ts';
import type { PodRuntime } from './runtime.ts';
import {
  diskUsage,
  prepareHostPath,
  unsupportedVolumes,
  volumePayload,
  writePayload,
} from './volumes.ts';

export class PodVolumes {
  readonly #runtime: PodRuntime;
  readonly #pod: () => Pod;
  readonly #tokens: PodTokens;
  /** By the name of the volume in the pod. */
  readonly #claimed = new Map<string, ClaimedVolume>();
  /** Who reads what is written for the pod; undefined: the agent's own user. */
  #reader: number | undefined;

  constructor(runtime: PodRuntime, pod: () => Pod) {
    this.#runtime = runtime;
    this.#pod = pod;
    this.#tokens = new PodTokens(runtime, pod);
  }

  /** Makes and fills every volume. @throws PlatformError AGENT_VOLUME_FAILED */
  async prepare(podIP: string, signal: AbortSignal): Promise<void> {
    const pod = this.#pod();
    const unsupported = unsupportedVolumes(pod)[0];
    if (unsupported) {
      const { name, kind } = unsupported;
      throw new PlatformError(
        'AGENT_VOLUME_FAILED',
        `volume "${name}": ${kind} does not exist in this home`,
        {
          hint: 'Use persistentVolumeClaim, emptyDir, hostPath, configMap, secret, downwardAPI or projected.',
        },
      );
    }
    const { directory, changesUsers, catalogue } = this.#runtime;
    const others = changesUsers && asksForUser(pod) && !(await isOfPlatform(catalogue, pod));
    this.#reader = others ? soleUser(pod) : undefined;
    const root = podRunDirectory(directory, pod.metadata.uid);
    await mkdir(root, { recursive: true });
    await chmod(root, others ? 0o711 : 0o700);
    for (const volume of pod.spec.volumes ?? []) {
      const claim = claimNameOf(pod, volume);
      if (claim !== undefined) {
        await named(volume, this.#prepareClaim(volume, { claim, others }, signal), signal);
      } else if (volume.hostPath) {
        const { path, type = '' } = volume.hostPath;
        await named(volume, prepareHostPath(path, type), signal);
      } else {
        const path = volumeDirectory(directory, pod.metadata.uid, volume.name);
        await mkdir(path, { recursive: true });
        if (volume.emptyDir && others) await chmod(path, 0o777);
      }
    }
    await this.refresh(podIP, signal);
    await this.#makeSubPaths();
  }

  async #prepareClaim(
    { name }: Volume,
    { claim, others }: { readonly claim: string; readonly others: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const found = await findClaimed(this.#runtime, { pod: this.#pod(), name: claim }, signal);
    if (found.isOurs) {
      const home = dirname(found.path);
      await mkdir(home, { recursive: true });
      await chmod(home, 0o711);
      await mkdir(found.path, { recursive: true, mode: 0o700 });
      if (others) await chmod(found.path, 0o777);
    } else {
      await prepareHostPath(found.path, found.hostPathType);
    }
    this.#claimed.set(name, found);
  }

  /** Writes what filled volumes show now. @throws PlatformError AGENT_VOLUME_FAILED */
  async refresh(podIP: string, signal: AbortSignal): Promise<void> {
    const pod = this.#pod();
    const { clock, directory } = this.#runtime;
    for (const volume of pod.spec.volumes ?? []) {
      if (volume.emptyDir || volume.hostPath || this.#claimed.has(volume.name)) continue;
      const context = { pod: this.#pod, podIP, runtime: this.#runtime };
      const fill = async (): Promise<void> => {
        const found = await podSources(context, { volumes: [volume] }, signal);
        const sources = { ...found, tokens: await this.#tokens.of(volume, signal) };
        const payload = volumePayload(volume, sources);
        if (!payload) return;
        const stamp = new Date(clock.nowMs()).toISOString().replaceAll(/[:.-]/g, '_');
        await writePayload(volumeDirectory(directory, pod.metadata.uid, volume.name), payload, {
          stamp,
          owner: this.#reader,
        });
      };
      await named(volume, fill(), signal);
    }
  }

  /** What to tell about an emptyDir that is larger than its limit; undefined when none is. */
  async excess(signal: AbortSignal): Promise<string | undefined> {
    const { uid } = this.#pod().metadata;
    for (const { name, emptyDir } of this.#pod().spec.volumes ?? []) {
      if (!emptyDir?.sizeLimit) continue;
      const limit = parseQuantity(emptyDir.sizeLimit).nanos;
      const used = await diskUsage(volumeDirectory(this.#runtime.directory, uid, name), signal);
      if (limit > 0n && BigInt(used) * 1_000_000_000n > limit) {
        return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}". `;
      }
    }
    return undefined;
  }

  /** What to tell about claims that hold more than they asked for: nothing keeps a directory from growing. */
  async overfull(signal: AbortSignal): Promise<readonly string[]> {
    const texts: string[] = [];
    for (const { claim, path, isOurs } of this.#claimed.values()) {
      const capacity = claim.status?.capacity?.['storage'];
      if (!isOurs || capacity === undefined) continue;
      const used = await diskUsage(path, signal);
      if (BigInt(used) * 1_000_000_000n <= parseQuantity(capacity).nanos) continue;
      texts.push(
        `PersistentVolumeClaim "${claim.metadata.name}" holds ${used} bytes, more than its capacity of ${capacity}`,
      );
    }
    return texts;
  }

  /** Where the container's mount paths really are. */
  mounts(container: Container): MountMap {
    const pod = this.#pod();
    const { directory } = this.#runtime;
    const { uid } = pod.metadata;
    const map: Record<string, string> = {};
    const message = normalMountPath(container.terminationMessagePath || '/dev/termination-log');
    map[message] = messagePath(directory, uid, container.name);
    for (const mount of container.volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
      if (!volume) continue;
      const outside = volume.hostPath?.path ?? this.#claimed.get(volume.name)?.path;
      const root = outside ?? volumeDirectory(directory, uid, volume.name);
      map[normalMountPath(mount.mountPath)] = join(root, this.#subPath(container, mount));
    }
    return map;
  }

  #subPath(
    container: Container,
    mount: { readonly subPath?: string; readonly subPathExpr?: string },
  ): string {
    const values: Record<string, string> = {};
    const { name, namespace = '', uid } = this.#pod().metadata;
    const fields: Readonly<Record<string, string>> = {
      'metadata.name': name,
      'metadata.namespace': namespace,
      'metadata.uid': uid,
    };
    for (const variable of container.env ?? []) {
      const field = variable.valueFrom?.fieldRef?.fieldPath;
      values[variable.name] = variable.value ?? (field ? (fields[field] ?? '') : '');
    }
    const path = mount.subPathExpr
      ? expandVariables(mount.subPathExpr, values)
      : (mount.subPath ?? '');
    const inside = !path.startsWith('/') && !path.split('/').includes('..');
    return inside ? path : '';
  }

  /** A subPath of a plain directory is made if it is not there, as a directory. */
  async #makeSubPaths(): Promise<void> {
    const pod = this.#pod();
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const map = this.mounts(container);
      for (const mount of container.volumeMounts ?? []) {
        const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
        const isPlain = volume?.emptyDir ?? (volume && this.#claimed.has(volume.name));
        if (!isPlain || !(mount.subPath || mount.subPathExpr)) continue;
        await mkdir(map[normalMountPath(mount.mountPath)] ?? '', { recursive: true });
      }
    }
  }
}

function asksForUser(pod: Pod): boolean {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const contexts = [pod.spec.securityContext, ...containers.map((one) => one.securityContext)];
  return contexts.some((context) => context?.runAsUser !== undefined);
}

/** The one user that all containers run as; secrets belong to nobody else. */
function soleUser(pod: Pod): number | undefined {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const users = new Set(
    containers.map(
      ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  );
  return users.size === 1 ? [...users][0] : undefined;
}

async function named(volume: Volume, work: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await work;
  } catch (cause) {
    if (isAbort(cause, signal)) throw cause;
    throw new PlatformError(
      'AGENT_VOLUME_FAILED',
      `MountVolume.SetUp failed for volume "${volume.name}"`,
      {
        cause,
        hint: 'See what the volume names.',
      },
    );
  }
}
