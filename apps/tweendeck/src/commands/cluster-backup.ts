// `tweendeck cluster-backup`: what the Jobs of backups run. Carries the bytes between members and files.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, httpsTransport } from '@tweendeck/client';
import {
  type BackupAccess,
  type BackupProgram,
  backupKind,
  directoryStore,
  type FileStore,
  type FilesTask,
  type FillTask,
  fillFromBackup,
  type MembersTask,
  s3Store,
  sizeText,
  type TakeTask,
  takeBackup,
  taskVariable,
} from '@tweendeck/engine';
import { createLogger, isJsonObject, type Logger } from '@tweendeck/std';
import { clusterAccess } from '../cluster/cluster-access.ts';
import { type Invocation, usage } from '../command-line.ts';
import { backupPrograms } from '../platform-backups.ts';

/** How often the status of a Backup is told. */
const tellMs = 2_000;

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const { clock, signal } = world;
  const format = options.flag('json') ? 'json' : 'text';
  const log = createLogger({ clock, format, level: 'info', write: world.write });
  const task = taskOf(world.environment[taskVariable]);
  const program = backupPrograms[task.kind];
  if (program === undefined) throw usage(`nothing is known of backups of ${task.kind}`);
  const store = await openStore(task, world);
  const work = works.get(operands[0] ?? '');
  if (work === undefined) throw usage('say what to do: take, fill or remove');
  await work({ world, task, program, store, log }, signal);
  return 0;
}

const works = new Map([
  ['take', take],
  ['fill', fill],
  ['remove', remove],
]);

interface BackupJob {
  readonly world: Invocation['world'];
  readonly task: Task;
  readonly program: BackupProgram;
  readonly store: FileStore;
  readonly log: Logger;
}

/** As one of ours rendered it. */
type Task = FilesTask & Partial<Omit<TakeTask & FillTask, keyof FilesTask>>;

function taskOf(text: string | undefined): Task {
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  const isTask =
    isJsonObject(value) && ['kind', 'folder'].every((name) => typeof value[name] === 'string');
  if (!isTask) throw usage(`$${taskVariable} says what to do; Jobs of the platform have it`);
  return value as unknown as Task; // the Job was rendered by the same release
}

/** Keys of a store that speaks S3 are read once: a Job is soon over. */
async function openStore(
  { root, folder, s3 }: FilesTask,
  { clock, random }: Invocation['world'],
): Promise<FileStore> {
  if (s3 === undefined) return directoryStore(root ?? '', folder);
  const { endpoint, region, bucket, prefix, secretName: directory } = s3;
  const names = ['accessKeyId', 'secretAccessKey', 'sessionToken', 'ca.crt'] as const;
  const [accessKeyId, secretAccessKey, sessionToken, authority] = await Promise.all(
    names.map((name) => textIn(directory, name)),
  );
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw usage('the Secret of the S3 store has no accessKeyId and secretAccessKey');
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const options = { endpoint, region, bucket, credentials, authority, clock, random };
  return s3Store(options, { prefix, folder });
}

/** Undefined when it is not there, or empty. */
async function textIn(directory: string, name: string): Promise<string | undefined> {
  const text = await readFile(join(directory, name), 'utf8').catch(() => '');
  return text.trim() || undefined;
}

async function take(
  { world, task, program, store, log }: BackupJob,
  signal: AbortSignal,
): Promise<void> {
  const { about, backup: name = '' } = task;
  if (about === undefined) throw usage('the task does not say whose backup it is');
  const { clock, random } = world;
  const { connection } = await clusterAccess(world, undefined, log);
  using transport = httpsTransport(connection);
  const userAgent = `tweendeck-backup/${world.version}`;
  const client = createClient({ transport, clock, random, log, userAgent });
  const write = async (status: object): Promise<void> => {
    const patch = { type: 'merge', body: { status } } as const;
    const ref = { name, namespace: about.namespace };
    const options = { subresource: 'status', fieldManager: 'backup-job' } as const;
    await client.patch(backupKind, ref, patch, options, signal);
  };
  const telling = new Telling(write, log, () => clock.monotonicMs());
  const access = await accessOf(task, clock);
  const progress = telling.progress;
  const manifest = await takeBackup({ program, store, access, about, progress }, signal);
  await telling.rests;
  const { engineVersion, files } = manifest;
  const bytes = sum(files.map((file) => file.bytes));
  const keys = sum(files.map((file) => file.keys));
  await write({ engineVersion, files, bytes, keys, size: sizeText(bytes), progress: null });
  log.info('complete', { in: store.name, files: files.length, bytes, keys });
}

/** Tells how far it is now and then; what cannot be told is told the next time. */
class Telling {
  rests: Promise<void> = Promise.resolve();
  readonly progress: Parameters<typeof takeBackup>[0]['progress'];
  #toldMs: number;

  constructor(write: (status: object) => Promise<void>, log: Logger, nowMs: () => number) {
    this.#toldMs = nowMs();
    this.progress = ({ files, filesDone, bytes }) => {
      if (nowMs() - this.#toldMs < tellMs) return;
      this.#toldMs = nowMs();
      const progress = `${filesDone} of ${files} files, ${sizeText(bytes)}`;
      const told = this.rests.then(() => write({ progress }));
      this.rests = told.catch((error: unknown) => {
        log.warn('the progress was not told', { error });
      });
    };
  }
}

async function fill(
  { world, task, program, store, log }: BackupJob,
  signal: AbortSignal,
): Promise<void> {
  const access = await accessOf(task, world.clock);
  const { kind, resumes = false } = task;
  const filled = await fillFromBackup({ program, store, access, kind, resumes }, signal);
  log.info('filled', { from: store.name, ...filled });
}

async function remove({ store, log }: BackupJob, signal: AbortSignal): Promise<void> {
  await store.clear(signal);
  log.info('removed', { from: store.name });
}

async function accessOf(
  { members = [], passwords, tls }: Partial<MembersTask>,
  clock: BackupAccess['clock'],
): Promise<BackupAccess> {
  // Only one of them is always there.
  const names = passwords === undefined ? [] : ['password', 'next', 'previous'];
  const texts = await Promise.all(names.map((name) => textIn(passwords ?? '', name)));
  return {
    ...{ members, clock, passwords: texts.filter((text) => text !== undefined) },
    tls: tls && {
      authority: await readFile(tls.authority, 'utf8'),
      serverName: tls.serverName,
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
