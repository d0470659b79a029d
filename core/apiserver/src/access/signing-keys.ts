// The keys that service account tokens are signed with: the first of a file signs, all of it verify.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { messageOf, PlatformError, systemErrorCode } from '@tweendeck/std';

export type SigningAlgorithm = 'ES256' | 'RS256';

export interface VerifyingKey {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: KeyObject;
}

export interface SigningKey extends VerifyingKey {
  readonly privateKey: KeyObject;
}

export interface SigningKeys {
  readonly signing: SigningKey;
  /** With the signing key, which comes first. */
  readonly verifying: readonly VerifyingKey[];
}

const blocks = /-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g;

/**
 * Reads the file, or makes it with a fresh key, readable by its owner only. To rotate: put a new private key before the
 * others; take the old one away when its tokens have run out. @throws PlatformError APISERVER_SIGNING_KEYS_UNREADABLE.
 */
export async function openSigningKeys(path: string): Promise<SigningKeys> {
  try {
    return parseSigningKeys(await readFile(path, 'utf8'));
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') {
      throw new PlatformError('APISERVER_SIGNING_KEYS_UNREADABLE', `${path}: ${messageOf(cause)}`, {
        cause,
        hint: 'Restore the file. If it is lost, remove it: a new key is made, and every service account token must be asked for again.',
      });
    }
  }
  const text = newSigningKey();
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(text);
  await file.sync();
  return parseSigningKeys(text);
}

/** PEM of a fresh private key. */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Reads PEM blocks of private and public keys: P-256, or RSA. Throws what node:crypto throws, and when nothing can sign. */
export function parseSigningKeys(text: string): SigningKeys {
  const keys = [...text.matchAll(blocks)].map(([block]) => keyOf(block));
  const signing = keys.find((key): key is SigningKey => 'privateKey' in key);
  if (!signing) throw new Error('there is no private key');
  return { signing, verifying: [signing, ...keys.filter((key) => key !== signing)] };
}

function keyOf(block: string): VerifyingKey | SigningKey {
  if (!block.includes('PRIVATE KEY')) return verifyingKey(createPublicKey(block));
  const privateKey = createPrivateKey(block);
  return { ...verifyingKey(createPublicKey(privateKey)), privateKey };
}

function verifyingKey(publicKey: KeyObject): VerifyingKey {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const id = createHash('sha256').update(der).digest('base64url');
  return { id, algorithm: algorithmOf(publicKey), publicKey };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SigningAlgorithm {
  if (asymmetricKeyType === 'rsa') return 'RS256';
  if (asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new Error(`a key of type ${asymmetricKeyType} does not sign tokens here`);
}
