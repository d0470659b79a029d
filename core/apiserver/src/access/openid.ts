// What others need to verify service account tokens themselves: the issuer's metadata and its public keys.

import type { ApiResponse } from '@tweendeck/kube';
import { bytesResponse } from '../response.ts';
import type { TokenTrust } from './token-authenticator.ts';

const keysPath = '/openid/v1/jwks';
const caching = { 'cache-control': 'public, max-age=3600' };

/** Answers the two documents; undefined for other paths. `host` is where this server is reached. */
export function answerOpenId(
  { keys, issuer }: TokenTrust,
  path: string,
  host: string,
): ApiResponse | undefined {
  if (path === keysPath) {
    const set = keys.verifying.map(({ id, algorithm, publicKey }) => {
      const { kty, ...rest } = publicKey.export({ format: 'jwk' });
      return { use: 'sig', kty, kid: id, alg: algorithm, ...rest };
    });
    return document('application/jwk-set+json', { keys: set });
  }
  if (path !== '/.well-known/openid-configuration') return undefined;
  return document('application/json', {
    issuer,
    jwks_uri: `https://${host}${keysPath}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [
      ...new Set(keys.verifying.map(({ algorithm }) => algorithm)),
    ].toSorted(),
  });
}

function document(type: string, value: unknown): ApiResponse {
  return bytesResponse(200, type, [Buffer.from(JSON.stringify(value))], caching);
}
