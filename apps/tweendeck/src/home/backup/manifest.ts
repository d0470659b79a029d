// What a backup says of itself, in its first member.

import { isJsonObject } from '@tweendeck/std';

export const manifestName = 'manifest.json';
/** Backups of another format are not read. */
export const manifestFormat = 1;
export const databaseName = 'state.db';
const certificatesFolder = 'certificates';

export interface ManifestFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly format: number;
  /** Of the program that made it. */
  readonly version: string;
  /** RFC 3339. */
  readonly created: string;
  /** Of the home. */
  readonly home: string;
  /** The last change that is in it. */
  readonly revision: number;
  readonly withKeys: boolean;
  readonly files: readonly ManifestFile[];
}

/** Undefined for what is no manifest of this format. */
export function parseManifest(text: string): Manifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { format, version, created, home, revision, withKeys, files } = value;
  if (
    format !== manifestFormat ||
    typeof version !== 'string' ||
    typeof created !== 'string' ||
    typeof home !== 'string' ||
    typeof revision !== 'number' ||
    typeof withKeys !== 'boolean' ||
    !Array.isArray(files)
  ) {
    return undefined;
  }
  const listed = files.map(fileOf);
  if (!listed.every((file) => file !== undefined)) return undefined;
  return { format, version, created, home, revision, withKeys, files: listed };
}

function fileOf(value: unknown): ManifestFile | undefined {
  if (!isJsonObject(value)) return undefined;
  const { name, size, sha256 } = value;
  if (typeof name !== 'string' || typeof size !== 'number' || typeof sha256 !== 'string') {
    return undefined;
  }
  return isKnownName(name) ? { name, size, sha256 } : undefined;
}

const plainNames = new Set([
  databaseName,
  'home.json',
  'service-account-keys.pem',
  'encryption-keys',
]);

/** Only these go to a data directory, whatever an archive holds. */
function isKnownName(name: string): boolean {
  return plainNames.has(name) || /^certificates\/[a-z][a-z.-]*$/.test(name);
}

/** Whether a file lets its holder act as the home, or read its secrets; certificates stay with their keys. */
export function isKey(name: string): boolean {
  return keyNames.some((each) => name === each || name.startsWith(`${each}/`));
}

/** What a backup without keys leaves out, and its restore leaves alone. */
export const keyNames: readonly string[] = [
  'service-account-keys.pem',
  'encryption-keys',
  certificatesFolder,
];

/** Names in an archive of the files of a certificates directory. */
export function certificateName(file: string): string {
  return `${certificatesFolder}/${file}`;
}
