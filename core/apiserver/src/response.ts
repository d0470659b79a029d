// Answers: a status, headers, and a body that is whole or a stream.

import { type ApiError, type ApiResponse, WholeBody } from '@tweendeck/kube';
import { UnservedPathError } from './failures.ts';
import { lengthOf, oneOf, type Piece } from './piece.ts';
import { yamlText } from './yaml-text.ts';

const chunkBytes = 256 * 1024;

/** An answer whose body is known. Small pieces are joined, so that a list of many objects is few chunks. */
export function bytesResponse(
  status: number,
  contentType: string,
  pieces: readonly Piece[],
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  const length = lengthOf(pieces);
  return {
    status,
    headers: { 'content-type': contentType, 'content-length': String(length), ...headers },
    body: length <= chunkBytes ? new WholeBody(oneOf(pieces, length)) : joined(pieces),
  };
}

async function* joined(pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
  let batch: Piece[] = [];
  let size = 0;
  for (const piece of pieces) {
    batch.push(piece);
    size += piece.byteLength;
    if (size < chunkBytes) continue;
    yield oneOf(batch, size);
    batch = [];
    size = 0;
  }
  if (size > 0) yield oneOf(batch, size);
}

export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return bytesResponse(
    status,
    'application/json',
    [Buffer.from(`${JSON.stringify(value)}\n`)],
    headers,
  );
}

/** Text as it is: browsers shall not guess that it is something else. */
export function textResponse(status: number, text: string): ApiResponse {
  return bytesResponse(status, 'text/plain; charset=utf-8', [Buffer.from(text)], {
    'x-content-type-options': 'nosniff',
  });
}

/** The answer for a failure: its Status object, if it has one. */
export function failureResponse(
  error: ApiError,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  if (error instanceof UnservedPathError) return textResponse(error.code, error.text);
  const seconds = error.details?.retryAfterSeconds;
  return jsonResponse(error.code, error.toStatus(), {
    ...headers,
    ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
  });
}

/** An answer that ends when its body does. */
export function streamResponse(
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return { status: 200, headers: { 'content-type': contentType, ...headers }, body };
}

/** The same answer in YAML, if it is JSON and whole. */
export async function asYaml(response: ApiResponse): Promise<ApiResponse> {
  const length = response.headers['content-length'];
  if (response.headers['content-type'] !== 'application/json' || length === undefined) {
    return response;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const text = yamlText(JSON.parse(Buffer.concat(chunks).toString()));
  const { 'content-type': _, 'content-length': __, ...headers } = response.headers;
  return bytesResponse(response.status, 'application/yaml', [Buffer.from(text)], headers);
}
