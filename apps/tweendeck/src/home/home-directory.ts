// The folder of an embedded home: where things are in it, and the identity that it keeps for ever.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isJsonObject, PlatformError, type Random, systemErrorCode } from '@tweendeck/std';

export interface HomeDirectory {
  readonly path: string;
  readonly database: string;
  readonly certificates: string;
  readonly kubeconfig: string;
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
    agent: join(path, 'agent'),
  };
}

/** Makes the folder, private to the user. Throws HOME_UNWRITABLE. */
export async function makeHomeDirectory(home: HomeDirectory): Promise<void> {
  try {
    await mkdir(home.path, { recursive: true, mode: 0o700 });
    await mkdir(home.agent, { recursive: true, mode: 0o700 });
    await mkdir(home.certificates, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PlatformError('HOME_UNWRITABLE', `the data directory ${home.path} cannot be made`, {
      cause,
      hint: 'Name another one with --data-dir, or change the rights of this one.',
    });
  }
}

/** Reads the identity, or makes it at the first start. Throws HOME_DAMAGED. */
export async function openIdentity(home: HomeDirectory, random: Random): Promise<HomeIdentity> {
  const path = join(home.path, 'home.json');
  try {
    return parseIdentity(JSON.parse(await readFile(path, 'utf8')), path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') {
      if (error instanceof PlatformError) throw error;
      throw new PlatformError('HOME_DAMAGED', `${path} cannot be read`, {
        cause: error,
        hint: 'Restore it from a backup, or start with another --data-dir.',
      });
    }
  }
  const identity = freshIdentity(random);
  await writeFile(`${path}.new`, `${JSON.stringify(identity, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
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
