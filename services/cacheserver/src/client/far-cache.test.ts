import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlatformError } from '@tweendeck/std';
import { checkFar, type FarCache, trustFault } from './far-cache.ts';

const address = { host: 'cache.example', port: 8_443 };
const secured: FarCache = { ...address, tls: {} };
const failure = (code: string): Error => Object.assign(new Error(`told ${code}`), { code });

for (const { name, far = secured, cause, isSecured = false, code, hint } of [
  { name: 'nothing is mistrusted in the clear', far: address, cause: failure('CERT_HAS_EXPIRED') },
  { name: 'nobody listens', cause: failure('ECONNREFUSED') },
  { name: 'it does not speak TLS', cause: failure('ERR_SSL_WRONG_VERSION_NUMBER') },
  {
    name: 'its certificate expired',
    cause: failure('CERT_HAS_EXPIRED'),
    code: 'CACHE_SERVER_UNTRUSTED',
    hint: /^Renew/,
  },
  {
    name: 'nobody vouches for it',
    cause: failure('DEPTH_ZERO_SELF_SIGNED_CERT'),
    code: 'CACHE_SERVER_UNTRUSTED',
    hint: /as the CA/,
  },
  {
    name: 'somebody else vouches for it',
    cause: failure('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    code: 'CACHE_SERVER_UNTRUSTED',
    hint: /as the CA/,
  },
  {
    name: 'it is somebody else',
    cause: failure('ERR_TLS_CERT_ALTNAME_INVALID'),
    code: 'CACHE_SERVER_UNTRUSTED',
    hint: /name of the server/,
  },
  {
    name: 'it wants a certificate, in the handshake of 1.2',
    cause: failure('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'),
    code: 'CACHE_NOT_ADMITTED',
  },
  {
    name: 'it wants a certificate, behind the handshake of 1.3',
    cause: failure('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
    isSecured: true,
    code: 'CACHE_NOT_ADMITTED',
  },
  { name: 'it wants another token', cause: undefined, isSecured: true, code: 'CACHE_NOT_ADMITTED' },
] as const satisfies readonly {
  readonly name: string;
  readonly far?: FarCache;
  readonly cause: Error | undefined;
  readonly isSecured?: boolean;
  readonly code?: string;
  readonly hint?: RegExp;
}[]) {
  test(`a connection that did not come about: ${name}`, () => {
    const fault = trustFault(far, cause, { secured: isSecured });
    assert.equal(fault?.code, code);
    if (hint !== undefined) assert.match(fault?.hint ?? '', hint);
    if (fault !== undefined) assert.match(fault.message, /^cache\.example:8443: \S/);
  });
}

const noPem = import.meta.filename;
for (const { name, tls } of [
  { name: 'no CA', tls: { caFile: '/nowhere/ca.crt' } },
  { name: 'no token', tls: { tokenFile: '/nowhere/token' } },
  { name: 'an empty token', tls: { tokenFile: '/dev/null' } },
  { name: 'no PEM', tls: { certificateFile: noPem, keyFile: noPem } },
]) {
  test(`files that cannot be used: ${name}`, () => {
    const isUnusable = (error: unknown): boolean => isPlatformError(error, 'CACHE_TLS_UNUSABLE');
    assert.throws(() => checkFar({ ...address, tls }), isUnusable);
  });
}

test('what is reached in the clear needs no files', () => checkFar(address));
