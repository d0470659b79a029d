// What is written last into the folder of a backup: without it there is none.

import { isJsonObject, PlatformError } from '@tweendeck/std';

/** One file of a backup. */
export interface BackupFile {
  readonly name: string;
  /** What it holds: `slots 0-5460`. */
  readonly holds: string;
  readonly bytes: number;
  readonly keys: number;
  readonly sha256: string;
  /** Who gave it. */
  readonly member: string;
  /** Of its leader's stream of writes, up to which all is in it. */
  readonly offset: number;
  /** RFC 3339. */
  readonly startTime: string;
  readonly endTime: string;
}

export interface Manifest {
  readonly format: 1;
  readonly kind: string;
  readonly cluster: string;
  readonly namespace: string;
  /** Of the Backup that they are of. */
  readonly uid: string;
  readonly engineVersion: string;
  readonly startTime: string;
  readonly endTime: string;
  readonly files: readonly BackupFile[];
}

export const manifestName = 'manifest.json';

const fileFields = {
  ...({ name: 'string', holds: 'string', bytes: 'number', keys: 'number' } as const),
  ...({ sha256: 'string', member: 'string', offset: 'number' } as const),
  ...({ startTime: 'string', endTime: 'string' } as const),
};
const fields = {
  ...({ kind: 'string', cluster: 'string', namespace: 'string', uid: 'string' } as const),
  ...({ engineVersion: 'string', startTime: 'string', endTime: 'string' } as const),
};

/** `where` is for the message. @throws PlatformError ENGINE_BACKUP_DAMAGED */
export function parseManifest(text: string, where: string): Manifest {
  const value = jsonOf(text);
  const isWhole =
    has(value, fields) &&
    value['format'] === 1 &&
    Array.isArray(value['files']) &&
    value['files'].every((file) => has(file, fileFields) && isFileName(file['name']));
  if (!isWhole) {
    throw new PlatformError('ENGINE_BACKUP_DAMAGED', `${where} is not the manifest of a backup`, {
      hint: 'Restore from another backup; this one was changed or is of a later version.',
    });
  }
  return value as unknown as Manifest; // every field was looked at
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function has(
  value: unknown,
  types: Readonly<Record<string, string>>,
): value is Readonly<Record<string, unknown>> {
  return (
    isJsonObject(value) &&
    Object.entries(types).every(([name, type]) => typeof value[name] === type)
  );
}

/** A name in the folder, and nothing that leads out of it. */
function isFileName(name: unknown): boolean {
  return typeof name === 'string' && /^[a-z0-9][a-z0-9-]*\.[a-z]+$/.test(name);
}
