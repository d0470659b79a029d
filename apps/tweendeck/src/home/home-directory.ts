// The folder of an embedded home: where things are in it, and the identity that it keeps for ever.

import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  isJsonObject,
  isPlatformError,
  messageOf,
  PlatformError,
  type Random,
  systemErrorCode,
} from '@tweendeck/std';

export interface HomeDirectory {
  readonly path: string;
  readonly database: string;
  readonly certificates: string;
  readonly kubeconfig: string;
  /** Of service account tokens. */
  readonly signingKeys: string;
  /** Of what is encrypted at rest. */
  readonly encryptionKeys: string;
  readonly agent: string;
}

/** Kept in `home.json` from the first start on. */
export interface HomeIdentity {
  readonly id: string;
  /** Loopback addresses of pods, a /24. */
  readonly podRange: string;
  /** Loopback addresses of services, a /24. */
  readonly serviceRange: string;
}

/** `--data-dir`, or the XDG state directory. */
export function homeDirectory(
  given: string | undefined,
  environment: Readonly<Record<string, string>>,
  userHome: string,
): HomeDirectory {
  const state = environment['XDG_STATE_HOME'] || join(userHome, '.local', 'state');
  const path = resolve(given ?? join(state, 'tweendeck'));
  return {
    path,
    database: join(path, 'state.db'),
    certificates: join(path, 'certificates'),
    kubeconfig: join(path, 'kubeconfig'),
    signingKeys: join(path, 'service-account-keys.pem'),
    encryptionKeys: join(path, 'encryption-keys'),
    agent: join(path, 'agent'),
  };
}

/** Makes the folder, private to the user. Throws HOME_UNWRITABLE. */
export async function makeHomeDirectory(home: HomeDirectory): Promise<void> {
  try {
    for (const path of [home.path, home.agent, home.certificates]) await makeDirectory(path);
    // Programs of pods that run as other users pass through it; all that is in it is closed to them.
    await chmod(home.path, (await stat(home.path)).mode | 0o011);
  } catch (cause) {
    throw unwritable(home, cause);
  }
}

/** With its parents. Node's own recursion never ends where nothing can be made, as below /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
      if (systemErrorCode(again) !== 'EEXIST') throw again; // another program made it in the meantime
    });
  }
}

const refusals = new Set(
  'EACCES EDQUOT EEXIST EFBIG EIO EISDIR ENAMETOOLONG ENOENT ENOSPC ENOTDIR EPERM EROFS'.split(' '),
);

/** Whether what stopped the start is the disk below the data directory and nobody said so yet in words for the user. */
export function isDiskRefusal(error: unknown, home: Pick<HomeDirectory, 'database'>): boolean {
  if (isPlatformError(error)) return false;
  const code = systemErrorCode(error);
  if (code !== undefined) return refusals.has(code);
  return messageOf(error).includes(`${home.database}: `); // the store, through the API server
}

/** The error for it. */
export function unwritable(home: Pick<HomeDirectory, 'path'>, cause: unknown): PlatformError {
  return new PlatformError('HOME_UNWRITABLE', `the data directory ${home.path}`, {
    cause,
    hint: 'Free space on its disk, see that all in it belongs to you and may be written, or name another one with --data-dir.',
  });
}

/** Replaces a file that only its owner may read, at once: it is the old one or the new one, whatever happens. */
export async function replacePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    {
      await using file = await open(temporary, 'w', 0o600);
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

/** Reads the identity, or makes it at the first start. Throws HOME_DAMAGED, HOME_UNWRITABLE. */
export async function openIdentity(home: HomeDirectory, random: Random): Promise<HomeIdentity> {
  const path = join(home.path, 'home.json');
  try {
    return parseIdentity(JSON.parse(await readFile(path, 'utf8')), path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') {
      if (error instanceof PlatformError) throw error;
      if (!(error instanceof SyntaxError)) throw unwritable(home, error);
      throw new PlatformError('HOME_DAMAGED', `${path} cannot be read`, {
        cause: error,
        hint: 'Restore it from a backup, or start with another --data-dir.',
      });
    }
  }
  const identity = freshIdentity(random);
  await replacePrivate(path, `${JSON.stringify(identity, undefined, 2)}\n`);
  return identity;
}

/** A new identity; pods and services of two homes on one machine rarely share a range (1 in 8,000 each). */
export function freshIdentity(random: Random): HomeIdentity {
  const range = (first: number): string =>
    `127.${first + random.integer(32)}.${random.integer(256)}.0/24`;
  return { id: random.uuid(), podRange: range(64), serviceRange: range(96) };
}

function parseIdentity(value: unknown, path: string): HomeIdentity {
  if (isJsonObject(value)) {
    const { id, podRange, serviceRange } = value;
    if (
      typeof id === 'string' &&
      id !== '' &&
      typeof podRange === 'string' &&
      typeof serviceRange === 'string'
    ) {
      return { id, podRange, serviceRange };
    }
  }
  throw new PlatformError('HOME_DAMAGED', `${path} does not hold id, podRange and serviceRange`, {
    hint: 'Restore it from a backup, or start with another --data-dir.',
  });
}
