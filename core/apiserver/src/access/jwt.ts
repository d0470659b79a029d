// JSON web tokens in compact form (RFC 7515, 7519): as much of them as service account tokens need.

import { type KeyObject, sign, verify } from 'node:crypto';
import { isJsonObject } from '@tweendeck/std';
import type { SigningAlgorithm, SigningKey, VerifyingKey } from './signing-keys.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface ParsedToken {
  readonly algorithm: string;
  /** Empty when the token does not say. */
  readonly keyId: string;
  /** Not to be believed before {@link verifies}. */
  readonly claims: Claims;
  readonly signed: string;
  readonly signature: Buffer;
}

const tokenLengthMax = 16 * 1024;

export function signToken(claims: Claims, key: SigningKey): string {
  const header = encode({ alg: key.algorithm, kid: key.id });
  const signed = `${header}.${encode(claims)}`;
  const signature = sign(
    'sha256',
    Buffer.from(signed),
    parametersOf(key.privateKey, key.algorithm),
  );
  return `${signed}.${signature.toString('base64url')}`;
}

/** Takes a token apart; undefined when it is none. */
export function parseToken(text: string): ParsedToken | undefined {
  if (text.length > tokenLengthMax) return undefined;
  const [header = '', payload = '', signature = '', ...more] = text.split('.');
  if (more.length > 0) return undefined;
  const [head, claims] = [decode(header), decode(payload)];
  if (!head || !claims) return undefined;
  const { alg, kid } = head;
  return {
    algorithm: String(alg),
    keyId: typeof kid === 'string' ? kid : '',
    claims,
    signed: `${header}.${payload}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** Whether this key made the signature. A token of another algorithm than the key's own is refused, whatever it says. */
export function verifies(token: ParsedToken, key: VerifyingKey): boolean {
  if (token.algorithm !== key.algorithm) return false;
  const parameters = parametersOf(key.publicKey, key.algorithm);
  return verify('sha256', Buffer.from(token.signed), parameters, token.signature);
}

function parametersOf(key: KeyObject, algorithm: SigningAlgorithm) {
  return algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Record<string, unknown> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
