// Which answers are compressed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { ApiResponse } from '@tweendeck/kube';
import { compressed } from './compression.ts';
import { bytesResponse } from './response.ts';

const large = Buffer.from(JSON.stringify({ items: Array(20_000).fill('the same again') }));
const list = bytesResponse(200, 'application/json', [large, Buffer.from('\n')]);

async function bytesOf({ body }: ApiResponse): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('a large list is compressed for who takes gzip', async () => {
  const headers = { 'accept-encoding': 'deflate, gzip' };
  const answer = compressed({ path: '/api/v1/pods', headers }, list);
  assert.deepEqual(answer.headers, {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    vary: 'Accept-Encoding',
  });
  const bytes = await bytesOf(answer);
  assert.ok(bytes.byteLength < large.byteLength / 50, `${bytes.byteLength} bytes`);
  assert.equal(gunzipSync(bytes).toString(), `${large.toString()}\n`);
});

test('a body that breaks off breaks the compressed one off', async () => {
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield large;
    throw new Error('the store is gone');
  };
  const headers = { 'accept-encoding': 'gzip' };
  const answer = compressed({ path: '/api/v1/pods', headers }, { ...list, body: broken() });
  await assert.rejects(bytesOf(answer), /the store is gone/);
});

for (const { name, path = '/api/v1/pods', encoding, response = list } of [
  { name: 'who does not ask for it', encoding: undefined },
  { name: 'who weighs it, as upstream has it', encoding: 'gzip;q=1' },
  {
    name: 'a small answer',
    encoding: 'gzip',
    response: bytesResponse(200, 'application/json', []),
  },
  { name: 'OpenAPI documents, which see to it themselves', path: '/openapi/v3', encoding: 'gzip' },
  { name: 'what is text', encoding: 'gzip', response: bytesResponse(200, 'text/plain', [large]) },
]) {
  test(`nothing is compressed for ${name}`, () => {
    const headers = encoding === undefined ? {} : { 'accept-encoding': encoding };
    assert.equal(compressed({ path, headers }, response), response);
  });
}
