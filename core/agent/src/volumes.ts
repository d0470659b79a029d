// The volumes of a pod as directories: made, filled, kept up to date, and measured.

import { Buffer } from 'node:buffer';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ConfigMap, KeyToPath, Pod, Secret, Volume, VolumeProjection } from '@tweendeck/kube';
import { messageOf, PlatformError, systemErrorCode } from '@tweendeck/std';
import { type EnvironmentSources, fieldValue, resourceValue } from './environment.ts';
import { removeTree } from './files.ts';
import { tokenKey } from './pod-tokens.ts';

interface PayloadFile {
  readonly bytes: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

/** Files by relative path. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const defaultMode = 0o644;

/** What a volume that the API fills holds now; undefined for volumes that are plain directories. @throws PlatformError AGENT_VOLUME_FAILED */
export function volumePayload(volume: Volume, sources: EnvironmentSources): Payload | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) {
    const { name = '', ...rest } = configMap;
    return new Map(projection({ configMap: { name, ...rest } }, rest.defaultMode, sources));
  }
  if (secret) {
    const { secretName = '', ...rest } = secret;
    return new Map(
      projection({ secret: { name: secretName, ...rest } }, rest.defaultMode, sources),
    );
  }
  if (downwardAPI) return new Map(projection({ downwardAPI }, downwardAPI.defaultMode, sources));
  if (!projected) return undefined;
  const parts = (projected.sources ?? []).map((source) =>
    projection(source, projected.defaultMode, sources),
  );
  return new Map(parts.flat());
}

/** Names of the config maps and secrets that a volume shows, for fetching them beforehand. */
export function volumeReferences(volume: Volume): {
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
} {
  const projections = volume.projected?.sources ?? [];
  const some = (name: string | undefined): readonly string[] => (name === undefined ? [] : [name]);
  return {
    configMaps: [
      ...some(volume.configMap?.name),
      ...projections.flatMap(({ configMap }) => some(configMap?.name)),
    ],
    secrets: [
      ...some(volume.secret?.secretName),
      ...projections.flatMap(({ secret }) => some(secret?.name)),
    ],
  };
}

type Entry = readonly [path: string, file: PayloadFile];

function projection(
  source: VolumeProjection,
  mode: number | undefined,
  sources: EnvironmentSources,
): readonly Entry[] {
  if (source.configMap) {
    const { name = '', items, optional = false } = source.configMap;
    const found = sources.configMap(name);
    if (!found && !optional) throw volumeError(`configmap "${name}" not found`);
    return chosen(configMapFiles(found), {
      items,
      optional,
      mode: mode ?? defaultMode,
      of: 'config',
    });
  }
  if (source.secret) {
    const { name = '', items, optional = false } = source.secret;
    const found = sources.secret(name);
    if (!found && !optional) throw volumeError(`secret "${name}" not found`);
    return chosen(secretFiles(found), {
      items,
      optional,
      mode: mode ?? defaultMode,
      of: 'secret',
    }).map(([path, file]) => [path, { ...file, mode: file.mode & 0o700 }] as const);
  }
  if (source.downwardAPI) {
    return (source.downwardAPI.items ?? []).map((item): Entry => {
      const text = item.fieldRef
        ? fieldValue(item.fieldRef.fieldPath, sources)
        : item.resourceFieldRef
          ? resourceValue(item.resourceFieldRef, undefined, sources)
          : '';
      return [
        safePath(item.path),
        { bytes: Buffer.from(text), mode: item.mode ?? mode ?? defaultMode },
      ];
    });
  }
  if (source.serviceAccountToken) {
    const { path } = source.serviceAccountToken;
    const token = sources.tokens?.get(tokenKey(source.serviceAccountToken));
    if (token === undefined) throw volumeError('there is no service account token yet');
    return [[safePath(path), { bytes: Buffer.from(token), mode: mode ?? defaultMode }]];
  }
  const kind = Object.keys(source)[0] ?? 'nothing';
  throw volumeError(`a projection of ${kind} is not supported in this home`);
}

function configMapFiles(map: ConfigMap | undefined): ReadonlyMap<string, Uint8Array> {
  const texts = Object.entries(map?.data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value)] as const,
  );
  const binaries = Object.entries(map?.binaryData ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
  );
  return new Map([...texts, ...binaries]);
}

function secretFiles(secret: Secret | undefined): ReadonlyMap<string, Uint8Array> {
  return new Map(
    Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  );
}

interface Choice {
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean;
  readonly mode: number;
  readonly of: 'config' | 'secret';
}

function chosen(files: ReadonlyMap<string, Uint8Array>, choice: Choice): readonly Entry[] {
  if (!choice.items) {
    return [...files].map(([key, bytes]) => [safePath(key), { bytes, mode: choice.mode }]);
  }
  return choice.items.flatMap((item): readonly Entry[] => {
    const bytes = files.get(item.key);
    if (bytes) return [[safePath(item.path), { bytes, mode: item.mode ?? choice.mode }]];
    if (choice.optional) return [];
    throw volumeError(`references non-existent ${choice.of} key: ${item.key}`);
  });
}

/** A path that stays inside the volume and clear of the writer's own names. */
function safePath(path: string): string {
  const segments = path.split('/');
  const valid =
    path !== '' && !path.startsWith('..') && segments.every((part) => part !== '..' && part !== '');
  if (!valid) throw volumeError(`"${path}" is no path inside a volume`);
  return path;
}

/**
 * Makes `directory` show exactly `payload`, all at once: files lie in a directory of their own, `..data` is a symbolic
 * link to it that is replaced by a rename, and every top-level name links through `..data`. As the kubelet does it.
 * `stamp` distinguishes this version from the one before; `owner` is the user the files are for, by its number.
 * @returns whether anything changed
 */
export async function writePayload(
  directory: string,
  payload: Payload,
  { stamp, owner }: { readonly stamp: string; readonly owner?: number | undefined },
): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  const dataLink = join(directory, '..data');
  const before = await readlink(dataLink).catch(() => undefined);
  if (before !== undefined && (await shows(join(directory, before), payload))) return false;
  const version = `..${stamp}`;
  await removeTree(join(directory, version));
  for (const [path, { bytes, mode }] of payload) {
    const target = join(directory, version, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes, { mode });
    await chmod(target, mode); // whatever the mask of this process is
    if (owner !== undefined) await chown(target, owner, -1);
  }
  await mkdir(join(directory, version), { recursive: true });
  await rm(join(directory, '..data_new'), { force: true });
  await symlink(version, join(directory, '..data_new'));
  await rename(join(directory, '..data_new'), dataLink);
  await linkNames(
    directory,
    new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path)),
  );
  for (const name of await readdir(directory)) {
    const stale = name.startsWith('..') && name !== '..data' && name !== version;
    if (stale) await removeTree(join(directory, name));
  }
  return true;
}

async function linkNames(directory: string, names: ReadonlySet<string>): Promise<void> {
  const present = (await readdir(directory)).filter((name) => !name.startsWith('..'));
  for (const name of present) if (!names.has(name)) await removeTree(join(directory, name));
  for (const name of names) {
    if (!present.includes(name)) await symlink(join('..data', name), join(directory, name));
  }
}

async function shows(directory: string, payload: Payload): Promise<boolean> {
  const paths = await filesBelow(directory).catch(() => undefined);
  if (paths?.length !== payload.size) return false;
  for (const [path, { bytes, mode }] of payload) {
    const file = join(directory, path);
    const info = await stat(file).catch(() => undefined);
    if (!info || (info.mode & 0o777) !== mode) return false;
    if (!Buffer.from(bytes).equals(await readFile(file))) return false;
  }
  return true;
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** Sees that a hostPath volume is what its type says, making it where the type allows. @throws PlatformError AGENT_VOLUME_FAILED */
export async function prepareHostPath(path: string, type: string): Promise<void> {
  if (type === '') return;
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') {
    await mkdir(dirname(path), { recursive: true });
    await (await open(path, 'a', 0o644)).close();
  }
  const info = await stat(path).catch((error: unknown) => {
    throw volumeError(`hostPath type check failed: ${path}: ${messageOf(error)}`);
  });
  const fits: Readonly<Record<string, boolean>> = {
    DirectoryOrCreate: info.isDirectory(),
    Directory: info.isDirectory(),
    FileOrCreate: info.isFile(),
    File: info.isFile(),
    Socket: info.isSocket(),
    CharDevice: info.isCharacterDevice(),
    BlockDevice: info.isBlockDevice(),
  };
  if (!fits[type]) throw volumeError(`hostPath type check failed: ${path} is not a ${type}`);
}

/** Volumes of this pod whose kind this home does not have, by name and kind. */
export function unsupportedVolumes(
  pod: Pod,
): readonly { readonly name: string; readonly kind: string }[] {
  const known = [
    'name',
    'emptyDir',
    'hostPath',
    'configMap',
    'secret',
    'downwardAPI',
    'projected',
    'persistentVolumeClaim',
    'ephemeral',
  ];
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const kind = Object.keys(volume).find((key) => !known.includes(key));
    return kind === undefined ? [] : [{ name: volume.name, kind }];
  });
}

/** Bytes that a directory tree takes on disk. Files that vanish while it is measured count nothing. */
export async function diskUsage(directory: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  const pending = [directory];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    signal.throwIfAborted();
    try {
      for await (const entry of await opendir(next)) {
        const path = join(next, entry.name);
        if (entry.isDirectory()) pending.push(path);
        else bytes += (await lstat(path)).blocks * 512;
      }
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
  return bytes;
}

function volumeError(message: string): PlatformError {
  return new PlatformError('AGENT_VOLUME_FAILED', message, {
    hint: 'Create what the volume names, mark it optional, or use a kind of volume this home has.',
  });
}
