// Takes a backup: every part into a file, the manifest last, and none of it when what was read does not fit together.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { PlatformError, timestampOf } from '@tweendeck/std';
import type { FileStore } from './file-store.ts';
import { type BackupFile, type Manifest, manifestName, parseManifest } from './manifest.ts';
import type { BackupAccess, BackupPart, BackupProgram } from './program.ts';

export interface TakeOptions {
  readonly program: BackupProgram;
  readonly store: FileStore;
  readonly access: BackupAccess;
  readonly about: Pick<Manifest, 'kind' | 'cluster' | 'namespace' | 'uid'>;
  /** Told while bytes flow. */
  readonly progress: (progress: TakeProgress) => void;
}

interface TakeProgress {
  readonly bytes: number;
  readonly files: number;
  readonly filesDone: number;
}

/** Parts read at once: each has a server write a snapshot. */
const partsAtOnce = 4;

export async function takeBackup(options: TakeOptions, signal: AbortSignal): Promise<Manifest> {
  const { program, store, access, about } = options;
  await claimFolder(options, signal);
  const startMs = access.clock.nowMs();
  const survey = await program.survey(access, signal);
  const files = await writeParts(options, survey.parts, signal);
  const after = await program.survey(access, signal);
  if (after.state !== survey.state) {
    throw new PlatformError('ENGINE_BACKUP_NOT_WHOLE', 'who holds what changed while it was read', {
      hint: 'It is tried again; nothing has to be done unless this goes on.',
    });
  }
  const manifest: Manifest = {
    ...{ format: 1, ...about, engineVersion: survey.version },
    startTime: timestampOf(startMs),
    endTime: timestampOf(access.clock.nowMs()),
    files,
  };
  const text = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  await store.write(manifestName, once(text), signal);
  return manifest;
}

/** What an attempt before left goes; what is another's stays. */
async function claimFolder(
  { store, about }: Pick<TakeOptions, 'store' | 'about'>,
  signal: AbortSignal,
): Promise<void> {
  const text = await store.readText(manifestName, signal);
  if (text !== undefined) {
    const { uid } = parseManifest(text, `${store.name}/${manifestName}`);
    if (uid !== about.uid) {
      throw new PlatformError(
        'ENGINE_BACKUP_FOLDER_TAKEN',
        `${store.name} has the files of another backup of this name`,
        { hint: 'Give this one another name, or remove them.' },
      );
    }
  }
  await store.clear(signal);
}

async function writeParts(
  options: TakeOptions,
  parts: readonly BackupPart[],
  signal: AbortSignal,
): Promise<readonly BackupFile[]> {
  const files = new Map<string, BackupFile>();
  const counted = { bytes: 0 };
  const tell = (): void =>
    options.progress({ bytes: counted.bytes, files: parts.length, filesDone: files.size });
  const count = (bytes: number): void => {
    counted.bytes += bytes;
    tell();
  };
  await inTurn(parts, async (part) => {
    files.set(part.name, await writePart(options, part, count, signal));
    tell();
  });
  return parts.flatMap(({ name }) => files.get(name) ?? []);
}

async function writePart(
  { program, store, access }: TakeOptions,
  part: BackupPart,
  count: (bytes: number) => void,
  signal: AbortSignal,
): Promise<BackupFile> {
  const startTime = timestampOf(access.clock.nowMs());
  const { member, offset, chunks, keys } = await program.read(part, access, signal);
  const hash = createHash('sha256');
  let bytes = 0;
  const counting = async function* () {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      count(chunk.length);
      yield chunk;
    }
  };
  const name = `${part.name}${program.suffix}`;
  await store.write(name, counting(), signal);
  const endTime = timestampOf(access.clock.nowMs());
  const sha256 = hash.digest('hex');
  return {
    ...{ name, holds: part.holds, bytes, keys: keys(), sha256, member, offset },
    ...{ startTime, endTime },
  };
}

/** A few at once. The first failure ends it; those under way end by themselves. */
export async function inTurn<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const workers = Array.from({ length: partsAtOnce }, async () => {
    for (const item of left) await work(item);
  });
  await Promise.all(workers);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
