// The examples that Amazon publishes for S3 (sig-v4-header-based-auth.html).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAwsPath, sha256Hex, signAwsRequest } from './aws-signature.ts';

const scope = {
  credentials: {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  },
  ...{ region: 'us-east-1', service: 's3', nowMs: Date.parse('2013-05-24T00:00:00Z') },
};
const host = 'examplebucket.s3.amazonaws.com';
const empty = sha256Hex('');

for (const { name, request, signature } of [
  {
    name: 'GET of an object',
    request: {
      ...{ method: 'GET', path: '/test.txt', headers: { Range: 'bytes=0-9' } },
      bodySha256: empty,
    },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'PUT of an object',
    request: {
      ...{ method: 'PUT', path: encodeAwsPath('/test$file.text') },
      headers: {
        Date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      },
      bodySha256: sha256Hex('Welcome to Amazon S3.'),
    },
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 'GET of a setting of a bucket',
    request: { method: 'GET', path: '/', query: { lifecycle: '' }, bodySha256: empty },
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'GET of a list',
    request: {
      ...{ method: 'GET', path: '/', query: { prefix: 'J', 'max-keys': '2' }, bodySha256: empty },
    },
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
]) {
  test(`signs the ${name}`, () => {
    const { authorization = '' } = signAwsRequest({ host, ...request }, scope);
    assert.equal(authorization.split('Signature=')[1], signature);
  });
}

test('a token of lent credentials is signed', () => {
  const lent = { ...scope, credentials: { ...scope.credentials, sessionToken: 'T' } };
  const headers = signAwsRequest({ method: 'GET', path: '/', host, bodySha256: empty }, lent);
  assert.equal(headers['x-amz-security-token'], 'T');
  assert.match(headers['authorization'] ?? '', /;x-amz-security-token,/);
});
