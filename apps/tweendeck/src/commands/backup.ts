// `tweendeck backup`: all that a home knows, in a file.

import { readFileSync } from 'node:fs';
import { mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { httpsTransport, parseKubeconfig } from '@tweendeck/client';
import {
  isJsonObject,
  isPlatformError,
  PlatformError,
  silentLogger,
  systemErrorCode,
} from '@tweendeck/std';
import { openSqliteStore, type SqliteStore } from '@tweendeck/store';
import type { Ambient } from '../ambient.ts';
import type { Invocation, OptionValues } from '../command-line.ts';
import { kubeconfigPath, readKubeconfig } from '../connection.ts';
import { makeBackup } from '../home/backup/make-backup.ts';
import type { Manifest } from '../home/backup/manifest.ts';
import { unpackBackup } from '../home/backup/read-backup.ts';
import { homeDirectory, openIdentity } from '../home/home-directory.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const file = resolve(operands[0] ?? '');
  if (options.flag('check')) return check(world, file);
  if (!options.flag('force')) await refuseExisting(file);
  const withKeys = !options.flag('without-keys');
  const store = await openIdle(world, options);
  const bytes = store
    ? await writeIdle(world, options, { store, withKeys, file })
    : await fetchRunning(world, options, { withKeys, file });
  world.write(`${file}: ${bytes} bytes`);
  if (!withKeys) {
    world.writeError(
      'Without keys: keep encryption-keys of the data directory as well, or nobody can read the secrets in it.',
    );
  }
  return 0;
}

/** Says what is in a backup, once all of it was looked at. */
async function check(world: Ambient, file: string): Promise<number> {
  const scratch = await mkdtemp(join(tmpdir(), 'tweendeck-backup-'));
  try {
    const { manifest, recordCount } = await unpackBackup(file, scratch);
    world.write(factsText(manifest, recordCount));
    return 0;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export function factsText(manifest: Manifest, recordCount: number): string {
  return [
    `  made       ${manifest.created} by tweendeck ${manifest.version}`,
    `  home       ${manifest.home}`,
    `  revision   ${manifest.revision}`,
    `  objects    ${recordCount}`,
    `  keys       ${manifest.withKeys ? 'with' : 'without'}`,
  ].join('\n');
}

async function refuseExisting(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (!there) return;
  throw new PlatformError('BACKUP_EXISTS', `${file} is there already`, {
    hint: 'Name another file, or replace it with --force.',
  });
}

/** The store of the home when nobody has it open; undefined when the home runs, or the command means another server. */
async function openIdle(world: Ambient, options: OptionValues): Promise<SqliteStore | undefined> {
  if (options.text('kubeconfig') !== undefined) return undefined;
  const home = homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory);
  if (!(await stat(home.database).catch(() => undefined))) return undefined;
  try {
    return await openSqliteStore(
      { path: home.database, log: silentLogger, reserveBytes: 0 },
      world.signal,
    );
  } catch (error) {
    if (isPlatformError(error, 'STORE_IN_USE')) return undefined;
    throw error;
  }
}

interface Target {
  readonly withKeys: boolean;
  readonly file: string;
}

async function writeIdle(
  world: Ambient,
  options: OptionValues,
  { store, withKeys, file }: Target & { readonly store: SqliteStore },
): Promise<number> {
  await using _store = store;
  const directory = homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory);
  const { id } = await openIdentity(directory, world.random);
  const { clock, version } = world;
  const encryptionKeys = options.text('encryption-keys') ?? directory.encryptionKeys;
  const made = await makeBackup(
    { store, directory, encryptionKeys, id, version, clock },
    { withKeys },
  );
  return await writeWhole(file, made.bytes, made.byteLength);
}

async function fetchRunning(
  world: Ambient,
  options: OptionValues,
  { withKeys, file }: Target,
): Promise<number> {
  const path = kubeconfigPath(world, options);
  const text = await readKubeconfig(path);
  using transport = httpsTransport(
    parseKubeconfig(text, { readFile: (name) => readFileSync(resolve(path, '..', name), 'utf8') }),
  );
  const response = await transport.request(
    {
      method: 'GET',
      path: `/tweendeck/backup?keys=${withKeys}`,
      headers: { accept: 'application/x-tar, application/json' },
    },
    world.signal,
  );
  if (response.status !== 200) throw refusedBy(response.status, await textOf(response.body));
  return await writeWhole(file, response.body, Number(response.headers['content-length']));
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function refusedBy(status: number, text: string): PlatformError {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    said = undefined; // a server that is none of ours
  }
  const message = isJsonObject(said) ? said['message'] : undefined;
  return new PlatformError(
    'BACKUP_REFUSED',
    `the API server says: ${typeof message === 'string' ? message : status}`,
    {
      hint: 'Ask as the administrator of an embedded home, whose kubeconfig is in its data directory.',
    },
  );
}

/** Writes beside the file, and puts it in its place when all is on disk. Gives its length. */
async function writeWhole(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  byteLength: number,
): Promise<number> {
  const part = join(dirname(file), `.${basename(file)}.part`);
  let written = 0;
  try {
    {
      await using target = await open(part, 'w', 0o600);
      for await (const piece of bytes) {
        await target.writeFile(piece);
        written += piece.byteLength;
      }
      await target.sync();
    }
    if (written !== byteLength) {
      throw new PlatformError('BACKUP_DAMAGED', `${written} of ${byteLength} bytes arrived`, {
        hint: 'Take it again.',
      });
    }
    await rename(part, file);
    return written;
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined); // the first failure is the one to tell
    if (error instanceof PlatformError || systemErrorCode(error) === undefined) throw error;
    throw new PlatformError('CLI_FILE_UNWRITABLE', `${file} cannot be written`, {
      cause: error,
      hint: 'Free space on its disk, and see that its folder is there and may be written.',
    });
  }
}
