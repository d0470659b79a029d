// Large answers, compressed for clients that take gzip, as upstream does it: from 128 KiB on, as little as it can.

import { Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import type { ApiRequest, ApiResponse } from '@tweendeck/kube';

/** An answer longer than this many bytes is compressed. */
const lengthMin = 128 * 1024;

const objectTypes = /^application\/(json|yaml)(;|$)/;

/** The same answer, compressed while it is read, if it is large, holds objects, and the client takes gzip. */
export function compressed(
  { path, headers }: Pick<ApiRequest, 'path' | 'headers'>,
  response: ApiResponse,
): ApiResponse {
  const { 'content-length': length, ...rest } = response.headers;
  if (length === undefined || Number(length) <= lengthMin || path.startsWith('/openapi/')) {
    return response;
  }
  if (!takesGzip(headers['accept-encoding']) || rest['content-encoding'] !== undefined) {
    return response;
  }
  if (!objectTypes.test(rest['content-type'] ?? '')) return response;
  const plain = Readable.from(response.body, { objectMode: false });
  const packed = createGzip({ level: constants.Z_BEST_SPEED });
  plain.on('error', (error) => packed.destroy(error));
  packed.on('close', () => plain.destroy());
  const vary = rest['vary'] === undefined ? 'Accept-Encoding' : `${rest['vary']}, Accept-Encoding`;
  return {
    ...response,
    headers: { ...rest, 'content-encoding': 'gzip', vary },
    body: plain.pipe(packed),
  };
}

/** Upstream looks for the word alone: a weight behind it makes it another. */
function takesGzip(acceptEncoding = ''): boolean {
  return acceptEncoding.split(',').some((token) => token.trim() === 'gzip');
}
