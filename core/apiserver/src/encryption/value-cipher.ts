// One value at rest: AES-256-GCM, bound to the place it is stored at, marked with the name of its key.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { PlatformError, type Random } from '@tweendeck/std';
import type { EncryptionKey, EncryptionKeys } from './encryption-keys.ts';

/** What comes before the name of the key; upstream's mark for the same form. */
const mark = 'k8s:enc:aesgcm:v1:';
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const nameBytesMax = 64;

/** Whether a value is encrypted, by whatever key. */
export function isSealed(value: Uint8Array): boolean {
  return bufferOf(value).subarray(0, mark.length).equals(Buffer.from(mark));
}

export class ValueCipher {
  readonly #keys: ReadonlyMap<string, EncryptionKey>;
  readonly #current: EncryptionKey;
  readonly #random: Pick<Random, 'bytes'>;

  constructor(keys: EncryptionKeys, random: Pick<Random, 'bytes'>) {
    this.#keys = new Map(keys.map((key) => [key.name, key]));
    this.#current = keys[0];
    this.#random = random;
  }

  /** Encrypts with the first key. */
  seal(place: string, value: Uint8Array): Uint8Array {
    const nonce = this.#random.bytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#current.bytes, nonce);
    cipher.setAAD(Buffer.from(place));
    const head = Buffer.from(`${mark}${this.#current.name}:`);
    const body = [cipher.update(value), cipher.final()];
    return Buffer.concat([head, nonce, ...body, cipher.getAuthTag()]);
  }

  /** Decrypts; a value that is not encrypted is given back. @throws PlatformError APISERVER_ENCRYPTION_KEY_MISSING, APISERVER_ENCRYPTED_VALUE_DAMAGED. */
  unseal(place: string, value: Uint8Array): Uint8Array {
    if (!isSealed(value)) return value;
    const name = keyNameOf(value);
    const key = this.#keys.get(name);
    if (!key) throw missingKey(place, name);
    const start = mark.length + name.length + 1;
    const bytes = bufferOf(value);
    const end = bytes.length - tagBytes;
    try {
      const nonce = bytes.subarray(start, start + nonceBytes);
      const decipher = createDecipheriv(algorithm, key.bytes, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(end));
      return Buffer.concat([
        decipher.update(bytes.subarray(start + nonceBytes, end)),
        decipher.final(),
      ]);
    } catch (cause) {
      throw new PlatformError(
        'APISERVER_ENCRYPTED_VALUE_DAMAGED',
        `${place} cannot be decrypted with the key ${name}`,
        {
          cause,
          hint: 'Another key has this name now, or the value was changed on disk. Restore the file of keys that was in use, or the data directory, from a backup.',
        },
      );
    }
  }

  /** Whether a value is as it would be written now. */
  isCurrent(value: Uint8Array): boolean {
    return isSealed(value) && keyNameOf(value) === this.#current.name;
  }
}

/** The error for a value whose key nobody has. */
export function missingKey(place: string, name: string): PlatformError {
  return new PlatformError(
    'APISERVER_ENCRYPTION_KEY_MISSING',
    `${place} was encrypted with the key ${name}, which is not there`,
    {
      hint: 'Restore the file of keys from where it is kept safe, or name it with --encryption-keys. Nothing was changed.',
    },
  );
}

/** The key that encrypted a value. */
export function keyNameOf(value: Uint8Array): string {
  const text = bufferOf(value)
    .subarray(mark.length, mark.length + nameBytesMax + 1)
    .toString('latin1');
  return text.slice(0, Math.max(0, text.indexOf(':')));
}

function bufferOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
