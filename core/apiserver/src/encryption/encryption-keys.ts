// The keys that values at rest are encrypted with: a file of lines `NAME BASE64`, 32 bytes each. The first encrypts, all decrypt.

import { open, readFile } from 'node:fs/promises';
import { messageOf, PlatformError, type Random, systemErrorCode } from '@tweendeck/std';

export interface EncryptionKey {
  /** Stands beside every value that it encrypted. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Never empty. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

const keyBytes = 32;
const namePattern = /^[A-Za-z0-9._-]{1,64}$/;
const hint =
  'Restore the file from where it is kept safe. Without its keys nobody can read what they encrypted.';

/** Undefined when there is no such file. @throws PlatformError APISERVER_ENCRYPTION_KEYS_UNREADABLE. */
export async function readEncryptionKeys(path: string): Promise<EncryptionKeys | undefined> {
  try {
    return parseEncryptionKeys(await readFile(path, 'utf8'));
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw new PlatformError(
      'APISERVER_ENCRYPTION_KEYS_UNREADABLE',
      `${path}: ${messageOf(cause)}`,
      {
        cause,
        hint,
      },
    );
  }
}

/** Makes the file with one key, readable by its owner only; it is on disk when this returns. @throws PlatformError APISERVER_ENCRYPTION_KEYS_UNWRITABLE. */
export async function makeEncryptionKeys(path: string, random: Random): Promise<EncryptionKeys> {
  const key = { name: `key-${random.uuid().slice(0, 8)}`, bytes: random.bytes(keyBytes) };
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(`${head}\n${lineOf(key)}\n`);
    await file.sync();
  } catch (cause) {
    throw new PlatformError(
      'APISERVER_ENCRYPTION_KEYS_UNWRITABLE',
      `${path}: ${messageOf(cause)}`,
      {
        cause,
        hint: 'Name a file in a folder that is there and may be written to, or none.',
      },
    );
  }
  return [key];
}

const head =
  '# Keys of what this home encrypts: NAME BASE64 a line. The first encrypts, all decrypt. Keep a copy elsewhere.';

function lineOf({ name, bytes }: EncryptionKey): string {
  return `${name} ${Buffer.from(bytes).toString('base64')}`;
}

/** Empty lines and those that begin with `#` say nothing. Throws when a line is no key, or none is there. */
export function parseEncryptionKeys(text: string): EncryptionKeys {
  const keys = text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [name = '', encoded = '', ...more] = trimmed.split(/\s+/);
    const bytes = Buffer.from(encoded, 'base64');
    if (!namePattern.test(name) || bytes.length !== keyBytes || more.length > 0) {
      throw new Error(`line ${index + 1} is no key: NAME and ${keyBytes} bytes in base64`);
    }
    return [{ name, bytes }];
  });
  const names = new Set(keys.map(({ name }) => name));
  if (names.size < keys.length) throw new Error('two keys have the same name');
  const [first, ...rest] = keys;
  if (!first) throw new Error('there is no key');
  return [first, ...rest];
}
